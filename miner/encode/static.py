"""Fast tokenisation for static models: each distinct word is tokenised once, since BERT's word pieces do not depend on the neighbours.

Tokenisation is nearly all the work of a static model. The ids equal the tokenizer's, so the vectors do too: plain ASCII is split into
words here; any other text (other scripts, control characters, special tokens) goes to the tokenizer as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
import pyarrow as pa

from miner.types import Bools, Codes, Floats, Ints

SPACE, ALNUM, PUNCTUATION, CONTROL = range(4)
CHARACTER_KINDS = np.full(256, CONTROL, dtype=np.uint8)
"""The class of each ASCII byte in a BERT tokenizer; other texts are not split here."""
CHARACTER_KINDS[[9, 10, 13, 32]] = SPACE
CHARACTER_KINDS[33:127] = PUNCTUATION
CHARACTER_KINDS[[*range(48, 58), *range(65, 91), *range(97, 123)]] = ALNUM
MIN_BATCH_TEXTS = 100
MAX_CACHED_PIECES = 2**21
"""The word cache is cleared above this number of pieces, about 100 MB: texts that are not plain ASCII are cached as a whole."""


class PieceCache:
    """The piece ids of every word that a tokenizer has seen."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._clear()

    def _clear(self) -> None:
        self.numbers: dict[str, int] = {}
        self.starts: Ints = np.empty(0, dtype=np.int64)
        self.lengths: Ints = np.empty(0, dtype=np.int64)
        self.ids: Ints = np.empty(0, dtype=np.int64)

    def add(self, words: Sequence[str]) -> None:
        """Tokenise the words that are new. One that begins with NUL is a whole text."""
        if len(self.ids) > MAX_CACHED_PIECES:
            self._clear()
        new = list(dict.fromkeys(word for word in words if word not in self.numbers))
        if not new:
            return
        pieces = self._pieces([word.removeprefix("\0") for word in new])
        lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        self.numbers |= {word: number for number, word in enumerate(new, len(self.starts))}
        self.starts = np.concatenate([self.starts, len(self.ids) + np.cumsum(lengths) - lengths])
        self.lengths = np.concatenate([self.lengths, lengths])
        self.ids = np.concatenate([self.ids, np.fromiter(chain.from_iterable(pieces), dtype=np.int64, count=int(lengths.sum()))])

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        if len(texts) < MIN_BATCH_TEXTS:  # encode_batch starts a thread for each core, which takes longer than a query's words
            return [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]


class StaticWords:
    """A static model with a cache of the piece ids of every word."""

    def __init__(self, model: Any, special: Sequence[str], cache: PieceCache | None = None) -> None:
        self._model = model
        self._special = [token.lower() for token in special]
        self._cache = cache or PieceCache(model[0].tokenizer)

    def with_model(self, model: Any) -> StaticWords:
        """The same words for another state of the model: a look at it during its training tokenises nothing again."""
        return StaticWords(model, self._special, self._cache)

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """Return an instance for a static model with a lower-casing BERT tokenizer; None for any other model."""
        if type(model[0]).__name__ != "StaticEmbedding" or model.truncate_dim is not None:
            return None
        settings = json.loads(model[0].tokenizer.to_str())
        normalizer = settings.get("normalizer") or {}
        is_plain = normalizer.get("type") == "BertNormalizer" and normalizer.get("lowercase") and normalizer.get("clean_text")
        is_wordpiece = (settings.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer" and settings["model"]["type"] == "WordPiece"
        has_no_truncation = settings.get("truncation") is None and settings.get("padding") is None
        return (
            cls(model, [token["content"] for token in settings["added_tokens"]])
            if is_plain and is_wordpiece and has_no_truncation
            else None
        )

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return shape (len(texts), D), equal to the model's own `encode`."""
        import torch

        ids, counts = self.token_ids(texts)
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        with torch.inference_mode():
            features = {"input_ids": torch.from_numpy(ids), "offsets": torch.from_numpy(offsets)}
            features = {name: tensor.to(self._model.device) for name, tensor in features.items()}
            vectors: Floats = self._model(features)["sentence_embedding"].float().cpu().numpy()
        return vectors

    def token_ids(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """Return the piece ids of all texts, concatenated, and the number of pieces of each text."""
        plain_mask = self._plain_mask(texts)
        whole_texts = [f"\0{text}" for text, is_plain in zip(texts, plain_mask, strict=True) if not is_plain]
        words, word_numbers, counts = _cut([text for text, is_plain in zip(texts, plain_mask, strict=True) if is_plain])
        cache = self._cache
        cache.add([*words, *whole_texts])
        per_text = np.ones(len(texts), dtype=np.int64)
        per_text[plain_mask] = counts
        places = np.empty(int(per_text.sum()), dtype=np.int64)
        is_word = np.repeat(plain_mask, per_text)
        places[is_word] = np.array([cache.numbers[word] for word in words], dtype=np.int64)[word_numbers]
        places[~is_word] = [cache.numbers[text] for text in whole_texts]
        starts, lengths = cache.starts[places], cache.lengths[places]
        begins = np.cumsum(lengths) - lengths
        ids = cache.ids[np.repeat(starts - begins, lengths) + np.arange(int(lengths.sum()))]
        pieces = np.concatenate([[0], np.cumsum(lengths)])[np.concatenate([[0], np.cumsum(per_text)])]
        return ids, np.diff(pieces)

    def _plain_mask(self, texts: Sequence[str]) -> Bools:
        """Return shape (len(texts),): True where a text is ASCII without control characters and special tokens."""
        plain_mask = np.fromiter(map(str.isascii, texts), dtype=np.bool_, count=len(texts))
        joined = "\n".join(text for text, is_plain in zip(texts, plain_mask, strict=True) if is_plain).lower()
        if not (CHARACTER_KINDS[_bytes(joined)] == CONTROL).any() and not any(token in joined for token in self._special):
            return plain_mask
        for row in np.flatnonzero(plain_mask).tolist():
            lower = texts[row].lower()
            plain_mask[row] = not (CHARACTER_KINDS[_bytes(lower)] == CONTROL).any() and not any(token in lower for token in self._special)
        return plain_mask


def _cut(texts: Sequence[str]) -> tuple[list[str], Ints, Ints]:
    """Split plain texts into words: the distinct words, the number of the distinct word at each position, and the word count of each text.

    A word is a run of letters and digits, or one punctuation mark. All texts are joined by NUL, which no plain text contains.
    """
    data = _bytes("\0".join(texts).lower())
    kinds = CHARACTER_KINDS[data]
    alnum = kinds == ALNUM
    begins = kinds == PUNCTUATION
    begins[:1] |= alnum[:1]
    begins[1:] |= alnum[1:] & ~alnum[:-1]
    inside = alnum | (kinds == PUNCTUATION)
    ends_of_texts = np.flatnonzero(data == 0)
    starts = np.flatnonzero(begins)
    counts = np.diff(np.concatenate([[0], np.searchsorted(starts, ends_of_texts), [len(starts)]])) if len(texts) else np.empty(0, np.int64)
    offsets = np.concatenate([np.flatnonzero(begins[inside]), [int(inside.sum())]]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[inside])]
    words = pa.Array.from_buffers(pa.string(), len(starts), buffers).dictionary_encode()
    return words.dictionary.to_pylist(), words.indices.to_numpy().astype(np.int64), counts


def _bytes(text: str) -> Codes:
    return np.frombuffer(text.encode(), dtype=np.uint8)
