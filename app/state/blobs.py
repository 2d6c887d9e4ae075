"""Contents by their SHA-256: `blobs/ab/abcdef…`. A blob is absent or complete, immutable, and shared by all files with the same bytes.

Its name is a hash that the server has computed; nothing from a client becomes a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from miner.errors import StorageError
from miner.io.atomic import Part, storing, sync_folder
from miner.io.folder_tree import link, remove, rename, touch

SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The blobs of a data folder. `incoming` holds incomplete ones."""

    def __init__(self, folder: Path, incoming: Path) -> None:
        self._folder, self._incoming = folder, incoming

    def path(self, sha256: str) -> Path:
        """The path of a content, whether it exists or not."""
        if not SHA256.fullmatch(sha256):
            raise StorageError("this is no SHA-256")
        return self._folder / sha256[:2] / sha256

    def begin(self, name: str) -> Part:
        """Begin to write a content under a name of the server. `move_file` moves it to its place."""
        return Part(self._incoming / name)

    def move_file(self, path: Path, sha256: str) -> None:
        """Move a finished file to its place, durably. Equal contents are stored once."""
        self._place(sha256, partial(rename, path))

    def link_file(self, path: Path, sha256: str) -> None:
        """Link a finished file of the data folder as a blob, without a copy."""
        self._place(sha256, lambda target: touch(target) if target.exists() else link(path, target))

    def remove(self, sha256: str) -> None:
        """Delete a content."""
        with storing(self._folder, "remove"):
            remove(self.path(sha256))

    def older_than(self, moment: float) -> list[str]:
        """Contents stored before `moment`, in seconds since 1970."""
        with storing(self._folder, "read"):
            return [path.name for path in self._folder.glob("??/*") if path.stat().st_mtime < moment]

    def _place(self, sha256: str, put: Callable[[Path], object]) -> None:
        target = self.path(sha256)
        with storing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            put(target)
            sync_folder(target.parent)
            sync_folder(self._folder)
