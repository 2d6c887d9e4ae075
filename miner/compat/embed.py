"""Texts to vectors, by the model's own two methods; with a cache folder, through the content-addressed store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.distinct_texts import Pairs
from miner.encode.fingerprint import content_hash
from miner.encode.store import Keys, Store, text_keys

Part = Literal["query", "corpus"]
ENCODED: tuple[Part, ...] = ("corpus", "query")
"""In this order; told of and handed on in the other."""
BLOCK_TEXTS = 16_384
SAMPLE = 16


def is_plain(model: Any) -> bool:
    """Whether it is sentence-transformers' own class with its own methods, of which we know how it compares and what it consists of."""
    from sentence_transformers import SentenceTransformer

    changed = {"encode", "encode_query", "encode_document", "similarity", "similarity_pairwise"} & set(vars(model))
    return type(model) is SentenceTransformer and not changed


def embed(model: Any, pairs: Pairs, asked: Asked) -> tuple[Any, Any]:
    """Vectors of the queries (Q, D) and of the corpus (N, D), as the model gives them for unit length."""
    from sentence_transformers import SentenceTransformer

    folder = asked.values["cache_folder"]
    content = content_hash(model) if folder and isinstance(model, SentenceTransformer) else None
    texts: dict[Part, list[str]] = {"query": pairs.queries, "corpus": pairs.corpus}
    sides = {part: _Side(model, part, some, asked, content) for part, some in texts.items()}
    stored = {part: _Stored(side, Path(folder)) for part, side in sides.items()} if folder else {}
    for part, side in stored.items():
        if side.complete:
            asked.say(f"[Cache] Loaded {part} embeddings from {side.store.folder} (shape={(len(texts[part]), side.store.dim)})")
    missing = [part for part in ENCODED if not (folder and stored[part].complete)]
    found = {}
    with pool_of(model, asked.values["use_multi_process"] if missing else False) as pool:
        for part in missing:
            found[part] = stored[part].fill(pool) if folder else sides[part].encode(sides[part].texts, pool)
    for part in reversed(ENCODED):
        if folder and part in missing:
            asked.say(f"[Cache] Saved {part} embeddings to {stored[part].store.folder}")
    return tuple(found[part] if part in found else stored[part].vectors() for part in reversed(ENCODED))


@contextmanager
def pool_of(model: Any, devices: Any) -> Iterator[Any]:
    """The model's processes, stopped whatever happens; None where none are wanted. devices: True, or a list of their names."""
    if not devices:
        yield None
        return
    pool = model.start_multi_process_pool(target_devices=None if isinstance(devices, bool) else devices)
    try:
        yield pool
    finally:
        model.stop_multi_process_pool(pool)


@dataclass(frozen=True)
class _Side:
    """The texts of one side and how the model encodes them; content: its hash, where it is sentence-transformers' or a kind of it."""

    model: Any
    part: Part
    texts: list[str]
    asked: Asked
    content: str | None

    @property
    def prompt(self) -> tuple[str | None, str | None]:
        """Its name and its text."""
        return self.asked.values[f"{self.part}_prompt_name"], self.asked.values[f"{self.part}_prompt"]

    def encode(self, texts: list[str], pool: Any = None, *, bar: bool = True) -> Any:
        """Shape (len(texts), D)."""
        encode = self.model.encode_query if self.part == "query" else self.model.encode_document
        name, prompt = self.prompt
        return encode(
            texts,
            pool=pool,
            batch_size=self.asked.values["batch_size"],
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=bar,
            prompt_name=name,
            prompt=prompt,
        )

    def identity(self, keys: Keys) -> tuple[str, int]:
        """64 hex digits that say which vectors these would be, and how many dims they have.

        Of a plain model: its weights, tokenizer, settings and prompts. What any other object does is not known, so a sample of the very
        texts is encoded too: an object that has changed shows other vectors, and the store belongs to this list of texts alone.
        """
        told = [self.part, *self.prompt, f"{type(self.model).__module__}.{type(self.model).__qualname__}"]
        if self.content:
            told += [self.content, self.model.prompts, self.model.default_prompt_name]
        if self.content and is_plain(self.model):
            dim = int(self.model.get_embedding_dimension())
        else:
            some = {*np.linspace(0, len(self.texts) - 1, SAMPLE).astype(int).tolist(), int(np.argmax([len(str(t)) for t in self.texts]))}
            vectors = np.asarray(self.encode([self.texts[row] for row in sorted(some)], bar=False))
            dim = vectors.shape[1]
            told += [hashlib.sha256(vectors.tobytes() + keys.tobytes()).hexdigest()]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(), dim


class _Stored:
    """One side's vectors in a cache folder."""

    def __init__(self, side: _Side, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._side = side
        self._keys = text_keys(side.texts)
        self.store = Store(folder, *side.identity(self._keys), name=type(side.model).__name__)

    @property
    def complete(self) -> bool:
        """Whether nothing has to be encoded."""
        return bool((self.store.find(self._keys) >= 0).all())

    def vectors(self) -> Any:
        """Shape (len(texts), D), float32."""
        return np.take(self.store.vectors(), self.store.find(self._keys), axis=0)

    def fill(self, pool: Any) -> Any:
        """Encode what is missing, block by block, each committed; then all vectors."""
        missing = np.flatnonzero(self.store.find(self._keys) < 0)
        for start in range(0, len(missing), BLOCK_TEXTS):
            block = missing[start : start + BLOCK_TEXTS]
            vectors = np.asarray(self._side.encode([self._side.texts[row] for row in block.tolist()], pool), dtype=np.float32)
            self.store.append(self._keys[block], vectors)
        return self.vectors()
