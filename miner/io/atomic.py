"""Atomic writes: a file is complete or absent. A hidden `.part` file in the same folder, fsync, rename, fsync of the folder.

Owns the translation of OSError into StorageError.
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

from miner.errors import ConfigError, StorageError
from miner.io.plain_files import open_bytes
from miner.io.scratch import LOCK, forget, is_held, make_scratch, record, remove_leftovers, remove_scratch
from miner.support.value_types import shown

MIN_AGE_SECONDS = 60
"""A partial file younger than this may belong to a process that has not locked it yet."""

NEW = "new"
"""The name of a new folder within its scratch folder."""
PART_SUFFIX = re.compile(r"[0-9a-f]{4}\.part")

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk reports an error",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
}


@contextmanager
def storing(path: str | Path, verb: str = "write") -> Iterator[None]:
    """Turn an OSError into a StorageError with the file and the reason. BrokenPipeError is no disk error and stays."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
        raise StorageError(f"cannot {verb} {path}: {reason}") from error


def check_output_path(path: object) -> None:
    """Raise ConfigError for what names no file or folder: anything but a text or a path, and a name with a NUL character."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"--out is {shown(path)}: the name of a file or a folder is needed")
    if "\0" in str(path):
        raise ConfigError(f"--out is {str(path)!r}: no name holds a NUL character")


def resolve_link(path: str | Path) -> Path:
    """Return `path`, or the target of a symbolic link: a write replaces the target, never the link."""
    check_output_path(path)
    return Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)


def temporary_path(path: Path, suffix: str = "part") -> Path:
    """Return an unused hidden name in the same folder, hence on the same file system, so that a rename is atomic."""
    return path.with_name(f".{path.name[:50]}.{_machine()}{secrets.token_hex(2)}.{suffix}")


@cache
def _machine() -> str:
    """Four hex digits for this machine: a lock tells nothing reliable about the files of another machine."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]


def _remove_leftovers(path: Path) -> None:
    """Remove partial files of `path` from killed processes of this machine; a file in progress is locked, or very new."""
    start = f".{path.name[:50]}.{_machine()}"
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            is_leftover = (
                entry.name.startswith(start) and PART_SUFFIX.fullmatch(entry.name, len(start)) and entry.is_file(follow_symlinks=False)
            )
            if is_leftover and time.time() - entry.stat().st_mtime > MIN_AGE_SECONDS and not is_held(Path(entry.path)):
                Path(entry.path).unlink(missing_ok=True)


class Part:
    """A file in progress: bytes are written to a temporary file and hashed; `commit` renames it to `path`, `abandon` removes it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))  # through a symbolic link, as a plain write would
        self.bytes = 0
        self.closed = False
        self._hash = hashlib.sha256()
        self._temporary = temporary_path(self.path)
        with storing(self.path):
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self.path)
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with suppress(OSError):  # without file locks, no other process removes it either
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def temporary(self) -> Path:
        """The file that has the bytes written so far, until `commit`."""
        return self._temporary

    @property
    def sha256(self) -> str:
        """Hash of the bytes written so far."""
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
        """Do nothing: writes are not buffered. Arrow requires the method."""

    def close(self) -> None:
        """Do nothing: `commit` and `abandon` close the file. Arrow requires the method."""

    def commit(self) -> None:
        """Sync the bytes to disk, then rename the file into place."""
        with storing(self.path):
            os.fsync(self._file)
            os.close(self._file)
            self.closed = True
            self._temporary.replace(self.path)
            sync_folder(self.path.parent)

    def abandon(self) -> None:
        """Remove the temporary file; ignore errors, since another error is being handled."""
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
    """Make a rename in `folder` durable; file systems that cannot (network, FUSE) are skipped."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Sync all files of `folder` to disk, before a rename makes them visible."""
    for subfolder, _, names in os.walk(folder, topdown=False):
        for path in (Path(subfolder, name) for name in names):
            if path.is_file() and not path.is_symlink():
                with open_bytes(path) as file:
                    os.fsync(file.fileno())
        sync_folder(Path(subfolder))


@contextmanager
def folder_part(path: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` on a clean exit; an existing folder is replaced only if it contains `marker`."""
    final = Path(os.path.realpath(path))
    old_path = temporary_path(final, "old.part")
    with storing(final):
        if final.exists() and not (final / marker).is_file() and not (final.is_dir() and not any(final.iterdir())):
            raise FileExistsError(errno.EEXIST, f"something else is there, not a folder with {marker}")
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers([final.parent])
        work = make_scratch(final.parent, f".{final.name[:50]}.", ".part")
        temporary = work / NEW
        temporary.mkdir()
    try:
        yield temporary
        with storing(final):
            sync_tree(temporary)
            if final.exists():
                record(old_path)
                final.rename(old_path)
            temporary.rename(final)
            sync_folder(final.parent)
    except BaseException:
        if old_path.exists() and not final.exists():
            old_path.rename(final)
        raise
    finally:
        remove_scratch(work)
        shutil.rmtree(old_path, ignore_errors=True)
        forget(old_path)


def recover(path: Path) -> None:
    """After a kill, remove the temporary files and folders of `path`; restore an old folder that was not replaced.

    Only for the single process that writes to `path`.
    """
    final = Path(os.path.realpath(path))
    hidden = f".{glob.escape(final.name[:50])}.{'[0-9a-f]' * 8}"
    with storing(final):
        for old_path in final.parent.glob(f"{hidden}.old.part"):
            if not final.exists():
                old_path.rename(final)
            shutil.rmtree(old_path, ignore_errors=True)
        for leftover in final.parent.glob(f"{hidden}.part"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for folder in final.parent.glob(f".{glob.escape(final.name[:50])}.{'?' * 8}.part"):
            if _is_abandoned(folder):
                remove_scratch(folder)


def _is_abandoned(folder: Path) -> bool:
    """Return whether it is the scratch folder of `folder_part`, with or without its content, and no process holds it."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {NEW, LOCK} and not is_held(folder)


def write_bytes(path: str | Path, data: bytes) -> str:
    """Write `data` to `path`, atomically; return its SHA-256."""
    with Part(Path(path)) as part:
        part.write(data)
    return part.sha256


def write_json(path: str | Path, value: Any) -> str:
    """Write `value` to `path` as indented JSON, atomically, in the order of its keys; return the SHA-256 of the bytes."""
    return write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file; of a folder, over the sorted names and hashes of its files."""
    with storing(path, "read"):
        if Path(path).is_dir():
            files = sorted(file for file in Path(path).rglob("*") if file.is_file())
            listing = "".join(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
            return hashlib.sha256(listing.encode()).hexdigest()
        with open_bytes(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
