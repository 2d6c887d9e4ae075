"""Candidates for a block of queries: through our exact index where we know how the model compares, else by asking the model itself.

Ties go to the passage that comes first in the corpus, so that no batch size changes a row.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.distinct_texts import Pairs
from miner.compat.embed import is_plain
from miner.errors import ModelError
from miner.indexes import Exact
from miner.sources.scoring import order_keys, pair_scores, to_unit
from miner.types import Floats, Ints, Similarity

CELLS = 2**25
"""Scores held at once when the model compares: 128 MiB of float32."""
SLACK = 16
PAIRS = 16_384
SCALE = 0.05
"""Inner products and the model's own scores that differ by more are on different scales: of unit rows, minus the distance differs by 1."""


class Search(Protocol):
    """Both scores are torch-free arrays of one dtype, higher is closer."""

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Any]:
        """Rows (B, K), -1 padded, and scores (B, K), -inf there, of queries start to stop; best first. K = min(depth, N)."""
        ...

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor (P,): the score of every (query, passage)."""
        ...


def open_search(model: Any, queries: Any, corpus: Any, pairs: Pairs, asked: Asked) -> Search:
    """The search for vectors as the model gave them: queries (Q, D), corpus (N, D)."""
    compared = Compared(model, queries, corpus, asked.values["faiss_batch_size"])
    known = model.similarity_fn_name if is_plain(model) else None
    if known in ("cosine", "dot") or (known == "euclidean" and (asked.repairs.one_scale or not asked.values["use_faiss"])):
        return Indexed(queries, corpus, known)
    if not asked.values["use_faiss"]:
        return compared
    proposed = Proposed(queries, corpus, compared)
    some = slice(0, PAIRS)
    return compared if asked.repairs.one_scale and proposed.off_scale(pairs.owners[some], pairs.positive_rows[some]) else proposed


class Indexed:
    """The exact index proposes, one fixed-order function scores, positives too."""

    def __init__(self, queries: Any, corpus: Any, similarity: Similarity) -> None:
        self._queries = np.ascontiguousarray(queries, dtype=np.float32)
        self._corpus = np.ascontiguousarray(corpus, dtype=np.float32)
        self._similarity: Similarity = similarity
        _refuse_nan(self._queries, "query")
        _refuse_nan(self._corpus, "passage")
        if similarity == "cosine":  # in half precision a model's unit rows are not of length one
            to_unit(self._queries)
            to_unit(self._corpus)
        self._index = Exact(self._corpus, similarity)

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Floats]:
        """Proposals are deepened until nothing outside them could belong inside."""
        vectors, depth = self._queries[start:stop], min(depth, len(self._corpus))
        rows, scores = np.empty((len(vectors), depth), dtype=np.int64), np.empty((len(vectors), depth), dtype=np.float32)
        todo, width = np.arange(len(vectors)), min(depth + SLACK, len(self._corpus))
        while len(todo):
            proposed, outside = self._index.search(vectors[todo], width)
            exact = pair_scores(vectors[todo], self._corpus, proposed, self._similarity)
            order = np.argsort(order_keys(exact, proposed), axis=1)[:, :depth]
            rows[todo], scores[todo] = np.take_along_axis(proposed, order, axis=1), np.take_along_axis(exact, order, axis=1)
            todo = todo[~(np.isneginf(outside) | (outside < scores[todo, -1]))]
            width = min(2 * width, len(self._corpus))
        return rows, scores

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor float32 (P,)."""
        import torch

        found = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), PAIRS):
            part = slice(start, start + PAIRS)
            found[part] = pair_scores(self._queries[queries[part]], self._corpus, rows[part, None], self._similarity)[:, 0]
        return torch.from_numpy(found)


