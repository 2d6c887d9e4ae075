"""The stores of a data folder: files, corpora, reviews, the queue. The server and every worker open them. Knows no HTTP."""

from __future__ import annotations

from app.jobs.leases import Leases
from app.jobs.queue import Queue
from app.settings import Settings
from app.state import State, open_state
from app.storage.corpora import Corpora
from app.storage.files import Files
from app.storage.reviews import Reviews


class Stores:
    """Opens the data folder that the settings name. StorageError when it cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        database = settings.database.get_secret_value() if settings.database else None
        self.state: State = open_state(settings.data_dir, database, settings.shared_data)
        self.files = Files(self.state, settings.keep_free_bytes)
        self.files.remove_unreferenced()
        self.corpora = Corpora(self.state)
        self.queue = Queue(self.state, settings.max_jobs_waiting)
        self.reviews = Reviews(self.state)
        self.leases = Leases(self.state, settings.max_crashes)

    def close(self) -> None:
        """Close the database."""
        self.state.close()
