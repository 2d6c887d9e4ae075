"""Content by its SHA-256: `blobs/ab/abcdef…`. A blob is absent or complete, never changed, and shared by all who hold the same bytes.

The name is the hash that we computed; nothing from outside ever becomes a path here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from miner.errors import StorageError
from miner.formats.atomic import Part, storing, sync_folder

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

    def keep(self, part: Part) -> str:
        """Make a finished part durable under its hash, and tell the hash. The same content is kept once."""
        sha256 = part.sha256
        part.commit()
        return self._place(part.path, sha256, move=True)

    def adopt(self, path: Path, sha256: str) -> str:
        """Keep a finished file of the data folder as a blob too, without a copy."""
        return self._place(path, sha256, move=False)

    def remove(self, sha256: str) -> None:
        """Forget a content."""
        with storing(self._folder, "remove"):
            self.path(sha256).unlink(missing_ok=True)

    def _place(self, path: Path, sha256: str, *, move: bool) -> str:
        target = self.path(sha256)
        with storing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if move:
                path.replace(target)
            elif not target.exists():
                os.link(path, target)
            sync_folder(target.parent)
            sync_folder(self._folder)
        return sha256
