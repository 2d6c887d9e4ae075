"""Negatives drawn anew for every batch, among all that a row has.

FlagEmbedding draws `train_group_size - 1` of a row's negatives each time the row comes up, Tevatron walks through them by epoch: a row with
many negatives trains on all of them at the cost of a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from miner.support.noise import generator
from miner.train.augment import BatchRow


class NegativeDraws:
    """Draws the negatives of each row, without replacement. A text that is a positive in the batch is not drawn.

    reserve: {(anchor, positive): negatives beyond those in the row's columns}.
    seed: of the draws, which follow from (seed, batch, anchor, positive).
    """

    columns = ("anchor", "positive", "negative_1")

    def __init__(self, reserve: Mapping[tuple[str, str], Sequence[str]], seed: int = 0) -> None:
        self._reserve, self._seed = reserve, seed

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows with their negatives of this batch."""
        positives = {row["positive"] for row in rows}
        return [self._row(row, positives, step) for row in rows]

    def _row(self, row: BatchRow, positives: set[str], step: int) -> BatchRow:
        names = [name for name in row if name.startswith("negative_")]
        reserve = self._reserve.get((row["anchor"], row["positive"]), ())
        texts = [text for text in dict.fromkeys([*(row[name] for name in names), *reserve]) if text not in positives]
        if not reserve or len(texts) < len(names):
            return row
        order = generator(self._seed, "negatives", step, row["anchor"], row["positive"]).permutation(len(texts))
        return {**row, **{name: texts[place] for name, place in zip(names, order.tolist(), strict=False)}}
