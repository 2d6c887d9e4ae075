"""The stored corpora that are open: the latest few, the one used longest ago goes first. What was deleted is noticed."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path

from app.engine.open_corpus import OpenCorpus, open_laid
from app.engine.vector_cache import WarmVectors
from app.errors import Conflict, NotFound
from app.naming.models import public
from app.storage.corpora import Corpora


class Shelf:
    """Opens a corpus when it is asked for; may be asked by several threads."""

    def __init__(self, corpora: Corpora, vectors: WarmVectors, index: str, most: int) -> None:
        self._corpora, self._vectors, self._index, self._most = corpora, vectors, index, most
        self._open: OrderedDict[tuple[str, int], OpenCorpus] = OrderedDict()
        self._known: dict[str, tuple[str, int]] = {}
        self._changes: int | None = None
        """What names stood for, and the state of the database in which they did: looking a name up takes longer than a search."""
        self._lock = threading.Lock()

    def get(self, name: str) -> OpenCorpus:
        """The newest ready version of a corpus, by name or id. NotFound, Conflict when there is none that can be searched here."""
        changes = self._corpora.changes()
        with self._lock:
            if changes is None or changes != self._changes:
                self._known, self._changes = {}, changes
            key = self._known.get(name)
        key = key or self._looked_up(name)
        with self._lock:
            if key not in self._open:
                self._open[key] = self._opened(name, *key)
            self._open.move_to_end(key)
            while len(self._open) > self._most:
                self._open.popitem(last=False)
            if changes == self._changes:
                self._known[name] = key
            return self._open[key]

    def _looked_up(self, name: str) -> tuple[str, int]:
        """Id and version of what the name stands for now."""
        corpus = self._corpora.get(name)
        if corpus.ready is None:
            raise Conflict("this corpus has no version that is ready: see its job")
        return corpus.id, corpus.ready.version

    def _opened(self, name: str, corpus_id: str, version: int) -> OpenCorpus:
        folder = self._corpora.folder(corpus_id, version)
        try:
            return self._laid(name, folder)
        except FileNotFoundError:  # it was looked up, and then deleted
            raise NotFound("there is no such corpus") from None

    def _laid(self, name: str, folder: Path) -> OpenCorpus:
        made_by = json.loads((folder / "about.json").read_text(encoding="utf-8"))["model"]
        model = self._vectors.describe()
        if made_by["fingerprints"]["passage"] != model["fingerprints"]["passage"]:
            raise Conflict(
                f"this corpus has the vectors of '{public(made_by['name'])}', and the model that answers at once is another: ask for a job"
            )
        return open_laid(name, folder, self._vectors, self._index)
