"""Leftovers of killed processes: found by the records, in the temporary folder and in given folders; removed where no process holds them.

Never removed: folders that a living process or another machine holds, folders without an owner, and finished blocks of a run.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from miner.io.scratch.folders import LOCK, PREFIX, Owner, lock_file, owner_of, scratch
from miner.io.scratch.records import forget, recorded_folders

log = logging.getLogger(__name__)

REPLACED_SUFFIX, RANDOM_SUFFIX, MAX_NAME_CHARS = ".old.part", re.compile(r"\.[0-9a-f]{8}$"), 50
"""The suffix of a folder that was being replaced, and its random part; a name of 50 characters is truncated and names no target."""


PART_SUFFIX, SCRATCH_NAME = ".part", re.compile(r"\.[a-z0-9_]{8}\.part$")
SECONDS_TO_LOCK = 60
"""In the shared temporary folder: more than any process takes from making a scratch folder to its lock."""


@dataclass(frozen=True)
class Leftover:
    """A folder without a living process.

    bytes: size of the removable files.
    resumable_files: number of finished files of a run that can be resumed.
    host: the other machine that owns it, or "".
    """

    path: Path
    bytes: int
    resumable_files: int = 0
    host: str = ""

    @property
    def removable(self) -> bool:
        """Whether `remove_leftovers` removes any of its files."""
        return not self.host and (self.bytes > 0 or not self.resumable_files)

    @property
    def advice(self) -> str:
        """One sentence: what it is, its size, and how to remove or resume it."""
        size = f"{self.path}: {self.bytes / 1e6:,.1f} MB that a killed process left"
        if self.host:
            return f"{size} on {self.host}: if no run is made there any more, remove it by hand"
        plural = "s" * (self.resumable_files != 1)
        blocks = f"{self.resumable_files} finished block{plural} of a run that did not end: the same command resumes it"
        if not self.removable:
            return f"{self.path}: {blocks}, --fresh begins again"
        return f"{size}; `hardneg cache prune --scratch` or the next run removes it{f', but not {blocks}' if self.resumable_files else ''}"


def leftovers(folders: Iterable[Path] = ()) -> list[Leftover]:
    """List the leftovers; change nothing. folders: further folders that may contain scratch folders."""
    return [leftover for path in _paths(folders) if (leftover := _inspect(path)) is not None]


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock of a folder or a file."""
    with suppress(OSError):
        lock = os.open(path / LOCK if path.is_dir() else path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
    return False


def remove_leftovers(folders: Iterable[Path] = ()) -> list[Leftover]:
    """Remove the removable leftovers; return them."""
    folders = list(folders)
    _remove_empty(folders)
    removed = []
    for path in _paths(folders):
        with suppress(OSError):
            leftover = _remove(path)
            if leftover is not None:
                removed.append(leftover)
                log.info("removed %.1f MB that a killed process left in %s", leftover.bytes / 1e6, path)
    return removed


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove empty scratch folders without a lock: their process died before it took the lock. One that lives makes its folder again."""
    for folder in folders:
        for path in folder.glob(f".*{PART_SUFFIX}"):
            if SCRATCH_NAME.search(path.name):
                _remove_if_empty(path)
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}????????"):
        _remove_if_empty(path, SECONDS_TO_LOCK)


def _remove_if_empty(path: Path, least_age: float = 0.0) -> None:
    with suppress(OSError):  # it is gone, not empty, no folder, or another user's
        if time.time() - path.lstat().st_mtime >= least_age:
            path.rmdir()


def _paths(folders: Iterable[Path]) -> list[Path]:
    """Return the candidate folders, without duplicates."""
    paths = [*recorded_folders(), *_locked_folders(Path(tempfile.gettempdir()), f"{PREFIX}*")]
    for folder in folders:
        paths += [*_locked_folders(folder, ".*"), *_locked_folders(folder, f"{PREFIX}*")]
        with suppress(OSError):
            paths += sorted(folder.glob(f".*{REPLACED_SUFFIX}"))
    return list(dict.fromkeys(Path(os.path.realpath(path)) for path in paths if not path.is_symlink()))


def _locked_folders(folder: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path.parent for path in sorted(folder.glob(f"{pattern}/{LOCK}")))


def _inspect(path: Path) -> Leftover | None:
    """Inspect a folder; None where a process holds it, or another user owns it."""
    with suppress(OSError):
        if path.stat().st_uid != os.getuid():
            return None
        if _is_old_copy(path):
            return Leftover(path, _size(path))
        with _locked(path) as owner:
            if owner is not None:
                finished = _finished_files(path, owner)
                size = sum(_size(item) for item in _removable_paths(path, owner, finished))
                return Leftover(path, size, len(finished), "" if owner.is_here else owner.host)
    return None


def _remove(path: Path) -> Leftover | None:
    leftover = _inspect(path)
    if leftover is None or not leftover.removable:
        return None
    with scratch(path.parent, f".{path.name.strip('.')[:50]}.gone-") as trash:
        if _is_old_copy(path):
            path.rename(trash / path.name)
            forget(path)
            return leftover
        with _locked(path) as owner:
            if owner is None:
                return None
            _move_away(path, owner, trash)
    return leftover


def _move_away(path: Path, owner: Owner, trash: Path) -> None:
    """Move the removable files away while the lock is held, so that a new run need not wait for their removal."""
    finished = _finished_files(path, owner)
    for number, item in enumerate(_removable_paths(path, owner, finished)):
        item.rename(trash / f"{number}-{item.name[:50]}")
    if not finished:
        (path / LOCK).unlink()
        path.rmdir()
        forget(path)


def _is_old_copy(path: Path) -> bool:
    """Return whether it is the old copy of a replaced folder: the new folder exists."""
    if not path.name.endswith(REPLACED_SUFFIX) or not path.is_dir() or (path / LOCK).exists():
        return False
    name = path.name.removeprefix(".").removesuffix(REPLACED_SUFFIX)
    target = RANDOM_SUFFIX.sub("", name)
    return path.with_name(name).is_dir() or (len(target) < MAX_NAME_CHARS and path.with_name(target).is_dir())


@contextmanager
def _locked(folder: Path) -> Iterator[Owner | None]:
    """Lock a folder and yield its last owner; None where that is unknown, or a process holds it."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield owner_of(lock) if lock_file(lock, folder / LOCK) else None
    finally:
        os.close(lock)


def _finished_files(folder: Path, owner: Owner) -> list[Path]:
    """Return the finished files that a run can resume from: those in the first name of `keep`, while the second exists."""
    if not owner.keep or not all((folder / name).exists() for name in owner.keep[:2]):
        return []
    blocks_folder = folder / owner.keep[0]
    return [path for path in sorted(blocks_folder.iterdir()) if not path.name.startswith(".")] if blocks_folder.is_dir() else []


def _removable_paths(folder: Path, owner: Owner, finished: list[Path]) -> list[Path]:
    names = {LOCK, *(owner.keep if finished else ())}
    partial_files = (folder / owner.keep[0]).glob(".*") if finished else ()
    return [*(path for path in sorted(folder.iterdir()) if path.name not in names), *partial_files]


def _size(path: Path) -> int:
    """Return the bytes on disk."""
    files = (
        [path]
        if path.is_symlink() or not path.is_dir()
        else [Path(subfolder, name) for subfolder, _, names in os.walk(path) for name in names]
    )
    total = 0
    for file in files:
        with suppress(OSError):
            total += os.lstat(file).st_blocks * 512
    return total
