"""The one way a file comes to be: complete or not at all. A hidden `.part` beside it, fsync, rename, fsync of the folder.

Owns the translation of what the operating system says into StorageError.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import orjson

from miner.errors import StorageError
from miner.io.scratch import forget, is_held, make_scratch, record, remove_scratch, sweep

NEW_SECONDS = 60
"""A half-written file that is younger may belong to a process that has not locked it yet."""

HALF = re.compile(r"[0-9a-f]{4}\.part")

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk reports an error",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
}


@contextmanager
def storing(path: str | Path, verb: str = "write") -> Iterator[None]:
    """Turn an OSError into a StorageError that names the file and the reason. A reader that went away is not a disk error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
        raise StorageError(f"cannot {verb} {path}: {reason}") from error


def followed(path: str | Path) -> Path:
    """`path`, or where it points to if it is a symbolic link: a link is never replaced, what it points to is."""
    return Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)


def beside(path: Path, suffix: str = "part") -> Path:
    """A hidden name in the same folder that nothing else uses: the same file system, so that a rename is atomic."""
    return path.with_name(f".{path.name[:50]}.{_machine()}{secrets.token_hex(2)}.{suffix}")


@cache
def _machine() -> str:
    """Four signs for this machine: a lock says nothing certain about what another one writes."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]


def _clear_halves(path: Path) -> None:
    """Remove what killed processes of this machine left half-written of the same file; what is being written is locked, or very new."""
    start = f".{path.name[:50]}.{_machine()}"
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            half = entry.name.startswith(start) and HALF.fullmatch(entry.name, len(start)) and entry.is_file(follow_symlinks=False)
            if half and time.time() - entry.stat().st_mtime > NEW_SECONDS and not is_held(Path(entry.path)):
                Path(entry.path).unlink(missing_ok=True)


class Part:
    """Bytes on their way to `path`, hashed as they pass; `commit` puts them there, `abandon` leaves no trace."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))  # through a symbolic link, as a plain write would
        self.bytes = 0
        self.closed = False
        self._hash = hashlib.sha256()
        self._temporary = beside(self.path)
        with storing(self.path):
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _clear_halves(self.path)
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with suppress(OSError):  # where there are no locks, nobody takes it for left over
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.bytes += len(view)
        length = len(view)
        with storing(self.path):
            while view:
                view = view[os.write(self._file, view) :]
        return length

    def flush(self) -> None:
        """Nothing is held back here; Arrow asks."""

    def close(self) -> None:
        """Nothing happens: `commit` and `abandon` close; Arrow asks."""

    def commit(self) -> None:
        """Make the bytes durable, then visible."""
        with storing(self.path):
            os.fsync(self._file)
            os.close(self._file)
            self.closed = True
            self._temporary.replace(self.path)
            sync_folder(self.path.parent)

    def abandon(self) -> None:
        """Remove what was written; quiet, because something else is already going wrong."""
        with suppress(OSError):
            if not self.closed:
                self.closed = True
                os.close(self._file)
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.abandon()


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable; file systems that cannot (network, FUSE) are let be."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make everything in `folder` durable, before a rename shows it; what is durable already costs next to nothing."""
    for inside, _, names in os.walk(folder, topdown=False):
        for path in (Path(inside, name) for name in names):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        sync_folder(Path(inside))


@contextmanager
def folder_part(path: Path, ours: str) -> Iterator[Path]:
    """A temporary folder that takes the place of `path` on a clean exit; a folder there is replaced only if it holds the file `ours`."""
    final = Path(os.path.realpath(path))
    old = beside(final, "old.part")
    with storing(final):
        if final.exists() and not (final / ours).is_file() and not (final.is_dir() and not any(final.iterdir())):
            raise FileExistsError(errno.EEXIST, f"something else is there, not a folder with {ours}")
        final.parent.mkdir(parents=True, exist_ok=True)
        sweep([final.parent])
        work = make_scratch(final.parent, f".{final.name[:50]}.", ".part")
        temporary = work / "new"
        temporary.mkdir()
    try:
        yield temporary
        with storing(final):
            sync_tree(temporary)
            if final.exists():
                record(old)
                final.rename(old)
            temporary.rename(final)
            sync_folder(final.parent)
    except BaseException:
        if old.exists() and not final.exists():
            old.rename(final)
        raise
    finally:
        remove_scratch(work)
        shutil.rmtree(old, ignore_errors=True)
        forget(old)


def recover(path: Path) -> None:
    """After a kill, remove what `folder_part` and `Part` left beside `path`; a folder that nothing took the place of goes back.

    Only for a process that alone writes to `path`.
    """
    final = Path(os.path.realpath(path))
    hidden = f".{glob.escape(final.name[:50])}.{'[0-9a-f]' * 8}"
    with storing(final):
        for old in final.parent.glob(f"{hidden}.old.part"):
            if not final.exists():
                old.rename(final)
            shutil.rmtree(old, ignore_errors=True)
        for left in final.parent.glob(f"{hidden}.part"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def write_bytes(path: str | Path, data: bytes) -> str:
    """Put `data` at `path`, atomically; the SHA-256 of it."""
    with Part(Path(path)) as part:
        part.write(data)
    return part.sha256


def write_json(path: str | Path, value: Any) -> str:
    """Put `value` at `path` as indented JSON, atomically, in the order of its keys; the SHA-256 of the bytes."""
    return write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file; of a folder, over the sorted names and hashes of the files in it."""
    with storing(path, "read"):
        if Path(path).is_dir():
            files = sorted(file for file in Path(path).rglob("*") if file.is_file())
            listing = "".join(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
            return hashlib.sha256(listing.encode()).hexdigest()
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
