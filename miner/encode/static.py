"""Static models tokenise each distinct word once: in a BERT tokenizer a word's pieces do not depend on its neighbours.

Tokenising is nearly all the work of a static model. The ids are the very ones the tokenizer gives, so the vectors are too: plain
ASCII takes the short way, everything else (other scripts, control characters, special tokens) the tokenizer itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
import pyarrow as pa

from miner.types import Bools, Codes, Floats, Ints

SPACE, ALNUM, MARK, CONTROL = range(4)
KINDS = np.full(256, CONTROL, dtype=np.uint8)
"""What each ASCII byte is to a BERT tokenizer; everything else never gets this far."""
KINDS[[9, 10, 13, 32]] = SPACE
KINDS[33:127] = MARK
KINDS[[*range(48, 58), *range(65, 91), *range(97, 123)]] = ALNUM
FEW_TEXTS = 100
MOST_PIECES = 2**21
"""What is remembered is forgotten beyond this, about 100 MB: other scripts are kept by the text, not by the word."""


class StaticWords:
    """A static model with the piece ids of every word seen."""

    def __init__(self, model: Any, special: Sequence[str]) -> None:
        self._model, self._tokenizer = model, model[0].tokenizer
        self._special = [token.lower() for token in special]
        self._forget()

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._starts: Ints = np.empty(0, dtype=np.int64)
        self._lengths: Ints = np.empty(0, dtype=np.int64)
        self._ids: Ints = np.empty(0, dtype=np.int64)

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """For a static model with a lower-casing BERT tokenizer; None for any other, which its own `encode` serves."""
        if type(model[0]).__name__ != "StaticEmbedding" or model.truncate_dim is not None:
            return None
        told = json.loads(model[0].tokenizer.to_str())
        normalizer = told.get("normalizer") or {}
        plain = normalizer.get("type") == "BertNormalizer" and normalizer.get("lowercase") and normalizer.get("clean_text")
        pieces = (told.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer" and told["model"]["type"] == "WordPiece"
        uncut = told.get("truncation") is None and told.get("padding") is None
        return cls(model, [token["content"] for token in told["added_tokens"]]) if plain and pieces and uncut else None

    def encode(self, texts: Sequence[str]) -> Floats:
        """Shape (len(texts), D): what the model's own `encode` gives."""
        import torch

        ids, counts = self.token_ids(texts)
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        with torch.inference_mode():
            features = {"input_ids": torch.from_numpy(ids), "offsets": torch.from_numpy(offsets)}
            features = {name: tensor.to(self._model.device) for name, tensor in features.items()}
            vectors: Floats = self._model(features)["sentence_embedding"].float().cpu().numpy()
        return vectors

    def token_ids(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """All piece ids in a row, and how many each text has."""
        plain = self._plain(texts)
        whole = [f"\0{text}" for text, is_plain in zip(texts, plain, strict=True) if not is_plain]
        words, of_word, counts = _cut([text for text, is_plain in zip(texts, plain, strict=True) if is_plain])
        self._learn([*words, *whole])
        per_text = np.ones(len(texts), dtype=np.int64)
        per_text[plain] = counts
        places = np.empty(int(per_text.sum()), dtype=np.int64)
        is_word = np.repeat(plain, per_text)
        places[is_word] = np.array([self._places[word] for word in words], dtype=np.int64)[of_word]
        places[~is_word] = [self._places[text] for text in whole]
        starts, lengths = self._starts[places], self._lengths[places]
        begin = np.cumsum(lengths) - lengths
        ids = self._ids[np.repeat(starts - begin, lengths) + np.arange(int(lengths.sum()))]
        pieces = np.concatenate([[0], np.cumsum(lengths)])[np.concatenate([[0], np.cumsum(per_text)])]
        return ids, np.diff(pieces)

    def _plain(self, texts: Sequence[str]) -> Bools:
        """Shape (len(texts),): True where a text is ASCII without control characters and special tokens; the others stay whole."""
        plain = np.fromiter(map(str.isascii, texts), dtype=np.bool_, count=len(texts))
        together = "\n".join(text for text, is_plain in zip(texts, plain, strict=True) if is_plain).lower()
        if not (KINDS[_bytes(together)] == CONTROL).any() and not any(token in together for token in self._special):
            return plain
        for place in np.flatnonzero(plain).tolist():
            lower = texts[place].lower()
            plain[place] = not (KINDS[_bytes(lower)] == CONTROL).any() and not any(token in lower for token in self._special)
        return plain

    def _learn(self, words: Sequence[str]) -> None:
        if len(self._ids) > MOST_PIECES:
            self._forget()
        new = list(dict.fromkeys(word for word in words if word not in self._places))
        if not new:
            return
        pieces = self._pieces([word.removeprefix("\0") for word in new])
        lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        self._places |= {word: place for place, word in enumerate(new, len(self._starts))}
        self._starts = np.concatenate([self._starts, len(self._ids) + np.cumsum(lengths) - lengths])
        self._lengths = np.concatenate([self._lengths, lengths])
        self._ids = np.concatenate([self._ids, np.fromiter(chain.from_iterable(pieces), dtype=np.int64, count=int(lengths.sum()))])

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        if len(texts) < FEW_TEXTS:  # encode_batch wakes a thread for each core, which takes longer than a question's words
            return [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]


def _cut(texts: Sequence[str]) -> tuple[list[str], Ints, Ints]:
    """The distinct words of plain texts; for each word in a row, which it is; and how many words each text has.

    All texts at once: a word is a run of letters and digits, or one mark. NUL, which no plain text holds, keeps texts apart.
    """
    data = _bytes("\0".join(texts).lower())
    kinds = KINDS[data]
    alnum = kinds == ALNUM
    begins = kinds == MARK
    begins[:1] |= alnum[:1]
    begins[1:] |= alnum[1:] & ~alnum[:-1]
    inside = alnum | (kinds == MARK)
    ends_of_texts = np.flatnonzero(data == 0)
    starts = np.flatnonzero(begins)
    counts = np.diff(np.concatenate([[0], np.searchsorted(starts, ends_of_texts), [len(starts)]])) if len(texts) else np.empty(0, np.int64)
    offsets = np.concatenate([np.flatnonzero(begins[inside]), [int(inside.sum())]]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[inside])]
    words = pa.Array.from_buffers(pa.string(), len(starts), buffers).dictionary_encode()
    return words.dictionary.to_pylist(), words.indices.to_numpy().astype(np.int64), counts


def _bytes(text: str) -> Codes:
    return np.frombuffer(text.encode(), dtype=np.uint8)
