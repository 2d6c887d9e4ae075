"""The cross-encoder's scores in place of the model's: for candidates and positives alike, and only where a filter asks for scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.distinct_texts import Pairs
from miner.compat.embed import pool_of
from miner.errors import ModelError
from miner.types import Bools, Ints

BATCHES = 64
"""Batches per call: a call sorts its pairs by length, so that larger ones pad less."""


class Rescorer:
    """Asks the cross-encoder, a fair number of pairs at a time."""

    def __init__(self, cross_encoder: Any, pairs: Pairs, batch_size: int, pool: Any) -> None:
        self._cross_encoder, self._pairs, self._batch_size, self._pool = cross_encoder, pairs, batch_size, pool

    def positives(self) -> Any:
        """Tensor (P,): the score of every (query, positive)."""
        return self._predict(self._pairs.owners, self._pairs.positive_rows)

    def candidates(self, start: int, rows: Ints, scores: Any, wanted: Bools) -> tuple[Ints, Any]:
        """Rows and scores (B, K) by the cross-encoder, best first, of queries from `start` on; what is not `wanted` becomes padding."""
        queries, columns = np.nonzero(wanted)
        step = max(1, BATCHES * self._batch_size)
        scores = np.full_like(scores, -np.inf)
        for at in range(0, len(queries), step):
            some = (queries[at : at + step], columns[at : at + step])
            scores[some] = array(self._predict(start + some[0], rows[some]))
        rows = np.where(wanted & ~np.isneginf(scores), rows, -1)
        order = np.lexsort((rows, -scores))
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def _predict(self, queries: Ints, rows: Ints) -> Any:
        import torch

        texts, passages = self._pairs.queries, self._pairs.corpus
        asked = [(texts[query], passages[row]) for query, row in zip(queries.tolist(), rows.tolist(), strict=True)]
        scores = self._cross_encoder.predict(asked, batch_size=self._batch_size, convert_to_tensor=True, pool=self._pool).cpu()
        if bool(torch.isnan(scores).any()):
            query, passage = asked[int(torch.nonzero(torch.isnan(scores))[0, 0])]
            raise ModelError(f"the cross-encoder gives NaN for query {query!r:.80} and passage {passage!r:.80}")
        return scores


@contextmanager
def open_rescorer(pairs: Pairs, asked: Asked) -> Iterator[Rescorer | None]:
    """None where no cross-encoder is given, or no filter would look at its scores."""
    cross_encoder = asked.values["cross_encoder"]
    if cross_encoder is None or not asked.filtered:
        yield None
        return
    with pool_of(cross_encoder, asked.values["use_multi_process"]) as pool:
        yield Rescorer(cross_encoder, pairs, asked.values["batch_size"], pool)


def array(scores: Any) -> Any:
    """A tensor as numpy's; bfloat16, which numpy lacks, as float32."""
    import torch

    return (scores.float() if scores.dtype == torch.bfloat16 else scores).numpy()
