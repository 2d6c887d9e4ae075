"""The stored corpora that are open: the latest few, the one used longest ago goes first. What was deleted is noticed."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict

from app.corpora import Corpora
from app.errors import Conflict
from app.opened import OpenCorpus, open_laid
from app.warm import WarmVectors


class Shelf:
    """Opens a corpus when it is asked for; may be asked by several threads."""

    def __init__(self, corpora: Corpora, vectors: WarmVectors, index: str, most: int) -> None:
        self._corpora, self._vectors, self._index, self._most = corpora, vectors, index, most
        self._open: OrderedDict[tuple[str, int], OpenCorpus] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> OpenCorpus:
        """The newest ready version of a corpus, by name or id. NotFound, Conflict when there is none that can be searched here."""
        corpus = self._corpora.get(name)
        if corpus.ready is None:
            raise Conflict("this corpus has no version that is ready: see its job")
        key = corpus.id, corpus.ready.version
        with self._lock:
            if key not in self._open:
                self._open[key] = self._opened(corpus.name, *key)
            self._open.move_to_end(key)
            while len(self._open) > self._most:
                self._open.popitem(last=False)
            return self._open[key]

    def _opened(self, name: str, corpus_id: str, version: int) -> OpenCorpus:
        folder = self._corpora.folder(corpus_id, version)
        made_by = json.loads((folder / "about.json").read_text(encoding="utf-8"))["model"]
        model = self._vectors.describe()
        if made_by["fingerprints"]["passage"] != model["fingerprints"]["passage"]:
            raise Conflict(
                f"this corpus has the vectors of '{made_by['name']}', and the model that answers at once is another: ask for a job"
            )
        return open_laid(name, folder, self._vectors, self._index)
