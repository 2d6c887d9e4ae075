"""Variations in the training file of a round: a variation that the round's mining made goes where its origin goes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from miner.config import MiningConfig
from miner.runs.variation_file import VariationRow, read_variations
from miner.runs.variation_rows import FurtherNegative, extend, variation_id
from miner.types import Dataset, ExtendedTexts, MemoryTexts, Negatives


class RoundVariations:
    """Called with a block of negatives, it returns them with their variations, and the dataset with the texts of these.

    mined: the round's mined run. count: the variations that were added so far.
    """

    def __init__(self, dataset: Dataset, mined: Path, config: MiningConfig) -> None:
        self._dataset, self._config, self.count = dataset, config, 0
        self._by_anchor: defaultdict[tuple[str, ...], list[VariationRow]] = defaultdict(list)
        for row in read_variations(mined):
            self._by_anchor[(row["query_id"], *row["positive_ids"])].append(row)

    def __call__(self, negatives: Negatives) -> tuple[Negatives, Dataset]:
        """Add to each row the variations of its own negatives."""
        if not self._config.variations:
            return negatives, self._dataset
        queries, corpus = self._dataset.queries.ids(negatives.queries), self._dataset.corpus
        further = list[list[FurtherNegative]]()
        for query, positives, rows in zip(queries, negatives.positives.tolist(), negatives.rows.tolist(), strict=True):
            key = (query, *corpus.ids([row for row in positives if row >= 0]))
            origins = set(corpus.ids([row for row in rows if row >= 0])) if key in self._by_anchor else set()
            further.append([_negative(row) for row in self._by_anchor.get(key, ()) if row["passage_id"] in origins])
        kinds, width = self._config.active_variations, self._config.variations_per_row
        added = [one for of_anchor in further for one in of_anchor]
        self.count += len(added)
        texts = MemoryTexts([one.id for one in added], [one.text for one in added])
        extended = extend(negatives, further, len(corpus), kinds, width)
        return extended, replace(self._dataset, corpus=ExtendedTexts(corpus, texts))


def _negative(row: VariationRow) -> FurtherNegative:
    name = variation_id(row["passage_id"], row["kind"], row["query_id"])
    return FurtherNegative(name, row["kind"], row["text"], row["score"], row["rank"], row["tier"])
