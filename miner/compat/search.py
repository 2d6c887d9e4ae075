"""Candidates for a block of queries: from the exact index where the model's similarity is known, else from the model's own methods.

Of equal scores the passage that comes first in the corpus ranks first, so that no batch size changes a row.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from miner.compat.arguments import Arguments
from miner.compat.distinct_texts import DistinctTexts
from miner.compat.embed import is_plain
from miner.errors import ModelError
from miner.indexes import Exact
from miner.sources.scoring import order_keys, pair_scores, to_unit
from miner.types import Floats, Ints, Similarity

MAX_SCORE_CELLS = 2**25
"""Scores in memory at once when the model computes them: 128 MiB of float32."""
EXTRA_CANDIDATES = 16
PAIRS_PER_BLOCK = 16_384
MAX_SCORE_DIFFERENCE = 0.05
"""Inner products and the model's own scores that differ by more are on different scales: minus the distance differs by 1 there."""


class Search(Protocol):
    """Both scores are torch-free arrays of one dtype, higher is closer."""

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Any]:
        """Return rows (B, K), -1 for padding, and scores (B, K), -inf there, of queries start to stop; best first. K = min(depth, N)."""
        ...

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor (P,): the score of every (query, passage)."""
        ...


def open_search(model: Any, queries: Any, corpus: Any, pairs: DistinctTexts, arguments: Arguments) -> Search:
    """Choose the search for the model's vectors: queries (Q, D), corpus (N, D)."""
    model_search = ModelSearch(model, queries, corpus, arguments.values["faiss_batch_size"])
    similarity = model.similarity_fn_name if is_plain(model) else None
    if similarity in ("cosine", "dot") or (
        similarity == "euclidean" and (arguments.repairs.one_scale or not arguments.values["use_faiss"])
    ):
        return IndexSearch(queries, corpus, similarity)
    if not arguments.values["use_faiss"]:
        return model_search
    inner_product_search = InnerProductSearch(queries, corpus, model_search)
    sample = slice(0, PAIRS_PER_BLOCK)
    return (
        model_search
        if arguments.repairs.one_scale and inner_product_search.is_off_scale(pairs.owners[sample], pairs.positive_rows[sample])
        else inner_product_search
    )


