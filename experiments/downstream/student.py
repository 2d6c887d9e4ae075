"""A static model as what it is: texts are bags of pieces, their vectors the unit means of a table's rows. Trained in this process.

The texts of a data set are cut into pieces once, and the table is cut down to the pieces that occur; a row that no text uses would
never be read. Loss, gradient and optimiser are those of sentence-transformers' trainer, so are the weights: tests/train/test_downstream.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from miner.encode import Encoder
from miner.types import Floats, Side

CUT = 4096


class Bags:
    """Texts as bags. matrix: CSR (texts, pieces), the share of each piece in a text; number: {text: its row}; pieces: rows of the table."""

    def __init__(self, texts: Sequence[str], tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.texts = list(dict.fromkeys(texts))
        self.number = {text: place for place, text in enumerate(self.texts)}
        parts = [self._pieces(self.texts[start : start + CUT]) for start in range(0, len(self.texts), CUT)]
        ids, lengths = (np.concatenate(each) for each in zip(*parts, strict=True))
        self.pieces, places = np.unique(ids, return_inverse=True)
        self.matrix = _shares(places, lengths, len(self.pieces))

    def forget(self) -> None:
        """Before it is pickled: the tokenizer."""
        self._tokenizer = None

    def know(self, tokenizer: Any) -> None:
        """After it was unpickled: the tokenizer."""
        self._tokenizer = tokenizer

    def _pieces(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All ids, one text after the other, and how many each text has."""
        found = [each.ids for each in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        return np.array([one for ids in found for one in ids], dtype=np.int64), np.array([len(ids) for ids in found], dtype=np.int64)

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (len(texts),): the row of each."""
        return np.array([self.number[text] for text in texts], dtype=np.int64)

    def of(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Bags of texts that may be new; a piece that no known text has is left out, and counts for the length all the same."""
        ids, lengths = self._pieces(texts)
        places = np.minimum(np.searchsorted(self.pieces, ids), len(self.pieces) - 1)
        return _shares(places, lengths, len(self.pieces), self.pieces[places] == ids)

    def vectors(self, table: Floats, numbers: np.ndarray | None = None) -> Floats:
        """Shape (texts, D), unit rows: of all texts, or of some."""
        means = np.asarray((self.matrix if numbers is None else self.matrix[numbers]) @ table)
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


def _shares(places: np.ndarray, lengths: np.ndarray, width: int, known: np.ndarray | None = None) -> sparse.csr_matrix:
    values = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    values = values if known is None else values * known
    made = sparse.csr_matrix((values, places, np.concatenate([[0], np.cumsum(lengths)])), shape=(len(lengths), width))
    made.sum_duplicates()
    return made


class Student(nn.Module):
    """The table as a module that losses can hold: call it with bags."""

    def __init__(self, table: Floats) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.from_numpy(np.array(table, dtype=np.float32)))

    def forward(self, bags: sparse.csr_matrix) -> Tensor:
        """Shape (texts, D), unit rows."""
        ids, starts = (torch.from_numpy(part.astype(np.int64)) for part in (bags.indices, bags.indptr[:-1]))
        sums = nn.functional.embedding_bag(ids, self.table, starts, mode="sum", per_sample_weights=torch.from_numpy(bags.data))
        return nn.functional.normalize(sums, dim=-1)

    def numpy(self) -> Floats:
        """A copy of the table."""
        return self.table.detach().numpy().copy()


def table_of(model: Any, bags: Bags) -> Floats:
    """The rows of a sentence-transformers static model that the bags use."""
    return model[0].embedding.weight.detach().numpy()[bags.pieces].copy()


def put(model: Any, bags: Bags, table: Floats) -> Any:
    """Write the table back into the model."""
    with torch.no_grad():
        model[0].embedding.weight[torch.from_numpy(bags.pieces)] = torch.from_numpy(table)
    return model


class Cut(Encoder):
    """A static model's encoder, as the model is now, that does not cut known texts into pieces again."""

    def __init__(self, model: Any, name: str, bags: Bags) -> None:
        super().__init__(model, name, prompts={"query": None, "passage": None})
        self._bags, self._table = bags, table_of(model, bags)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """Shape (len(texts), D)."""
        if all(text in self._bags.number for text in texts):
            return self._bags.vectors(self._table, self._bags.numbers(texts))
        return super().encode(texts, side)
