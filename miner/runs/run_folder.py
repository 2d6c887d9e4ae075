"""Where a run goes: built under a hidden name, renamed when it is complete; what an interrupted one committed is there for the next.

    .NAME.part/             the run in the making; held for as long as its process lives, and recorded as scratch (miner.io.scratch)
        started.json        what it is made from: only a run made from the very same goes on with its blocks
        candidates.parquet  the blocks committed so far
        blocks.sha256       the hash of each

Owns names, locks and leftovers; must not know what a run holds.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miner.errors import BusyError, ConfigError, IntegrityError, StorageError
from miner.formats import FORMATS
from miner.io.atomic import resolve_link, storing, sync_folder, sync_tree, write_json
from miner.io.row_files import KINDS, kind_of
from miner.io.scratch import LOCK, forget, hold, is_held, make_scratch, record, remove_scratch
from miner.runs.candidate_store import SUMS
from miner.runs.manifest import is_whole, strangers

log = logging.getLogger(__name__)

FILE_KINDS = (*KINDS, "")
REPLACED = ".old.part"
"""How the hidden name of a run ends that is being replaced."""
BLOCKS, STARTED = "candidates.parquet", "started.json"
KEPT = (BLOCKS, STARTED, SUMS)
"""What a run can be gone on with."""


@dataclass(frozen=True)
class Target:
    """Where a run is built (`folder`, `file`), where it will lie (`final`), the training file's name seen from there ("" = stdout)."""

    folder: Path
    file: str
    final: Path
    name: str
    temporary: bool = False

    @property
    def places(self) -> list[Path]:
        """What appears at the end: the run folder and the training file."""
        return [Path(os.path.realpath(path)) for path in (self.final, self.final / self.name)]

    @property
    def blocks(self) -> Path:
        """Where pass 1 puts its blocks."""
        return self.folder / BLOCKS

    def begin(self, made_from: Mapping[str, Any], resume: bool | None) -> bool:
        """Whether blocks of an interrupted run are there to go on with; others are removed, and `made_from` is noted for the next.

        resume: None takes them up when they fit, True raises ConfigError when they do not, False removes them.
        """
        left = sorted(self.blocks.glob("block-*")) if self.blocks.is_dir() else []
        noted, told = _load(self.folder / STARTED), json.loads(json.dumps(made_from))
        different = next((name for name in {**told, **noted} if noted.get(name) != told.get(name)), None)
        if left and different and resume:
            name, was, now = _difference(different, noted.get(different), told.get(different))
            raise ConfigError(f"cannot resume {self.final}: the interrupted run was made with {name} {was}, this one has {now}")
        if different or resume is False:
            shutil.rmtree(self.blocks, ignore_errors=True)
            left = []
        write_json(self.folder / STARTED, told)
        return bool(left)


@contextmanager
def target(out: str | Path | None, kind: str | None, force: bool, output_format: str) -> Iterator[Target]:
    """The place for a run; on a clean exit the run folder appears, then the training file beside it.

    On an error nothing is left, unless blocks were committed: these stay for a run that is made from the same, and the error says so.
    """
    out = _followed(out)
    usual = _usual_name(out, kind, output_format)
    if out is None or str(out) == "-":
        folder = make_scratch() / "run"
        try:
            (folder / "dataset").mkdir(parents=True)
            name = usual if out is None else ""
            yield Target(folder, str(folder / name) if name else "-", folder, name, temporary=True)
            _clear(folder, names=(STARTED, SUMS))
        except BaseException:
            remove_scratch(folder.parent)
            raise
        return
    named, file, final = _places(out, usual, force)
    with _run_part(final) as folder:
        inside = folder / (f"triplets{kind_of(out)}" if named else usual)
        yield Target(folder, str(inside), final, f"../{file.name}" if named else inside.name)
    if named:
        with storing(file):
            (final / inside.name).replace(file)
            sync_folder(file.parent)