class IndexSearch:
    """The exact index proposes candidates; one function with a fixed order of operations scores them, and the positives."""

    def __init__(self, queries: Any, corpus: Any, similarity: Similarity) -> None:
        self._queries = np.ascontiguousarray(queries, dtype=np.float32)
        self._corpus = np.ascontiguousarray(corpus, dtype=np.float32)
        self._similarity: Similarity = similarity
        _check_finite(self._queries, "query")
        _check_finite(self._corpus, "passage")
        if similarity == "cosine":  # in half precision a model's unit rows are not of length one
            to_unit(self._queries)
            to_unit(self._corpus)
        self._index = Exact(self._corpus, similarity)

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Floats]:
        """Search with growing depth until no passage outside the proposals can belong to the result."""
        vectors, depth = self._queries[start:stop], min(depth, len(self._corpus))
        rows, scores = np.empty((len(vectors), depth), dtype=np.int64), np.empty((len(vectors), depth), dtype=np.float32)
        pending, width = np.arange(len(vectors)), min(depth + EXTRA_CANDIDATES, len(self._corpus))
        while len(pending):
            proposed, outside = self._index.search(vectors[pending], width)
            exact = pair_scores(vectors[pending], self._corpus, proposed, self._similarity)
            order = np.argsort(order_keys(exact, proposed), axis=1)[:, :depth]
            rows[pending], scores[pending] = np.take_along_axis(proposed, order, axis=1), np.take_along_axis(exact, order, axis=1)
            pending = pending[~(np.isneginf(outside) | (outside < scores[pending, -1]))]
            width = min(2 * width, len(self._corpus))
        return rows, scores

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor float32 (P,)."""
        import torch

        scores = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), PAIRS_PER_BLOCK):
            part = slice(start, start + PAIRS_PER_BLOCK)
            scores[part] = pair_scores(self._queries[queries[part]], self._corpus, rows[part, None], self._similarity)[:, 0]
        return torch.from_numpy(scores)


class ModelSearch:
    """The model's own `similarity` over blocks that fit in memory, and `similarity_pairwise`."""

    def __init__(self, model: Any, queries: Any, corpus: Any, batch: int) -> None:
        import torch

        self._model, self._queries, self._corpus, self._batch = model, queries, torch.as_tensor(corpus), batch
        self._corpus_vectors = corpus

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Any]:
        """Compare blocks of queries with slices of the corpus, both as large as memory allows."""
        batch = max(1, min(self._batch, stop - start, max(64, MAX_SCORE_CELLS // len(self._corpus))))
        parts = [self._block(self._queries[row : min(row + batch, stop)], depth) for row in range(start, stop, batch)]
        rows, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return np.where(np.isneginf(scores), -1, rows), scores

    def _block(self, queries: Any, depth: int) -> tuple[Ints, Any]:
        import torch

        best: tuple[Any, Any] | None = None
        width = max(1, MAX_SCORE_CELLS // len(queries))
        for start in range(0, len(self._corpus), width):
            scores = torch.as_tensor(self._model.similarity(queries, self._corpus[start : start + width])).cpu()
            part = top(scores.float() if scores.dtype == torch.bfloat16 else scores, depth, start)
            best = part if best is None else _merge(best, part, depth)
        if best is None:
            raise ModelError("there is no passage to compare with")
        if bool(torch.isnan(best[1]).any()):
            raise ModelError("the model's similarity gives NaN; look for texts that it cannot encode")
        return best[0].numpy(), best[1].numpy()

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Tensor (P,)."""
        import torch

        parts = [slice(start, start + PAIRS_PER_BLOCK) for start in range(0, len(rows), PAIRS_PER_BLOCK)]
        scores = [self._model.similarity_pairwise(self._queries[queries[part]], self._corpus_vectors[rows[part]]).cpu() for part in parts]
        return torch.cat(scores)


class InnerProductSearch:
    """FAISS for a model of unknown similarity: inner products for candidates, the model's `similarity_pairwise` for positives."""

    def __init__(self, queries: Any, corpus: Any, model_search: ModelSearch) -> None:
        self._index_search, self._model_search = IndexSearch(queries, corpus, "dot"), model_search

    def nearest(self, start: int, stop: int, depth: int) -> tuple[Ints, Floats]:
        """Search by inner product."""
        return self._index_search.nearest(start, stop, depth)

    def pairs(self, queries: Ints, rows: Ints) -> Any:
        """Score pairs with the model's own method."""
        return self._model_search.pairs(queries, rows)

    def is_off_scale(self, queries: Ints, rows: Ints) -> bool:
        """Return whether the model's own scores of these pairs differ from inner products."""
        model_scores, products = self.pairs(queries, rows).double(), self._index_search.pairs(queries, rows).double()
        return bool(((model_scores - products).abs() > MAX_SCORE_DIFFERENCE * products.abs().clamp(min=1)).any())


def top(scores: Any, depth: int, first: int) -> tuple[Any, Any]:
    """Return positions (B, K), counted from `first`, and scores (B, K), by descending score; equal scores by ascending position."""
    import torch

    values, positions = torch.topk(scores, min(depth, scores.shape[1]), dim=1)
    tied_rows = torch.nonzero((scores >= values[:, -1:]).sum(dim=1) > values.shape[1])[:, 0]
    if len(tied_rows):  # more scores equal the last one than fit: those that come first belong to the result
        values[tied_rows], positions[tied_rows] = (
            x[:, : values.shape[1]] for x in torch.sort(scores[tied_rows], dim=1, descending=True, stable=True)
        )
    positions, order = torch.sort(positions, dim=1)
    values, order = torch.sort(values.gather(1, order), dim=1, descending=True, stable=True)
    return positions.gather(1, order) + first, values


def _merge(first: tuple[Any, Any], second: tuple[Any, Any], depth: int) -> tuple[Any, Any]:
    """Merge the best of two slices; of equal scores, those of the first slice come first."""
    import torch

    positions, values = (torch.cat(pair, dim=1) for pair in zip(first, second, strict=True))
    values, order = torch.sort(values, dim=1, descending=True, stable=True)
    return positions.gather(1, order)[:, :depth], values[:, :depth]


def _check_finite(vectors: Floats, side: str) -> None:
    for start in range(0, len(vectors), PAIRS_PER_BLOCK):
        bad = np.flatnonzero(~np.isfinite(vectors[start : start + PAIRS_PER_BLOCK]).all(axis=1))
        if len(bad):
            raise ModelError(f"the model gives NaN or infinity for {side} {start + int(bad[0])} (counted from 0, repeated texts left out)")
