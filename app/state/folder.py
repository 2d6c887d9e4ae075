"""The data folder. It has a layout version: a folder of another layout, or of another program, is refused with the reason.

DATA/hardneg.json      {"layout": 1}
     hardneg.sqlite    the database (unless `database` names PostgreSQL)
     reserve           room for the database, so that something can be deleted on a disk that is full
     blobs/ab/abcd…    contents by SHA-256
     incoming/         incomplete uploads, which may be deleted
     corpora/ID/V/     one version of a corpus: texts and vectors, memory-mapped
     workers/          a locked file for each live worker
     jobs/ID/          the folder of a job: its inputs, its run folder
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from app.state.blobs import Blobs
from app.state.database import Database
from app.state.modes import Shared, restrict_access
from app.state.reserve import Reserve
from miner.errors import StorageError
from miner.io.atomic import storing, write_json
from miner.io.folder_tree import remove, touch
from miner.io.plain_files import read_text
from miner.io.scratch import remove_leftovers

LAYOUT = 1
MARKER = "hardneg.json"
STALE_SECONDS = 24 * 3600


class State:
    """An open data folder."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        names = ("incoming", "corpora", "jobs", "workers")
        self.incoming, self.corpora, self.jobs, self.workers = (_make_folder(folder / name) for name in names)
        self.blobs = Blobs(_make_folder(folder / "blobs"), self.incoming)
        if not database:
            touch(folder / "hardneg.sqlite")  # SQLite itself would let nobody but the owner write it, whatever the umask
        self.database = Database(database or folder / "hardneg.sqlite")
        self.reserve = Reserve(folder / "reserve")

    def free_bytes(self) -> int:
        """Free bytes on the disk of the data folder."""
        with storing(self.folder, "measure"):
            return shutil.disk_usage(self.folder).free

    def remove_leftovers(self) -> None:
        """Delete old incomplete uploads, and scratch folders of dead processes."""
        oldest = time.time() - STALE_SECONDS
        remove_leftovers([self.incoming])
        with storing(self.incoming, "clear"):
            for path in self.incoming.iterdir():
                if path.is_file() and path.stat().st_mtime < oldest:
                    remove(path)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_state(folder: Path, database: str | None = None, shared: Shared = "no") -> State:
    """Open the data folder, or create it. StorageError says why it cannot be used.

    shared: who else may use it.
    """
    with storing(folder, "use"):
        folder.mkdir(parents=True, exist_ok=True)
        _check(folder)
        restrict_access(folder, shared)
        state = State(folder, database)
    state.remove_leftovers()
    return state


def _check(folder: Path) -> None:
    marker = folder / MARKER
    if not marker.exists():
        if any(path.name in ("blobs", "hardneg.sqlite") for path in folder.iterdir()):
            raise StorageError(f"{folder} looks like a data folder, but {MARKER} is missing: put it back, or choose another folder")
        write_json(marker, {"layout": LAYOUT})
    try:
        layout = json.loads(read_text(marker))["layout"]
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"{marker} is damaged: it should hold {{'layout': {LAYOUT}}}") from None
    if layout != LAYOUT:
        raise StorageError(f"{folder} is a data folder of layout {layout}, this hardneg knows {LAYOUT}: use the hardneg that made it")


def _make_folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
