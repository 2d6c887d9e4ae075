"""What killed processes left: found by the records, in the temporary folder and in places that are named; removed where nobody holds it.

Never removed: what a living process holds, what another machine's holds, what says nothing of its owner, and finished blocks of a run.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from miner.io.scratch.folders import LOCK, PREFIX, Owner, owner_of, scratch, taken
from miner.io.scratch.records import forget, recorded

log = logging.getLogger(__name__)

REPLACED, RANDOM, CUT = ".old.part", re.compile(r"\.[0-9a-f]{8}$"), 50
"""How the name of a folder ends that was being replaced; with a random part, a long name is cut, and then tells no target."""


@dataclass(frozen=True)
class Leftover:
    """A folder without a living process. bytes: what can be removed of it; kept: files of a run that can go on. host: another machine's."""

    path: Path
    bytes: int
    kept: int = 0
    host: str = ""

    @property
    def removable(self) -> bool:
        """Whether `sweep` removes anything of it."""
        return not self.host and (self.bytes > 0 or not self.kept)

    @property
    def advice(self) -> str:
        """One sentence: what it is, how big, and what removes it or goes on with it."""
        size = f"{self.path}: {self.bytes / 1e6:,.1f} MB that a killed process left"
        if self.host:
            return f"{size} on {self.host}: if no run is made there any more, remove it by hand"
        blocks = f"{self.kept} finished block{'s' * (self.kept != 1)} of a run that did not end: the same command goes on with it"
        if not self.removable:
            return f"{self.path}: {blocks}, --fresh begins anew"
        return f"{size}; `hardneg cache prune --scratch` or the next run removes it{f', but not {blocks}' if self.kept else ''}"


def leftovers(places: Iterable[Path] = ()) -> list[Leftover]:
    """All that can be found; nothing is changed. places: further folders in which scratch may lie."""
    return [found for path in _paths(places) if (found := _look(path)) is not None]


def is_held(path: Path) -> bool:
    """Whether a living process has a folder, or a file that it writes, locked."""
    with suppress(OSError):
        lock = os.open(path / LOCK if path.is_dir() else path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
    return False


def sweep(places: Iterable[Path] = ()) -> list[Leftover]:
    """Remove what can be removed; what was."""
    removed = []
    for path in _paths(places):
        with suppress(OSError):
            found = _remove(path)
            if found is not None:
                removed.append(found)
                log.info("removed %.1f MB that a killed process left in %s", found.bytes / 1e6, path)
    return removed


def _paths(places: Iterable[Path]) -> list[Path]:
    """Folders that may be left over, each once."""
    found = [*recorded(), *_held_in(Path(tempfile.gettempdir()), f"{PREFIX}*")]
    for place in places:
        found += [*_held_in(place, ".*"), *_held_in(place, f"{PREFIX}*")]
        with suppress(OSError):
            found += sorted(place.glob(f".*{REPLACED}"))
    return list(dict.fromkeys(Path(os.path.realpath(path)) for path in found if not path.is_symlink()))


def _held_in(place: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path.parent for path in sorted(place.glob(f"{pattern}/{LOCK}")))


def _look(path: Path) -> Leftover | None:
    """What is left there; None where somebody holds it, or it is not this user's."""
    with suppress(OSError):
        if path.stat().st_uid != os.getuid():
            return None
        if _is_replaced(path):
            return Leftover(path, _size(path))
        with _free(path) as owner:
            if owner is not None:
                kept = _finished(path, owner)
                size = sum(_size(each) for each in _doomed(path, owner, kept))
                return Leftover(path, size, len(kept), "" if owner.is_here else owner.host)
    return None


def _remove(path: Path) -> Leftover | None:
    found = _look(path)
    if found is None or not found.removable:
        return None
    with scratch(path.parent, f".{path.name.strip('.')[:50]}.gone-") as grave:
        if _is_replaced(path):
            path.rename(grave / path.name)
            forget(path)
            return found
        with _free(path) as owner:
            if owner is None:
                return None
            _bury(path, owner, grave)
    return found


def _bury(path: Path, owner: Owner, grave: Path) -> None:
    """Move what goes out of the way while the lock is held: a run that begins there waits for no removal."""
    kept = _finished(path, owner)
    for number, each in enumerate(_doomed(path, owner, kept)):
        each.rename(grave / f"{number}-{each.name[:50]}")
    if not kept:
        (path / LOCK).unlink()
        path.rmdir()
        forget(path)


def _is_replaced(path: Path) -> bool:
    """Whether it is what a finished replacement would have removed last: the new one lies there."""
    if not path.name.endswith(REPLACED) or not path.is_dir() or (path / LOCK).exists():
        return False
    name = path.name.removeprefix(".").removesuffix(REPLACED)
    target = RANDOM.sub("", name)
    return path.with_name(name).is_dir() or (len(target) < CUT and path.with_name(target).is_dir())


@contextmanager
def _free(folder: Path) -> Iterator[Owner | None]:
    """Hold the lock of a folder that nobody holds; its last owner. None where that is not known, or it is held."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield owner_of(lock) if taken(lock, folder / LOCK) else None
    finally:
        os.close(lock)


def _finished(folder: Path, owner: Owner) -> list[Path]:
    """Files that a run can go on from: those of the first name, while the second is there."""
    if not owner.keep or not all((folder / name).exists() for name in owner.keep[:2]):
        return []
    first = folder / owner.keep[0]
    return [path for path in sorted(first.iterdir()) if not path.name.startswith(".")] if first.is_dir() else []


def _doomed(folder: Path, owner: Owner, kept: list[Path]) -> list[Path]:
    names = {LOCK, *(owner.keep if kept else ())}
    halves = (folder / owner.keep[0]).glob(".*") if kept else ()
    return [*(path for path in sorted(folder.iterdir()) if path.name not in names), *halves]


def _size(path: Path) -> int:
    """Bytes that it takes on the disk."""
    files = (
        [path] if path.is_symlink() or not path.is_dir() else [Path(inside, name) for inside, _, names in os.walk(path) for name in names]
    )
    total = 0
    for file in files:
        with suppress(OSError):
            total += os.lstat(file).st_blocks * 512
    return total
