"""Static models tokenise each distinct word once: in a BERT tokenizer a word's pieces do not depend on its neighbours.

Tokenising is nearly all the work of a static model. The ids are the very ones the tokenizer gives, so the vectors are too: plain
ASCII takes the short way, everything else (other scripts, control characters, special tokens) the tokenizer itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from miner.types import Floats, Ints

WORD = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MOST_PIECES = 2**21
"""What is remembered is forgotten beyond this, about 100 MB: other scripts are kept by the text, not by the word."""


class StaticWords:
    """A static model with the piece ids of every word seen."""

    def __init__(self, model: Any, special: Sequence[str]) -> None:
        self._model, self._tokenizer = model, model[0].tokenizer
        self._special = [token.lower() for token in special]
        self._forget()

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
        words = [self._words(text) for text in texts]
        self._learn(words)
        flat = np.fromiter(map(self._places.__getitem__, (word for each in words for word in each)), dtype=np.int64)
        starts, lengths = np.array(self._starts)[flat], np.array(self._lengths)[flat]
        begin = np.cumsum(lengths) - lengths
        ids = np.array(self._ids, dtype=np.int64)[np.repeat(starts - begin, lengths) + np.arange(int(lengths.sum()))]
        per_text = np.concatenate([[0], np.cumsum(lengths)])[
            np.concatenate([[0], np.cumsum([len(each) for each in words])]).astype(np.int64)
        ]
        return ids, np.diff(per_text)

    def _words(self, text: str) -> list[str]:
        """The words of a plain text; any other text is one word, which the tokenizer cuts."""
        lower = text.lower()
        if not text.isascii() or CONTROL.search(text) or any(token in lower for token in self._special):
            return [f"\0{text}"]
        return WORD.findall(lower)

    def _learn(self, words: Sequence[Sequence[str]]) -> None:
        if len(self._ids) > MOST_PIECES:
            self._forget()
        new = list(dict.fromkeys(word for each in words for word in each if word not in self._places))
        for word, encoding in zip(
            new, self._tokenizer.encode_batch([word.removeprefix("\0") for word in new], add_special_tokens=False), strict=True
        ):
            self._places[word] = len(self._starts)
            self._starts.append(len(self._ids))
            self._lengths.append(len(encoding.ids))
            self._ids.extend(encoding.ids)

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._starts: list[int] = []
        self._lengths: list[int] = []
        self._ids: list[int] = []