class Compared:
    """The model's own `similarity` over blocks that fit in memory, and `similarity_pairwise`."""

    def __init__(self, model: Any, queries: Any, corpus: Any, batch: int) -> None:
        import torch

        self._model, self._queries, self._corpus, self._batch = model, queries, torch.as_tensor(corpus), batch
        self._given = corpus

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Any]:
        """As many queries at once as fit, against all of the corpus if it can be, else slice by slice."""
        batch = max(1, min(self._batch, stop - start, max(64, CELLS // len(self._corpus))))
        parts = [self._block(self._queries[at : min(at + batch, stop)], depth) for at in range(start, stop, batch)]
        rows, scores = (np.concatenate(both) for both in zip(*parts, strict=True))
        return np.where(np.isneginf(scores), -1, rows), scores

    def _block(self, queries: Any, depth: int) -> tuple[Ints, Any]:
        import torch

        best: tuple[Any, Any] | None = None
        width = max(1, CELLS // len(queries))
        for start in range(0, len(self._corpus), width):
            scores = torch.as_tensor(self._model.similarity(queries, self._corpus[start : start + width])).cpu()
            found = top(scores.float() if scores.dtype == torch.bfloat16 else scores, depth, start)
            best = found if best is None else _merged(best, found, depth)
        if best is None:
            raise ModelError("there is no passage to compare with")
        if bool(torch.isnan(best[1]).any()):
            raise ModelError("the model's similarity gives NaN; look for texts that it cannot encode")
        return best[0].numpy(), best[1].numpy()

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor (P,)."""
        import torch

        wanted = [slice(start, start + PAIRS) for start in range(0, len(rows), PAIRS)]
        scores = [self._model.similarity_pairwise(self._queries[queries[part]], self._given[rows[part]]).cpu() for part in wanted]
        return torch.cat(scores)


class Proposed:
    """FAISS for an object of which nothing is known: inner products for candidates, its own `similarity_pairwise` for positives."""

    def __init__(self, queries: Any, corpus: Any, compared: Compared) -> None:
        self._indexed, self._compared = Indexed(queries, corpus, "dot"), compared

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Floats]:
        """By inner product."""
        return self._indexed.nearest(start, stop, depth)

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """By the object itself."""
        return self._compared.pairs(queries, rows)

    def off_scale(self, queries: Ints, rows: Ints) -> bool:
        """Whether the object's own scores of some pairs are something else than inner products."""
        own, products = self.pairs(queries, rows).double(), self._indexed.pairs(queries, rows).double()
        return bool(((own - products).abs() > SCALE * products.abs().clamp(min=1)).any())


def top(scores: Any, depth: int, first: int) -> tuple[Any, Any]:
    """Positions (B, K), counted from `first`, and scores (B, K): falling score, equal ones by rising position."""
    import torch

    values, positions = torch.topk(scores, min(depth, scores.shape[1]), dim=1)
    crowded = torch.nonzero((scores >= values[:, -1:]).sum(dim=1) > values.shape[1])[:, 0]
    if len(crowded):  # more are equal to the last than fit: the first of them belong inside
        values[crowded], positions[crowded] = (
            x[:, : values.shape[1]] for x in torch.sort(scores[crowded], dim=1, descending=True, stable=True)
        )
    positions, order = torch.sort(positions, dim=1)
    values, order = torch.sort(values.gather(1, order), dim=1, descending=True, stable=True)
    return positions.gather(1, order) + first, values


def _merged(one: tuple[Any, Any], two: tuple[Any, Any], depth: int) -> tuple[Any, Any]:
    """The best of two slices, the first's before the second's where they are equal."""
    import torch

    positions, values = (torch.cat(both, dim=1) for both in zip(one, two, strict=True))
    values, order = torch.sort(values, dim=1, descending=True, stable=True)
    return positions.gather(1, order)[:, :depth], values[:, :depth]


def _refuse_nan(vectors: Floats, side: str) -> None:
    for start in range(0, len(vectors), PAIRS):
        bad = np.flatnonzero(~np.isfinite(vectors[start : start + PAIRS]).all(axis=1))
        if len(bad):
            raise ModelError(f"the model gives NaN or infinity for {side} {start + int(bad[0])} (counted from 0, repeated texts left out)")
