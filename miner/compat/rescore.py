"""The cross-encoder's scores in place of the model's, for candidates and positives, and only where a filter uses scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from miner.compat.arguments import Arguments
from miner.compat.distinct_texts import DistinctTexts
from miner.compat.embed import pool_of
from miner.errors import ModelError
from miner.types import Bools, Ints

BATCHES_PER_CALL = 64
"""Batches per call: a call sorts its pairs by length, so that larger ones pad less."""


class Rescorer:
    """Scores (query, passage) pairs with the cross-encoder, many batches per call."""

    def __init__(self, cross_encoder: Any, pairs: DistinctTexts, batch_size: int, pool: Any) -> None:
        self._cross_encoder, self._pairs, self._batch_size, self._pool = cross_encoder, pairs, batch_size, pool

    def positives(self) -> Any:
        """Return a tensor (P,): the score of every (query, positive)."""
        return self._predict(self._pairs.owners, self._pairs.positive_rows)

    def candidates(self, start: int, rows: Ints, scores: Any, to_rescore: Bools) -> tuple[Ints, Any]:
        """Score the candidates of queries from `start` on; return rows and scores (B, K), best first.

        to_rescore: (B, K); every other candidate becomes padding.
        """
        queries, columns = np.nonzero(to_rescore)
        step = max(1, BATCHES_PER_CALL * self._batch_size)
        scores = np.full_like(scores, -np.inf)
        for start_cell in range(0, len(queries), step):
            cells = (queries[start_cell : start_cell + step], columns[start_cell : start_cell + step])
            scores[cells] = array(self._predict(start + cells[0], rows[cells]))
        rows = np.where(to_rescore & ~np.isneginf(scores), rows, -1)
        order = np.lexsort((rows, -scores))
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def _predict(self, queries: Ints, rows: Ints) -> Any:
        import torch

        texts, passages = self._pairs.queries, self._pairs.corpus
        text_pairs = [(texts[query], passages[row]) for query, row in zip(queries.tolist(), rows.tolist(), strict=True)]
        scores = self._cross_encoder.predict(text_pairs, batch_size=self._batch_size, convert_to_tensor=True, pool=self._pool).cpu()
        if bool(torch.isnan(scores).any()):
            query, passage = text_pairs[int(torch.nonzero(torch.isnan(scores))[0, 0])]
            raise ModelError(f"the cross-encoder gives NaN for query {query!r:.80} and passage {passage!r:.80}")
        return scores


@contextmanager
def open_rescorer(pairs: DistinctTexts, arguments: Arguments) -> Iterator[Rescorer | None]:
    """Open the cross-encoder; None where there is none, or where no filter uses scores."""
    cross_encoder = arguments.values["cross_encoder"]
    if cross_encoder is None or not arguments.filtered:
        yield None
        return
    with pool_of(cross_encoder, arguments.values["use_multi_process"]) as pool:
        yield Rescorer(cross_encoder, pairs, arguments.values["batch_size"], pool)


def array(scores: Any) -> Any:
    """Convert a tensor to a numpy array; bfloat16, which numpy lacks, becomes float32."""
    import torch

    return (scores.float() if scores.dtype == torch.bfloat16 else scores).numpy()
