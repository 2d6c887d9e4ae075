"""A second model's vectors beside a batch: looked up by text, encoded once, and given to the loss among each column's features.

They are looked up by the text, before it is tokenised, so they serve static students and teachers, and any tokenizer. Texts of the training
rows are encoded in one go; one that a change has written is encoded alone when it comes, so that its vector does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.encode import Encoder, Store, load_encoder
from miner.encode.store import sha_keys
from miner.errors import ConfigError
from miner.train.hardness import unit
from miner.train.parts.training_context import LABELS
from miner.types import Bools, Floats, Side

VECTORS, POSITIVES = "teacher_embedding", "is_positive"
"""Features of a column beside its token ids: the teacher's vectors; of the first column, which passages are its known positives."""
BLOCK_TEXTS = 4096


class TeacherVectors:
    """The vectors of a teacher or guide, of unit length, by text.

    Without a store they stay in memory.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.stores: dict[Side, Store] = {}
        self._vectors: dict[tuple[Side, str], Floats] = {}

    @classmethod
    def of(cls, model: Any) -> TeacherVectors:
        """Those of a SentenceTransformer in memory, with its prompts, or of an Encoder."""
        if isinstance(model, cls):
            return model
        if not isinstance(model, Encoder):
            model = load_encoder(MiningConfig.of(), Runtime.of(), model)
        return cls(model)

    def learn(self, texts: Sequence[str], side: Side) -> None:
        """Encode the texts that have no vector yet, the longest first; the same texts give the same vectors in any order."""
        missing = [text for text in dict.fromkeys(texts) if (side, text) not in self._vectors]
        if side in self.stores:
            places = self.stores[side].find(sha_keys(missing)) if missing else np.empty(0, np.int64)
            missing = [text for text, place in zip(missing, places.tolist(), strict=True) if place < 0]
        missing.sort(key=lambda text: (-len(text), text))
        for start in range(0, len(missing), BLOCK_TEXTS):
            self._add(missing[start : start + BLOCK_TEXTS], side)

    def _add(self, texts: list[str], side: Side) -> None:
        vectors = self._encoder.encode(texts, side)
        if side in self.stores:
            self.stores[side].append(sha_keys(texts), vectors)
        else:
            self._vectors.update({(side, text): vector for text, vector in zip(texts, unit(vectors).astype(np.float32), strict=True)})

    def vectors(self, texts: Sequence[str], side: Side) -> Floats:
        """Return shape (len(texts), D)."""
        if side not in self.stores:
            for text in dict.fromkeys(texts):
                if (side, text) not in self._vectors:
                    self._add([text], side)
            return np.stack([self._vectors[side, text] for text in texts])
        keys, store = sha_keys(texts), self.stores[side]
        for text in dict.fromkeys(text for text, place in zip(texts, store.find(keys).tolist(), strict=True) if place < 0):
            self._add([text], side)
        return unit(store.vectors()[store.find(keys)]).astype(np.float32)

    def use_cache(self, cache: Path) -> None:
        """Keep vectors in the store of vectors, where runs of the same model find them."""
        sides: tuple[Side, Side] = ("query", "passage")
        encoder = self._encoder
        self.stores = {side: Store(cache, encoder.fingerprint(side), encoder.dim, encoder.name) for side in sides}


class TeacherCollator:
    """A collator around another: it adds the teacher's vectors, and which passages are known positives, to the features of a batch.

    positives: {anchor: its positives in the training rows}.
    """

    def __init__(self, inner: Any, teacher: TeacherVectors, positives: Mapping[str, Collection[str]]) -> None:
        self._inner, self._teacher, self._positives = inner, teacher, positives

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """Collate the rows."""
        return {**self._inner(rows), **self.features(rows)}

    def features(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The further features, under the names that the trainer splits by column."""
        import torch

        names = [name for name in rows[0] if name not in (*LABELS, "dataset_name")]
        texts = {name: [row[name] for row in rows] for name in names}
        added = {
            f"{name}_{VECTORS}": torch.from_numpy(self._teacher.vectors(texts[name], "passage" if place else "query"))
            for place, name in enumerate(names)
        }
        passages = [text for name in names[1:] for text in texts[name]]
        return {**added, f"{names[0]}_{POSITIVES}": torch.from_numpy(known(texts[names[0]], passages, self._positives))}


def known(anchors: Sequence[str], passages: Sequence[str], positives: Mapping[str, Collection[str]]) -> Bools:
    """Return shape (anchors, passages): whether the passage is a positive of the anchor in the training rows."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(passages):
        places.setdefault(text, []).append(place)
    out = np.zeros((len(anchors), len(passages)), dtype=bool)
    for row, anchor in enumerate(anchors):
        for text in positives.get(anchor, ()):
            out[row, places.get(text, [])] = True
    return out


def teacher_collator(inner: Any, loss: Any, columns: Mapping[str, Sequence[str]]) -> Any:
    """Return the collator for a loss with a teacher, and encode the training rows; `inner` for one without.

    columns: of the training rows; the first one is the anchor, the second its positive.
    """
    teacher = getattr(loss, "teacher_vectors", None)
    if teacher is None:
        return inner
    names = [name for name in columns if name not in (*LABELS, "dataset_name")]
    if len(names) < 2:
        raise ConfigError(f"{type(loss).__name__} wants an anchor and a positive, and the training rows have {', '.join(names)}")
    positives: dict[str, set[str]] = {}
    for anchor, positive in zip(columns[names[0]], columns[names[1]], strict=True):
        positives.setdefault(anchor, set()).add(positive)
    teacher.learn(list(columns[names[0]]), "query")
    teacher.learn([text for name in names[1:] for text in columns[name]], "passage")
    return TeacherCollator(inner, teacher, positives)