def check(out: str | Path | None, kind: str | None, force: bool, output_format: str) -> Path | None:
    """The folder a run would be made in, as far as it exists; None for a temporary one. Nothing is made; what a kill hid is restored.

    Raises ConfigError as `target` does, and StorageError where nothing can be written.
    """
    out = _followed(out)
    usual = _usual_name(out, kind, output_format)
    if out is None or str(out) == "-":
        return None
    final = Path(os.path.realpath(_places(out, usual, force)[2]))
    with storing(final):
        _check_replaceable(final)
    nearest = next(folder for folder in final.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write {out}: {nearest} is {'not writable' if nearest.is_dir() else 'no folder'}")
    return nearest


def homes(out: str | Path | None) -> list[Path]:
    """The folders that hold what is written to `out` while it is in the making."""
    return [] if out is None or str(out) in ("", "-") else [Path(os.path.realpath(out)).parent]


def restore(final: Path) -> bool:
    """Put the run back that a process was replacing when it was killed between its two renames; whether there was one, and whole.

    Nothing is done where something lies at `final`, or a living process makes a run there.
    """
    part, old = _hidden(final)
    if not old.is_dir() or not _is_free(final) or is_held(part) or not is_whole(old):
        return False
    with storing(final):
        old.rename(final)
        sync_folder(final.parent)
    forget(old)
    log.warning("%s holds the run again that a killed process was replacing", final)
    return True


def _is_free(final: Path) -> bool:
    return not final.exists() or (final.is_dir() and not any(final.iterdir()))


def _hidden(final: Path) -> tuple[Path, Path]:
    """Where a run for `final` is made, and where the one that it replaces waits for its end."""
    return final.with_name(f".{final.name}.part"), final.with_name(f".{final.name}{REPLACED}")


def _followed(out: str | Path | None) -> str | Path | None:
    """`out`; of a symbolic link what it points to, as if that had been named, and of the same kind."""
    if out is None or str(out) in ("", "-") or not Path(out).is_symlink():
        return out
    real, kind = resolve_link(out), kind_of(out)
    if kind in KINDS and not str(real).endswith(kind):
        raise ConfigError(f"{out} is a link to {real}, which does not end in {kind}: name that file itself, or another --out")
    return real if kind in KINDS else f"{real}/"


def _places(out: str | Path, usual: str, force: bool) -> tuple[bool, Path, Path]:
    """Whether `out` names a file; the training file; the run folder, restored after a kill. ConfigError where either is taken."""
    if not str(out) or not Path(os.path.realpath(out)).name:
        raise ConfigError(f"--out is {str(out)!r}: name a folder or a file")
    named = kind_of(out) in KINDS
    file = Path(out) if named else Path(out) / usual
    final = file.with_name(file.name.removesuffix(kind_of(out)) + ".run") if named else Path(out)
    if named and file.is_dir():
        raise ConfigError(f"{file} is a folder, and --out names a file of that kind: choose another --out, or move the folder away")
    if named and final.is_symlink():
        raise ConfigError(f"{final}, where the run of {file.name} goes, is a link to another place: choose another --out")
    if not named and final.is_file():
        raise ConfigError(f"{final} is a file, and --out names a folder: choose another --out")
    restore(Path(os.path.realpath(final)))
    for taken in (final, file):
        empty = taken.is_dir() and not any(taken.iterdir())
        if taken.exists() and not empty and not force:
            alien = taken == final and taken.is_dir() and not (taken / "manifest.json").is_file()
            advice = "and is no run folder; choose another --out" if alien else "; choose another --out, or replace it with --force"
            raise ConfigError(f"{taken} exists already{' ' * alien}{advice}")
    return named, file, final


def _usual_name(out: str | Path | None, kind: str | None, output_format: str) -> str:
    """What the training file is called in a run folder: triplets.jsonl, or the format's name where it is a folder of its own."""
    shape = FORMATS[output_format]
    if shape.layout:
        several = f"output format '{output_format}' is a folder of several files"
        if kind is not None:
            raise ConfigError(f"{several}, each of its own kind: leave --kind out")
        if out is not None and kind_of(out) != "folder":
            raise ConfigError(f"{several}: --out names a folder to put it in, not '{out}'")
        return output_format
    kind = shape.kind if kind is None else kind
    if kind not in FILE_KINDS:
        raise ConfigError(f"a training file ends in {', '.join(KINDS)} or is a datasets folder (''), not '{kind}'")
    return f"triplets{kind}"


@contextmanager
def _run_part(path: Path) -> Iterator[Path]:
    """A locked folder that takes the place of `path` on a clean exit; another run's folder there is replaced, nothing else is."""
    final = Path(os.path.realpath(path))
    part, old = _hidden(final)
    with storing(final):
        _check_replaceable(final)
    with _held(part, path) as lock:
        try:
            with storing(final):
                _clear(part, keep=(*KEPT, LOCK))
                (part / "dataset").mkdir()
            yield part
            with storing(final):
                sync_tree(part)  # takes the longest: a run that is killed meanwhile is gone on with
                _clear(part, names=(STARTED, SUMS))
                os.ftruncate(lock, 0)  # from here on it is no scratch of ours
                _swap(part, final, old)
        except BaseException as error:
            _give_up(part, error)
            raise


@contextmanager
def _held(part: Path, path: Path) -> Iterator[int]:
    """The folder is ours alone, and on the list of what a kill would leave. BusyError where another process makes a run there."""
    with storing(path):
        try:
            lock = hold(part, KEPT)
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
    """FileExistsError unless nothing is there, an empty folder, or a run folder without anything of somebody else's."""
    if _is_free(final):
        return
    try:
        others = strangers(final)
    except IntegrityError:
        raise FileExistsError(errno.EEXIST, "something else is there, not a run folder") from None
    if others:
        raise FileExistsError(errno.EEXIST, f"the run folder there also holds {others[0]}, which no run made; move it away first")


def _swap(part: Path, final: Path, old: Path) -> None:
    """Put the finished folder in its place; what was there goes last. The lock moves with it: nobody begins there meanwhile."""
    shutil.rmtree(old, ignore_errors=True)  # of a process that was killed between the two renames below
    if final.exists():
        record(old)
        final.rename(old)
    try:
        part.rename(final)
    except BaseException:
        if old.exists():
            old.rename(final)
        raise
    (final / LOCK).unlink()
    sync_folder(final)
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)
    forget(old)


