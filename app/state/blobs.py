"""Content by its SHA-256: `blobs/ab/abcdef…`. A blob is absent or complete, never changed, and shared by all who hold the same bytes.

The name is the hash that we computed; nothing from outside ever becomes a path here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from miner.errors import StorageError
from miner.io.atomic import Part, storing, sync_folder

SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The blobs of a data folder. `incoming` holds what is not complete yet."""

    def __init__(self, folder: Path, incoming: Path) -> None:
        self._folder, self._incoming = folder, incoming

    def path(self, sha256: str) -> Path:
        """Where a content lies, or would lie."""
        if not SHA256.fullmatch(sha256):
            raise StorageError("this is no SHA-256")
        return self._folder / sha256[:2] / sha256

    def begin(self, name: str) -> Part:
        """A new content on its way in; `name` is ours. `keep` puts it in its place."""
        return Part(self._incoming / name)

    def keep(self, path: Path, sha256: str) -> None:
        """Move a finished file to its place, durably. The same content is kept once."""
        self._place(sha256, path.replace)

    def adopt(self, path: Path, sha256: str) -> None:
        """Keep a finished file of the data folder as a blob too, without a copy."""
        self._place(sha256, lambda target: os.utime(target) if target.exists() else os.link(path, target))

    def remove(self, sha256: str) -> None:
        """Forget a content."""
        with storing(self._folder, "remove"):
            self.path(sha256).unlink(missing_ok=True)

    def older_than(self, moment: float) -> list[str]:
        """Contents that were put here before `moment`, in seconds since 1970."""
        with storing(self._folder, "read"):
            return [path.name for path in self._folder.glob("??/*") if path.stat().st_mtime < moment]

    def _place(self, sha256: str, put: Callable[[Path], object]) -> None:
        target = self.path(sha256)
        with storing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            put(target)
            sync_folder(target.parent)
            sync_folder(self._folder)
