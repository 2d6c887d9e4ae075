"""Changes of a folder's tree: remove, rename, link, copy, temporary folders. Every function raises OSError."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def remove(path: Path, *, ignore_errors: bool = False) -> None:
    """Remove a file, a link, or a folder with its content; do nothing where it is missing. ignore_errors: remove what can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=ignore_errors)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        if not ignore_errors:
            raise


def remove_empty(folder: Path) -> bool:
    """Remove a folder if it is empty. False: it is not."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def rename(source: Path, target: Path) -> None:
    """Move a file or a folder to another name on the same disk, atomically; a file that is there is replaced."""
    source.replace(target)


def copy(source: Path, target: Path) -> None:
    """Copy the bytes of a file, or a folder with its content into `target`, which may exist."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def link(source: Path, target: Path) -> None:
    """Make `target` another name of the file `source`."""
    os.link(source, target)


def link_by_path(source: Path, target: Path) -> None:
    """Make `target` a symbolic link to `source`."""
    target.symlink_to(source)


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` another name of a file where the file system has hard links, else a copy; of a folder, each of its files."""
    if source.is_dir():
        target.mkdir()
        for file in source.iterdir():
            link_or_copy(file, target / file.name)
        return
    try:
        link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def touch(path: Path) -> None:
    """Set the time of a file to now; create it, empty, where it is missing."""
    path.touch()


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `parent`, a folder that is locked already, and remove it on exit; `scratch` makes one with its own lock."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        yield Path(folder)


def keep_copy(source: Path, prefix: str) -> Path:
    """Copy a file into the temporary folder under an unused name, where nobody removes it, and return its path."""
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=source.suffix)
    with os.fdopen(handle, "wb") as file, source.open("rb") as content:
        shutil.copyfileobj(content, file)
    return Path(name)
