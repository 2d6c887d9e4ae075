"""Pass 1, retrieval: for each block of queries, candidates with scores and evidence; deeper for queries that run short.

It needs vectors. Judging decides which of a query's lists is used, the one within `depth` or the deep one (`lists_in_use`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from miner.config import MiningConfig
from miner.config.groups import JudgingSettings
from miner.core.judging import may_deepen, short_of
from miner.evidence import EVIDENCE
from miner.types import Block, Candidates, Ceiling, Dataset, Floats, Ints, JudgeScores, Rows, Source, noise_floors, weakest_positive_scores

BLOCK = 2048
"""Queries per block: the unit of work, progress, resuming and of the candidate files. Fixed: no setting of speed changes a byte."""


DEEP_SEARCH_FACTOR = 1.2
"""A query goes deep at once when about this many times `depth` passages outscore its positive. Only time depends on it."""


def deep_search_settings(config: MiningConfig) -> dict[str, object]:
    """The settings that decide which queries are searched deeper, as JSON holds them."""
    settings = config.model_dump(mode="json", include=set(JudgingSettings.model_fields))
    return settings if config.judges else {name: value for name, value in settings.items() if name != "judges"}  # as earlier versions


def lists_in_use(block: Block, config: MiningConfig, complete: Callable[[Candidates], Candidates]) -> list[Candidates]:
    """The lists that these settings use: those within `depth`; for a short query the deep list, where there is one.

    complete: adds the evidence that judging needs.
    """
    if not block.deep or not config.deepens:
        return [part for part in block.within if len(part)]
    deep = np.concatenate([part.queries for part in block.deep])
    if block.deepened_for != deep_search_settings(config):
        deep = np.intersect1d(deep, np.concatenate([short_queries(complete(part), config) for part in block.within]))
    used = [part.take(np.flatnonzero(np.isin(part.queries, deep))) for part in block.deep]
    return [part for part in (*(part.without(deep) for part in block.within), *used) if len(part)]


def short_queries(part: Candidates, config: MiningConfig) -> Ints:
    """Queries that are short within `depth` and are searched deeper (`may_deepen`)."""
    part = part.with_judges(config.active_judges)
    if not may_deepen(part, config):
        return np.empty(0, dtype=np.int64)
    return part.queries[short_of(part, config)]


class Retrieval:
    """Pass 1 over a dataset: `len()` blocks of queries in id order, each made by a call of its own, in any order or at the same time."""

    def __init__(self, dataset: Dataset, source: Source, config: MiningConfig) -> None:
        self._dataset, self._source, self._config = dataset, source, config
        self._evidence = {name: EVIDENCE[name](dataset, source) for name in config.measured if name in EVIDENCE}
        self._shared = {"population": population(dataset, source)} if "population" in config.needed else {}
        self._order = dataset.queries.id_order.astype(np.int64)

    @property
    def queries(self) -> int:
        """Q."""
        return len(self._order)

    def __len__(self) -> int:
        return (len(self._order) + BLOCK - 1) // BLOCK

    def __call__(self, number: int) -> Block:
        """The candidates of block `number`, from 0."""
        queries = self._order[number * BLOCK : (number + 1) * BLOCK]
        parts = [self._measured(part) for part in _search(self._dataset, self._source, self._config, queries)]
        within = [part.take(np.arange(len(part)), self._config.depth) for part in parts]
        deep = [self.deepened(part, short_queries(shallow, self._config)) for part, shallow in zip(parts, within, strict=True)]
        return Block(within, [part for part in deep if len(part)], deep_search_settings(self._config))

    def completed(self, block: Block) -> Block:
        """Add the evidence and the deep lists that a stored block lacks."""
        within, deep = ([self._measured(part) for part in parts] for parts in (block.within, block.deep))
        have = np.concatenate([np.empty(0, dtype=np.int64), *(part.queries for part in deep)])
        new_parts = [self.deepened(part, np.setdiff1d(short_queries(part, self._config), have)) for part in within]
        return Block(within, [*deep, *(part for part in new_parts if len(part))], judges=block.judges)

    def deepened(self, part: Candidates, queries: Ints) -> Candidates:
        """The candidates of these queries within `max_depth`."""
        subset = part.take(np.flatnonzero(np.isin(part.queries, queries)))
        if not len(subset) or subset.rows.shape[1] != self._config.depth:
            return subset
        rows, scores, evidence = self._source.retrieve(subset.queries, self._config.deepest)
        last = noise_floors(scores, evidence, self._config.depth)
        unscored = np.full(rows.shape, np.nan, dtype=np.float32)
        judges = {name: JudgeScores(unscored, each.positive_scores) for name, each in subset.judges.items()}
        return self._measured(replace(subset, rows=rows, scores=scores, noise_floors=last, evidence=evidence, judges=judges))

    def _measured(self, part: Candidates) -> Candidates:
        with_positives = with_all_relevant(part, self._dataset)
        measures = {name: measure(with_positives) for name, measure in self._evidence.items() if name not in part.evidence}
        return replace(part, evidence={**part.evidence, **measures}, shared=self._shared)


def retrieve(dataset: Dataset, source: Source, config: MiningConfig) -> Iterator[Block]:
    """Pass 1, block by block, queries in id order."""
    retrieval = Retrieval(dataset, source, config)
    return map(retrieval, range(len(retrieval)))


def _search(dataset: Dataset, source: Source, config: MiningConfig, queries: Ints) -> list[Candidates]:
    """Candidates without evidence. Where the positive ranks so low that its query will run short, deep ones at once."""
    positives = _padded([dataset.qrels.positives(int(query)) for query in queries])
    scores = source.score(queries, positives)
    reference = weakest_positive_scores(scores)
    deep = np.zeros(len(queries), dtype=bool)
    if config.deepens and any(isinstance(rule, Ceiling) for rule in config.active_filters.values()):
        deep = source.above(queries, reference) > DEEP_SEARCH_FACTOR * config.depth
    parts = []
    for members, depth in ((np.flatnonzero(~deep), config.depth), (np.flatnonzero(deep), config.deepest)):
        if len(members):
            rows, part_scores, evidence = source.retrieve(queries[members], depth)
            anchor_fields = (positives[members], scores[members], reference[members], noise_floors(part_scores, evidence, config.depth))
            parts.append(Candidates(queries[members], rows, part_scores, *anchor_fields, evidence))
    return parts


def with_all_relevant(part: Candidates, dataset: Dataset) -> Candidates:
    """With all passages known to be relevant to the question as positives. Evidence is measured against these."""
    if dataset.qrels.same_questions is None:
        return part
    return replace(part, positives=_padded([dataset.qrels.relevant(int(query)) for query in part.queries]))


def population(dataset: Dataset, source: Source) -> Floats:
    """Shape (S,): the scores of all known positives of all queries, ascending. Filters that use their distribution need it."""
    parts = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(dataset.queries), BLOCK):
        queries = np.arange(start, min(start + BLOCK, len(dataset.queries)), dtype=np.int64)
        scores = source.score(queries, _padded([dataset.qrels.positives(int(query)) for query in queries]))
        parts.append(scores[~np.isnan(scores)])
    return np.sort(np.concatenate(parts))


def _padded(rows: list[Rows]) -> Rows:
    out = np.full((len(rows), max([1, *map(len, rows)])), -1, dtype=np.int32)
    for place, values in enumerate(rows):
        out[place, : len(values)] = values
    return out
