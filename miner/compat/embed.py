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

from miner.compat.arguments import Arguments
from miner.compat.distinct_texts import DistinctTexts
from miner.encode.fingerprint import content_hash
from miner.encode.store import Keys, Store, sha_keys

TextSide = Literal["query", "corpus"]
ENCODING_ORDER: tuple[TextSide, ...] = ("corpus", "query")
"""The order of encoding; messages and results are in the reverse order."""
BLOCK_TEXTS = 16_384
SAMPLE_TEXTS = 16


def is_plain(model: Any) -> bool:
    """Return whether the model is sentence-transformers' own class without overridden methods: its similarity and content are known."""
    from sentence_transformers import SentenceTransformer

    overridden = {"encode", "encode_query", "encode_document", "similarity", "similarity_pairwise"} & set(vars(model))
    return type(model) is SentenceTransformer and not overridden


def embed(model: Any, pairs: DistinctTexts, arguments: Arguments) -> tuple[Any, Any]:
    """Return the vectors of the queries (Q, D) and of the corpus (N, D), normalised by the model."""
    from sentence_transformers import SentenceTransformer

    folder = arguments.values["cache_folder"]
    content = content_hash(model) if folder and isinstance(model, SentenceTransformer) else None
    texts: dict[TextSide, list[str]] = {"query": pairs.queries, "corpus": pairs.corpus}
    sides = {part: _Side(model, part, part_texts, arguments, content) for part, part_texts in texts.items()}
    stored = {part: _Stored(side, Path(folder)) for part, side in sides.items()} if folder else {}
    for part, side in stored.items():
        if side.complete:
            arguments.say(f"[Cache] Loaded {part} embeddings from {side.store.folder} (shape={(len(texts[part]), side.store.dim)})")
    missing = [part for part in ENCODING_ORDER if not (folder and stored[part].complete)]
    vectors = {}
    with pool_of(model, arguments.values["use_multi_process"] if missing else False) as pool:
        for part in missing:
            vectors[part] = stored[part].fill(pool) if folder else sides[part].encode(sides[part].texts, pool)
    for part in reversed(ENCODING_ORDER):
        if folder and part in missing:
            arguments.say(f"[Cache] Saved {part} embeddings to {stored[part].store.folder}")
    return tuple(vectors[part] if part in vectors else stored[part].vectors() for part in reversed(ENCODING_ORDER))


@contextmanager
def pool_of(model: Any, devices: Any) -> Iterator[Any]:
    """Start the model's process pool and stop it afterwards; None where `devices` is false. devices: True, or a list of device names."""
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
    """The texts of one side and how the model encodes them. content: the model's hash, where it is a SentenceTransformer."""

    model: Any
    part: TextSide
    texts: list[str]
    arguments: Arguments
    content: str | None

    @property
    def prompt(self) -> tuple[str | None, str | None]:
        """The prompt's name and text."""
        return self.arguments.values[f"{self.part}_prompt_name"], self.arguments.values[f"{self.part}_prompt"]

    def encode(self, texts: list[str], pool: Any = None, *, show_progress: bool = True) -> Any:
        """Shape (len(texts), D)."""
        encode = self.model.encode_query if self.part == "query" else self.model.encode_document
        name, prompt = self.prompt
        return encode(
            texts,
            pool=pool,
            batch_size=self.arguments.values["batch_size"],
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=show_progress,
            prompt_name=name,
            prompt=prompt,
        )

    def identity(self, keys: Keys) -> tuple[str, int]:
        """Return the fingerprint of these vectors, 64 hex digits, and their dimension.

        For a plain model it covers weights, tokenizer, settings and prompts. The behaviour of any other object is unknown, so the
        fingerprint also covers all texts and the vectors of a sample of them: a changed object gets another store.
        """
        description = [self.part, *self.prompt, f"{type(self.model).__module__}.{type(self.model).__qualname__}"]
        if self.content:
            description += [self.content, self.model.prompts, self.model.default_prompt_name]
        if self.content and is_plain(self.model):
            dim = int(self.model.get_embedding_dimension())
        else:
            sample = {
                *np.linspace(0, len(self.texts) - 1, SAMPLE_TEXTS).astype(int).tolist(),
                int(np.argmax([len(str(t)) for t in self.texts])),
            }
            vectors = np.asarray(self.encode([self.texts[row] for row in sorted(sample)], show_progress=False))
            dim = vectors.shape[1]
            description += [hashlib.sha256(vectors.tobytes() + keys.tobytes()).hexdigest()]
        return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest(), dim


class _Stored:
    """The vectors of one side in a cache folder."""

    def __init__(self, side: _Side, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._side = side
        self._keys = sha_keys(side.texts)
        self.store = Store(folder, *side.identity(self._keys), name=type(side.model).__name__)

    @property
    def complete(self) -> bool:
        """Whether every text has a stored vector."""
        return bool((self.store.find(self._keys) >= 0).all())

    def vectors(self) -> Any:
        """Shape (len(texts), D), float32."""
        return np.take(self.store.vectors(), self.store.find(self._keys), axis=0)

    def fill(self, pool: Any) -> Any:
        """Encode the missing texts, block by block, each committed; return all vectors."""
        missing = np.flatnonzero(self.store.find(self._keys) < 0)
        for start in range(0, len(missing), BLOCK_TEXTS):
            block = missing[start : start + BLOCK_TEXTS]
            vectors = np.asarray(self._side.encode([self._side.texts[row] for row in block.tolist()], pool), dtype=np.float32)
            self.store.append(self._keys[block], vectors)
        return self.vectors()