def _give_up(part: Path, error: BaseException) -> None:
    """Remove everything, or everything but the blocks."""
    committed = len(list((part / BLOCKS).glob("block-*"))) if (part / BLOCKS).is_dir() else 0
    if not committed or not (part / STARTED).is_file():
        shutil.rmtree(part, ignore_errors=True)
        return
    with suppress(OSError):
        _clear(part, keep=(*KEPT, LOCK))
    error.add_note(f"{committed} blocks of candidates are kept in {part}: the same command goes on from there, --fresh begins anew")


def _clear(folder: Path, keep: tuple[str, ...] = (), names: tuple[str, ...] | None = None) -> None:
    """Remove what lies in `folder`: all but `keep`, or `names`; half-written blocks too."""
    for path in folder.iterdir():
        if path.name in keep or (names is not None and path.name not in names):
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for half in (*folder.glob(f"{BLOCKS}/.block-*"), *folder.glob(f"{BLOCKS}/._deep-*")):
        half.unlink()


def _difference(name: str, was: Any, now: Any) -> tuple[str, str, str]:
    """The first thing in which two values differ, by its name, and what it is in each, at most 200 characters."""
    while isinstance(was, dict) and isinstance(now, dict):
        key = next(key for key in {**now, **was} if (key in was, was.get(key)) != (key in now, now.get(key)))
        name, was, now = f"{name} {key}", was.get(key), now.get(key)
    return name, json.dumps(was)[:200], json.dumps(now)[:200]


def _load(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        loaded = json.loads(path.read_text(encoding="utf-8"))
        return loaded if isinstance(loaded, dict) else {}
    return {}
