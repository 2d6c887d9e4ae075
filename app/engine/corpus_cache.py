"""An LRU cache of the stored corpora that are open. It notices deleted corpora."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path

from app.engine.open_corpus import OpenCorpus, open_stored
from app.engine.vector_cache import VectorCache
from app.errors import Conflict, NotFound
from app.naming.models import public
from app.storage.corpora import Corpora
from miner.io.plain_files import read_text


class CorpusCache:
    """Opens corpora on demand, and keeps the `max_open` most recently used ones open. Thread-safe."""

    def __init__(self, corpora: Corpora, vectors: VectorCache, index: str, max_open: int) -> None:
        self._corpora, self._vectors, self._index, self._max_open = corpora, vectors, index, max_open
        self._open: OrderedDict[tuple[str, int], OpenCorpus] = OrderedDict()
        self._versions: dict[str, tuple[str, int]] = {}
        self._changes: int | None = None
        """The change counter of the database for which `_versions` is valid: looking a name up takes longer than a search."""
        self._lock = threading.Lock()

    def get(self, name: str) -> OpenCorpus:
        """The newest ready version of a corpus, by name or id. NotFound; Conflict when it cannot be searched with the served model."""
        changes = self._corpora.changes()
        with self._lock:
            if changes is None or changes != self._changes:
                self._versions, self._changes = {}, changes
            key = self._versions.get(name)
        key = key or self._look_up(name)
        with self._lock:
            if key not in self._open:
                self._open[key] = self._open_version(name, *key)
            self._open.move_to_end(key)
            while len(self._open) > self._max_open:
                self._open.popitem(last=False)
            if changes == self._changes:
                self._versions[name] = key
            return self._open[key]

    def _look_up(self, name: str) -> tuple[str, int]:
        """The id of the corpus with this name or id, and its newest ready version."""
        corpus = self._corpora.get(name)
        if corpus.ready is None:
            raise Conflict("this corpus has no version that is ready: see its job")
        return corpus.id, corpus.ready.version

    def _open_version(self, name: str, corpus_id: str, version: int) -> OpenCorpus:
        folder = self._corpora.folder(corpus_id, version)
        try:
            return self._check_and_open(name, folder)
        except FileNotFoundError:  # deleted after the look-up
            raise NotFound("there is no such corpus") from None

    def _check_and_open(self, name: str, folder: Path) -> OpenCorpus:
        corpus_model = json.loads(read_text(folder / "about.json"))["model"]
        loaded_model = self._vectors.describe()
        if corpus_model["fingerprints"]["passage"] != loaded_model["fingerprints"]["passage"]:
            raise Conflict(
                f"this corpus has the vectors of model '{public(corpus_model['name'])}', and POST /v1/mine uses another model: submit a job"
            )
        return open_stored(name, folder, self._vectors, self._index)
