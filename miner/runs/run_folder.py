"""The folder of a run: written under a hidden name, renamed when complete; a later run resumes the blocks of an interrupted one.

    .NAME.part/             the incomplete run; locked while its process lives, and recorded as scratch (miner.io.scratch)
        started.json        its inputs: only a run with equal inputs resumes its blocks
        candidates.parquet  the blocks written so far
        blocks.sha256       the hash of each

Owns locks, hidden names and incomplete runs; does not know the contents of a run.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miner.errors import BusyError, ConfigError, IntegrityError, StorageError
from miner.io.atomic import check_output_path, storing, sync_folder, sync_tree, write_json
from miner.io.folder_tree import remove, rename
from miner.io.plain_files import read_text
from miner.io.row_writer import output_kind
from miner.io.scratch import LOCK, forget, hold, is_held, make_scratch, record, remove_scratch
from miner.runs.candidate_store import HASH_FILE
from miner.runs.manifest import foreign_names, is_whole
from miner.runs.output_paths import OutputPaths, output_paths, resolve_out, training_file_name

log = logging.getLogger(__name__)

REPLACED_SUFFIX = ".old.part"
"""Suffix of the hidden name of a run that is being replaced."""
BLOCKS, START_NOTE = "candidates.parquet", "started.json"
RESUMABLE = (BLOCKS, START_NOTE, HASH_FILE)
"""Files of an incomplete run that a later run resumes."""


@dataclass(frozen=True)
class Target:
    """The paths of a run.

    folder, file: the run folder and the training file while the run is incomplete.
    final: the run folder of the complete run.
    name: the training file relative to `final`; "" for standard output.
    temporary: whether the run is deleted with its object.
    """

    folder: Path
    file: str
    final: Path
    name: str
    temporary: bool = False

    @property
    def output_paths(self) -> list[Path]:
        """The run folder and the training file of the complete run."""
        return [Path(os.path.realpath(path)) for path in (self.final, self.final / self.name)]

    @property
    def blocks(self) -> Path:
        """The folder of the blocks of pass 1."""
        return self.folder / BLOCKS

    def begin(self, made_from: Mapping[str, Any], resume: bool | None) -> bool:
        """True where blocks of an interrupted run can be resumed; blocks with other inputs are removed. Records `made_from`, the inputs.

        resume: None resumes blocks with equal inputs, True raises ConfigError where the inputs differ, False removes all blocks.
        """
        blocks = sorted(self.blocks.glob("block-*")) if self.blocks.is_dir() else []
        recorded, inputs = _load(self.folder / START_NOTE), json.loads(json.dumps(made_from))
        difference = next((name for name in {**inputs, **recorded} if recorded.get(name) != inputs.get(name)), None)
        if blocks and difference and resume:
            name, before, after = _difference(difference, recorded.get(difference), inputs.get(difference))
            raise ConfigError(f"cannot resume {self.final}: the interrupted run was made with {name} {before}, this one has {after}")
        if difference or resume is False:
            remove(self.blocks, ignore_errors=True)
            blocks = []
        write_json(self.folder / START_NOTE, inputs)
        return bool(blocks)


@contextmanager
def target(out: str | Path | None, kind: str | None, force: bool, output_format: str) -> Iterator[Target]:
    """The paths of a new run; on a clean exit the run folder and the training file are renamed to their final names.

    On an error nothing remains but complete blocks, for a run with equal inputs; a note of the error says so.
    """
    out = resolve_out(out)
    default_name = training_file_name(out, kind, output_format)
    if out is None or str(out) == "-":
        folder = make_scratch() / "run"
        try:
            (folder / "dataset").mkdir(parents=True)
            name = default_name if out is None else ""
            yield Target(folder, str(folder / name) if name else "-", folder, name, temporary=True)
            _clear(folder, names=(START_NOTE, HASH_FILE))
        except BaseException:
            remove_scratch(folder.parent)
            raise
        return
    is_file, file, final = _free_paths(out, default_name, force)
    with _run_part(final) as folder:
        path = folder / (f"triplets{output_kind(out)}" if is_file else default_name)
        yield Target(folder, str(path), final, f"../{file.name}" if is_file else path.name)
    if is_file:
        with storing(file):
            rename(final / path.name, file)
            sync_folder(file.parent)


def check(out: str | Path | None, kind: str | None, force: bool, output_format: str) -> Path | None:
    """The nearest existing parent folder of a run; None for a temporary run. Creates nothing; restores a run that a killed process hid.

    Raises ConfigError as `target` does, and StorageError where the folder is not writable.
    """
    out = resolve_out(out)
    default_name = training_file_name(out, kind, output_format)
    if out is None or str(out) == "-":
        return None
    final = Path(os.path.realpath(_free_paths(out, default_name, force).final))
    with storing(final):
        _check_replaceable(final)
    nearest = next(folder for folder in final.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write {out}: {nearest} is {'not writable' if nearest.is_dir() else 'no folder'}")
    return nearest


def parent_folders(out: str | Path | None) -> list[Path]:
    """The folders of incomplete runs for `out`."""
    if out is not None:
        check_output_path(out)
    return [] if out is None or str(out) in ("", "-") else [Path(os.path.realpath(out)).parent]


def restore(final: Path) -> bool:
    """Restore the run that a process was replacing when it was killed between its two renames; True where a complete one was restored.

    Does nothing where `final` exists, or a live process writes a run there.
    """
    part, old = _hidden(final)
    if not old.is_dir() or not _is_free(final) or is_held(part) or not is_whole(old):
        return False
    with storing(final):
        rename(old, final)
        sync_folder(final.parent)
    forget(old)
    log.warning("%s holds the run again that a killed process was replacing", final)
    return True


def _is_free(final: Path) -> bool:
    return not final.exists() or (final.is_dir() and not any(final.iterdir()))


def _hidden(final: Path) -> tuple[Path, Path]:
    """The hidden folders of an incomplete run for `final`, and of the run that it replaces."""
    return final.with_name(f".{final.name}.part"), final.with_name(f".{final.name}{REPLACED_SUFFIX}")


def _free_paths(out: str | Path, default_name: str, force: bool) -> OutputPaths:
    """The paths of `out`; the run folder is restored after a kill. ConfigError where one of them exists."""
    paths = output_paths(out, default_name)
    restore(Path(os.path.realpath(paths.final)))
    for path in (paths.final, paths.file):
        is_empty = path.is_dir() and not any(path.iterdir())
        if path.exists() and not is_empty and not force:
            is_foreign = path == paths.final and path.is_dir() and not (path / "manifest.json").is_file()
            advice = "and is no run folder; choose another --out" if is_foreign else "; choose another --out, or replace it with --force"
            raise ConfigError(f"{path} exists already{' ' * is_foreign}{advice}")
    return paths


@contextmanager
def _run_part(path: Path) -> Iterator[Path]:
    """A locked folder that is renamed to `path` on a clean exit; it replaces a run folder and nothing else."""
    final = Path(os.path.realpath(path))
    part, old = _hidden(final)
    with storing(final):
        _check_replaceable(final)
    with _lock(part, path) as lock:
        try:
            with storing(final):
                _clear(part, keep=(*RESUMABLE, LOCK))
                (part / "dataset").mkdir()
            yield part
            with storing(final):
                sync_tree(part)  # takes the longest: a run that is killed meanwhile can be resumed
                _clear(part, names=(START_NOTE, HASH_FILE))
                os.ftruncate(lock, 0)  # from here on it is not a scratch folder of this process
                _swap(part, final, old)
        except BaseException as error:
            _clean_up(part, error)
            raise


@contextmanager
def _lock(part: Path, path: Path) -> Iterator[int]:
    """Lock the folder and record it as scratch. BusyError where another process writes a run there."""
    with storing(path):
        try:
            lock = hold(part, RESUMABLE)
        except BlockingIOError as error:
            raise BusyError(f"cannot write {path}: another process is making a run there") from error
    record(part)
    try:
        yield lock
    finally:
        os.close(lock)
        if not part.exists():
            forget(part)


def _check_replaceable(final: Path) -> None:
    """FileExistsError unless `final` is missing, an empty folder, or a run folder without foreign files."""
    if _is_free(final):
        return
    try:
        foreign = foreign_names(final)
    except IntegrityError:
        raise FileExistsError(errno.EEXIST, "something else is there, not a run folder") from None
    if foreign:
        raise FileExistsError(errno.EEXIST, f"the run folder there also holds {foreign[0]}, which no run made; move it away first")


def _swap(part: Path, final: Path, old: Path) -> None:
    """Rename the complete folder to its final name, then delete the run that was there. The lock moves too, so no other run starts."""
    remove(old, ignore_errors=True)  # left by a process that was killed between the two renames below
    if final.exists():
        record(old)
        rename(final, old)
    try:
        rename(part, final)
    except BaseException:
        if old.exists():
            rename(old, final)
        raise
    remove(final / LOCK)
    sync_folder(final)
    sync_folder(final.parent)
    remove(old, ignore_errors=True)
    forget(old)


def _clean_up(part: Path, error: BaseException) -> None:
    """Remove everything, or everything but complete blocks; a note of the error says so."""
    blocks = len(list((part / BLOCKS).glob("block-*"))) if (part / BLOCKS).is_dir() else 0
    if not blocks or not (part / START_NOTE).is_file():
        remove(part, ignore_errors=True)
        return
    with suppress(OSError):
        _clear(part, keep=(*RESUMABLE, LOCK))
    error.add_note(f"{blocks} blocks of candidates are kept in {part}: the same command resumes from there, --fresh begins again")


def _clear(folder: Path, keep: tuple[str, ...] = (), names: tuple[str, ...] | None = None) -> None:
    """Remove all files in `folder` but `keep`, or only `names`; incomplete blocks too."""
    for path in folder.iterdir():
        if path.name in keep or (names is not None and path.name not in names):
            continue
        remove(path)
    for incomplete in (*folder.glob(f"{BLOCKS}/.block-*"), *folder.glob(f"{BLOCKS}/._deep-*")):
        remove(incomplete)


def _difference(name: str, before: Any, after: Any) -> tuple[str, str, str]:
    """The name of the first field in which two values differ, and its two values as JSON, at most 200 characters."""
    while isinstance(before, dict) and isinstance(after, dict):
        key = next(key for key in {**after, **before} if (key in before, before.get(key)) != (key in after, after.get(key)))
        name, before, after = f"{name} {key}", before.get(key), after.get(key)
    return name, json.dumps(before)[:200], json.dumps(after)[:200]


def _load(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        loaded = json.loads(read_text(path))
        return loaded if isinstance(loaded, dict) else {}
    return {}
