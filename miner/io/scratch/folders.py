"""Locked folders: the file `lock` names the owner process, and the kernel locks it until that process ends in any way."""

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
LOCK_ATTEMPTS, RETRY_SECONDS = 10, 0.02
"""Attempts to lock a file that another process may only be inspecting, and the seconds between them."""

_locks: dict[Path, int] = {}


@dataclass(frozen=True)
class Owner:
    """The process that holds a folder.

    host, boot, pid: the machine, its boot id and the process.
    keep: names in the folder that stay after a kill: the folder of finished files, the file they depend on, and others that belong to them.
    """

    host: str
    boot: str
    pid: int
    keep: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine: a lock tells nothing reliable about another machine's process."""
        return self.host == platform.node() or (bool(self.boot) and self.boot == _boot())


@contextmanager
def scratch(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """Yield a new folder, removed on exit; in `parent`, or in the temporary folder."""
    folder = make_scratch(parent, prefix)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def make_scratch(parent: Path | None = None, prefix: str = PREFIX, suffix: str = "") -> Path:
    """Create a scratch folder that the caller removes with `remove_scratch`. It also contains the file `lock`."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
    if parent is not None:
        record(folder)
    with suppress(OSError):  # a file system without locks: no other process removes it either
        _locks[folder] = hold(folder)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a scratch folder with its content, its record and its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    forget(folder)
    if (lock := _locks.pop(folder, None)) is not None:
        os.close(lock)


def hold(folder: Path, keep: tuple[str, ...] = ()) -> int:
    """Create `folder` where needed, and lock it; return the open lock file. Raises BlockingIOError where another process holds it."""
    for attempts_left in reversed(range(LOCK_ATTEMPTS)):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _hold(folder / LOCK, keep)
        except (BlockingIOError, FileNotFoundError):  # another process may only be inspecting it, or removing a leftover
            if not attempts_left:
                raise
            time.sleep(RETRY_SECONDS)
    raise AssertionError("the last try returns or raises")


def _hold(path: Path, keep: tuple[str, ...]) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not lock_file(lock, path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        os.ftruncate(lock, 0)
        os.write(lock, json.dumps(asdict(Owner(platform.node(), _boot(), os.getpid(), keep))).encode())
    except BaseException:
        os.close(lock)
        raise
    return lock


def lock_file(lock: int, path: Path) -> bool:
    """Lock an open file; return whether `path` is still the same file. Raises BlockingIOError where another process holds it."""
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock), path.stat())
    return False


def owner_of(lock: int) -> Owner | None:
    """Read the owner from a lock file; None where it is empty, as in earlier versions."""
    with suppress(ValueError, TypeError, LookupError):
        content = json.loads(os.pread(lock, 65_536, 0))
        return Owner(str(content["host"]), str(content["boot"]), int(content["pid"]), tuple(map(str, content["keep"])))
    return None


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
