"""A folder that is held: its file `lock` says by whom, and is locked for as long as that process lives, however it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from miner.io.scratch.records import forget, record

LOCK = "lock"
PREFIX = "hardneg-"
TRIES, PAUSE = 10, 0.02
"""How often a lock is tried that another process may only be looking at, and the seconds between."""

_held: dict[Path, int] = {}


@dataclass(frozen=True)
class Owner:
    """Who holds a folder.

    keep: names in it that stay when the process is killed: a folder of finished files, the file without which these are worth nothing,
    and what else goes with them.
    """

    host: str
    boot: str
    pid: int
    keep: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine: a lock says nothing certain of another machine's."""
        return self.host == platform.node() or (bool(self.boot) and self.boot == _boot())


@contextmanager
def scratch(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """A new folder, gone on exit; in `parent`, or where temporary files go."""
    folder = make_scratch(parent, prefix)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def make_scratch(parent: Path | None = None, prefix: str = PREFIX, suffix: str = "") -> Path:
    """The same for a folder that outlives the function it is made in. It holds one file more than what is put there: `lock`."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
    if parent is not None:
        record(folder)
    with suppress(OSError):  # a file system without locks: nobody else will take it for left over
        _held[folder] = hold(folder)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove it and all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    forget(folder)
    if (lock := _held.pop(folder, None)) is not None:
        os.close(lock)


def hold(folder: Path, keep: tuple[str, ...] = ()) -> int:
    """Make `folder` if need be, and hold it: an open file that lets go when closed. BlockingIOError where another process holds it."""
    for left in reversed(range(TRIES)):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _hold(folder / LOCK, keep)
        except (BlockingIOError, FileNotFoundError):  # somebody may only be looking at it, or be removing what a killed process left
            if not left:
                raise
            time.sleep(PAUSE)
    raise AssertionError("the last try returns or raises")


def _hold(path: Path, keep: tuple[str, ...]) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not taken(lock, path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        os.ftruncate(lock, 0)
        os.write(lock, json.dumps(asdict(Owner(platform.node(), _boot(), os.getpid(), keep))).encode())
    except BaseException:
        os.close(lock)
        raise
    return lock


def taken(lock: int, path: Path) -> bool:
    """Lock an open file; whether it is still what lies at `path`. BlockingIOError where another process holds it."""
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock), path.stat())
    return False


def owner_of(lock: int) -> Owner | None:
    """What the file says; None where it says nothing, as those of earlier versions do."""
    with suppress(ValueError, TypeError, LookupError):
        told = json.loads(os.pread(lock, 65_536, 0))
        return Owner(str(told["host"]), str(told["boot"]), int(told["pid"]), tuple(map(str, told["keep"])))
    return None


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
