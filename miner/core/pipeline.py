"""READ FIRST. The two passes.

    retrieve   pass 1: for each block of queries, candidates with scores and evidence; deeper for queries that would run short
    choose     pass 2: judge every candidate, take the best of what is kept, climb the ladder where a row ran short

Pass 1 needs vectors and runs once; pass 2 needs numbers only and is repeated at will. Judging is a pure function of scores and
evidence: the first filter that drops a candidate is its reason, and scores are never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.config import MiningConfig
from miner.config.groups import JudgingSettings
from miner.core.hub_cap import NegativeAllocator
from miner.core.ladder import RANDOM, Selection, fallback_rules
from miner.core.near_duplicates import exclude_near_duplicates
from miner.evidence import EVIDENCE, FROM_TEXTS
from miner.evidence.identity import id_keys
from miner.support import noise
from miner.types import Bools, Candidates, Ceiling, Codes, Dataset, Evidence, Filter, Floats, Ints, Negatives, Priority, Rows, Source

BLOCK = 2048
"""Queries per block: the unit of work, progress, resuming and of the candidate files. Fixed: no setting of speed changes a byte."""

DEEP_SEARCH_FACTOR = 1.2
"""A query goes deep at once when about this many times `depth` passages outscore its positive. Only time depends on it."""

PADDING = 255


# ---------------------------------------------------------------- pass 1


@dataclass(frozen=True)
class Block:
    """The candidates of one block of queries, each part in id order.

    within: up to `depth` of every query. deep: up to `max_depth` of some queries, those that ran short under the settings `deepened_for`
    (None: under any of several). In runs of earlier versions a query has one list only, and `within` holds the deep ones too.
    """

    within: list[Candidates]
    deep: list[Candidates] = field(default_factory=list)
    deepened_for: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.within))

    @property
    def longest(self) -> list[Candidates]:
        """One list for each query, the longest that is there."""
        deep = np.concatenate([np.empty(0, dtype=np.int64), *(part.queries for part in self.deep)])
        return [part for part in (*(_without(part, deep) for part in self.within), *self.deep) if len(part)]


def deepening(config: MiningConfig) -> dict[str, Any]:
    """The settings that decide which queries are searched deeper, as JSON holds them."""
    return config.model_dump(mode="json", include=set(JudgingSettings.model_fields))


def searched(block: Block, config: MiningConfig, complete: Callable[[Candidates], Candidates]) -> list[Candidates]:
    """The lists that a run with these settings goes by: those within `depth`, and the deep one of a query that runs short, if it is there.

    complete: gives candidates all that judging needs.
    """
    if not block.deep or not config.deepens:
        return [part for part in block.within if len(part)]
    deep = np.concatenate([part.queries for part in block.deep])
    if block.deepened_for != deepening(config):
        deep = np.intersect1d(deep, np.concatenate([short_queries(complete(part), config) for part in block.within]))
    used = [part.take(np.flatnonzero(np.isin(part.queries, deep))) for part in block.deep]
    return [part for part in (*(_without(part, deep) for part in block.within), *used) if len(part)]


def short_queries(part: Candidates, config: MiningConfig) -> Ints:
    """Queries that run short within `depth` and may be searched deeper; none where the list is longer already, or all there is."""
    if not config.deepens or part.rows.shape[1] != config.depth:
        return np.empty(0, dtype=np.int64)
    return part.queries[short_of(part, config)]


def _without(part: Candidates, queries: Ints) -> Candidates:
    return part.take(np.flatnonzero(~np.isin(part.queries, queries)))


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
        found = [self._measured(part) for part in _search(self._dataset, self._source, self._config, queries)]
        within = [part.take(np.arange(len(part)), self._config.depth) for part in found]
        deep = [self._deep(part, short_queries(each, self._config)) for part, each in zip(found, within, strict=True)]
        return Block(within, [part for part in deep if len(part)], deepening(self._config))

    def completed(self, block: Block) -> Block:
        """A block that other settings left, with the evidence and the deep lists that these need and it has not."""
        within, deep = ([self._measured(part) for part in parts] for parts in (block.within, block.deep))
        have = np.concatenate([np.empty(0, dtype=np.int64), *(part.queries for part in deep)])
        more = [self._deep(part, np.setdiff1d(short_queries(part, self._config), have)) for part in within]
        return Block(within, [*deep, *(part for part in more if len(part))])

    def _deep(self, part: Candidates, queries: Ints) -> Candidates:
        """Some of the queries, with all candidates within `max_depth`."""
        some = part.take(np.flatnonzero(np.isin(part.queries, queries)))
        if not len(some) or some.rows.shape[1] != self._config.depth:
            return some
        rows, scores, told = self._source.retrieve(some.queries, self._config.deepest)
        last = background(scores, told, self._config.depth)
        return self._measured(replace(some, rows=rows, scores=scores, background=last, evidence=told))

    def _measured(self, part: Candidates) -> Candidates:
        known = informed(part, self._dataset)
        more = {name: measure(known) for name, measure in self._evidence.items() if name not in part.evidence}
        return replace(part, evidence={**part.evidence, **more}, shared=self._shared)


def retrieve(dataset: Dataset, source: Source, config: MiningConfig) -> Iterator[Block]:
    """Pass 1, block by block, queries in id order."""
    retrieval = Retrieval(dataset, source, config)
    return map(retrieval, range(len(retrieval)))


def _search(dataset: Dataset, source: Source, config: MiningConfig, queries: Ints) -> list[Candidates]:
    """Candidates without evidence. Where the positive ranks so low that its query will run short, deep ones at once."""
    positives = _padded([dataset.qrels.positives(int(query)) for query in queries])
    scores = source.score(queries, positives)
    bar = weakest(scores)
    deep = np.zeros(len(queries), dtype=bool)
    if config.deepens and any(isinstance(rule, Ceiling) for rule in config.active_filters.values()):
        deep = source.above(queries, bar) > DEEP_SEARCH_FACTOR * config.depth
    parts = []
    for some, depth in ((np.flatnonzero(~deep), config.depth), (np.flatnonzero(deep), config.deepest)):
        if len(some):
            rows, found, told = source.retrieve(queries[some], depth)
            known = (positives[some], scores[some], bar[some], background(found, told, config.depth))
            parts.append(Candidates(queries[some], rows, found, *known, told))
    return parts


def informed(part: Candidates, dataset: Dataset) -> Candidates:
    """The same with all that is known to be relevant to the question as positives: what evidence is measured against."""
    if dataset.qrels.same is None:
        return part
    return replace(part, positives=_padded([dataset.qrels.known(int(query)) for query in part.queries]))


def short_of(found: Candidates, config: MiningConfig) -> Ints:
    """Anchors of which at least one row would get fewer negatives than asked for."""
    filters, trust = list(config.active_filters.values()), config.judged != "ignore"
    if config.anchor == "weakest":
        return np.flatnonzero((judge(found, filters, trust=trust) == 0).sum(axis=1) < config.negatives)
    own = per_positive(found)
    few = (judge(own, filters, trust=trust) == 0).sum(axis=1) < config.negatives
    return np.flatnonzero(np.isin(found.queries, own.queries[few]))


def population(dataset: Dataset, source: Source) -> Floats:
    """Shape (S,): the scores of all known positives of all queries, rising: what a filter that goes by their distribution must know."""
    parts = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(dataset.queries), BLOCK):
        queries = np.arange(start, min(start + BLOCK, len(dataset.queries)), dtype=np.int64)
        scores = source.score(queries, _padded([dataset.qrels.positives(int(query)) for query in queries]))
        parts.append(scores[~np.isnan(scores)])
    return np.sort(np.concatenate(parts))


def weakest(positive_scores: Floats) -> Floats:
    """Shape (B,): the smallest positive score of each anchor, NaN where there is none."""
    lowest = np.where(np.isnan(positive_scores), np.float32(np.inf), positive_scores).min(axis=1, initial=np.inf)
    return np.where(np.isinf(lowest), np.float32(np.nan), lowest).astype(np.float32)


def background(scores: Floats, evidence: Mapping[str, NDArray[Any]], depth: int) -> Floats:
    """Shape (B,): the score of the last candidate within `depth` that the first source found itself, NaN where there is none."""
    within = scores[:, :depth]
    ranks = next((evidence[name] for name in evidence if name.startswith("rank:")), None)
    counts = ~np.isnan(within) if ranks is None else ranks[:, :depth] > 0
    if not within.shape[1]:
        return np.full(len(scores), np.nan, dtype=np.float32)
    last = np.where(counts, np.arange(within.shape[1]), -1).max(axis=1, initial=-1)
    return np.where(last < 0, np.float32(np.nan), np.take_along_axis(within, np.maximum(last, 0)[:, None], axis=1)[:, 0]).astype(np.float32)


def _padded(rows: list[Rows]) -> Rows:
    out = np.full((len(rows), max([1, *map(len, rows)])), -1, dtype=np.int32)
    for place, values in enumerate(rows):
        out[place, : len(values)] = values
    return out


# ---------------------------------------------------------------- pass 2


def judge(candidates: Candidates, filters: Sequence[Filter], *, trust: bool = True) -> Codes:
    """dropped_by, shape (B, K): 0 kept, 255 padding, else the 1-based place of the first filter that dropped it.

    A filter that guesses does not drop what a verdict calls a true negative. trust: one that may be relaxed besides does not drop what
    was judged non-relevant.
    """
    dropped = np.where(candidates.present, 0, PADDING).astype(np.uint8)
    by_verdict, by_judgement = non_relevant(candidates, trust=False), non_relevant(candidates, trust=trust)
    for place, rule in enumerate(filters, 1):
        kept = dropped == 0
        keep = rule(replace(candidates, kept=kept))
        exempt = by_judgement if rule.relax else by_verdict
        if exempt is not None and rule.guesses:
            keep = keep | exempt
        dropped[kept & ~keep] = place
    return dropped


def non_relevant(candidates: Candidates, *, trust: bool = True) -> Bools | None:
    """Shape (B, K): True where the candidate was judged non-relevant (if `trust`), or a verdict says so; None where none was."""
    names = ("judged", "verdict") if trust else ("verdict",)
    told = [candidates.evidence[name] == 1 for name in names if name in candidates.evidence]
    found: Bools = np.logical_or.reduce(told) if told else np.zeros((0, 0), dtype=bool)
    return found if found.any() else None


def adopt(candidates: Candidates) -> Candidates:
    """The same, with what a verdict calls a false negative among the positives; the weakest of them all is the bar."""
    told = candidates.evidence.get("verdict")
    wrong = np.zeros(candidates.rows.shape, dtype=bool) if told is None else (told == 2) & (candidates.evidence["known_positive"] == 0)
    if not wrong.any():
        return candidates
    anchors, columns = np.nonzero(wrong)
    slots = (np.cumsum(wrong, axis=1) - 1)[anchors, columns]
    shape = (len(candidates), int(wrong.sum(axis=1).max()))
    rows, scores = np.full(shape, -1, dtype=np.int32), np.full(shape, np.nan, dtype=np.float32)
    rows[anchors, slots], scores[anchors, slots] = candidates.rows[anchors, columns], candidates.scores[anchors, columns]
    return replace(
        candidates,
        positives=np.concatenate([candidates.positives, rows], axis=1),
        positive_scores=np.concatenate([candidates.positive_scores, scores], axis=1),
        bar=np.fmin(candidates.bar, weakest(scores)),
    )


def per_positive(candidates: Candidates) -> Candidates:
    """One anchor for every (query, positive), whose bar is that positive's own score; evidence still knows all positives."""
    anchors, columns = np.nonzero(candidates.positives >= 0)
    own = candidates.take(anchors)
    scores = candidates.positive_scores[anchors, columns]
    return replace(own, positives=candidates.positives[anchors, columns][:, None], positive_scores=scores[:, None], bar=scores)


class Chooser:
    """Pass 2, with what it must know of the whole run: the scores of all known positives (S,), and the ids behind the noise.

    tables: what is looked up by passage (`vectors`), where the config needs it, and by pair (`verdicts`), where there are any.
    With a hub cap, `allot` comes before `choose`.
    """

    def __init__(self, dataset: Dataset, config: MiningConfig, positive_scores: Floats, tables: Mapping[str, Any] | None = None) -> None:
        self._dataset, self._config = dataset, config
        known = np.sort(positive_scores[~np.isnan(positive_scores)])
        self._lower_quartile = float(np.quantile(known.astype(np.float64), 0.25)) if len(known) else float("nan")
        self._shared: dict[str, Any] = {"population": known, **(tables or {})}
        self._evidence: dict[str, Evidence] = {}
        self._filters = list(config.active_filters.values())
        self._firm = np.isin(np.arange(256), [place for place, rule in enumerate(self._filters, 1) if not rule.relax])
        self._keys = (id_keys(dataset.queries), id_keys(dataset.corpus))
        self._allocator = NegativeAllocator(dataset, config) if config.hub_cap is not None else None

    @property
    def hubs(self) -> dict[str, int]:
        """What the hub cap did, for the report; nothing without one."""
        return self._allocator.statistics() if self._allocator else {}

    @property
    def verdicts(self) -> dict[str, int]:
        """How many verdicts there were, by what they say, for the report; nothing without any."""
        return dict(self._shared["verdicts"].counts) if "verdicts" in self._shared else {}

    def allot(self, blocks: Callable[[], Iterable[Block]]) -> None:
        """Settle what each anchor gets under the hub cap: `blocks()` gives all candidates of the run, each time. Without a cap: nothing."""
        while self._allocator and not self._allocator.is_complete:
            for part in (part for block in blocks() for part in self.searched(block)):
                anchors, numbers = self._allocator.unassigned(self._anchors(part))
                if len(anchors):
                    preferred = self._select(anchors, self._judge(anchors, self._filters), self._allocator.width)
                    self._allocator.add(numbers, preferred.negatives().rows)
            self._allocator.assign()

    def choose(self, candidates: Candidates) -> tuple[Candidates, Codes, Negatives]:
        """The anchors (one per positive if so configured), what became of each of their candidates (B, K), and the negatives."""
        anchors = self._anchors(candidates)
        dropped = self._judge(anchors, self._filters)
        columns = self._allocator.columns(anchors) if self._allocator else None
        selection = self._select(anchors, dropped, self._config.negatives if columns is None else max(1, int(columns.max(initial=0)) + 1))
        if columns is not None:
            selection.keep(columns)
        if self._config.fill == "repeat":
            selection.repeat()
        negatives = selection.negatives()
        alone = {next(iter(self._config.active_sources)): negatives.ranks}
        return anchors, dropped, replace(negatives, sources=negatives.sources or alone)

    def _select(self, anchors: Candidates, dropped: Codes, width: int) -> Selection:
        """The `width` candidates each anchor prefers, level by level. A shorter list is the beginning of a longer one."""
        selection = Selection(anchors, width)
        within = np.arange(anchors.rows.shape[1]) < self._config.depth
        self._select_level(selection, np.arange(len(anchors)), anchors, (dropped == 0) & within, tier=0)
        for tier in [*range(1, self._config.ladder + 1), *([RANDOM] if self._config.fill == "random" else [])]:
            short = selection.short()
            if len(short):
                seen, rules = fallback_rules(
                    anchors.take(short), self._filters, tier, lower_quartile=self._lower_quartile, corpus=len(self._keys[1])
                )
                # What a firm rule drops stays dropped: `ranks` counts what other filters leave, which a relaxed one changes.
                self._select_level(selection, short, seen, (self._judge(seen, rules) == 0) & ~self._firm[dropped[short]], tier)
        return selection

    def searched(self, block: Block) -> list[Candidates]:
        """The lists of a block that these settings go by."""
        return searched(block, self._config, self._complete)

    def _complete(self, candidates: Candidates) -> Candidates:
        """With what all share, and with evidence that was not stored but follows from the texts."""
        absent = [name for name in self._config.needed if name in FROM_TEXTS and name not in candidates.evidence]
        for name in absent:
            if name not in self._evidence:
                self._evidence[name] = EVIDENCE[name](self._dataset, None)
        known = informed(candidates, self._dataset) if absent else candidates
        more = {name: self._evidence[name](known) for name in absent}
        return replace(candidates, evidence={**candidates.evidence, **more}, shared=self._shared)

    def _anchors(self, candidates: Candidates) -> Candidates:
        """Complete, with the verdicts; one per positive if so configured."""
        complete = self._complete(candidates)
        if "verdicts" in self._shared:
            verdict = self._shared["verdicts"].codes(candidates.queries, candidates.rows)
            complete = replace(complete, evidence={**complete.evidence, "verdict": verdict})
        if self._config.false_negatives == "adopt":
            complete = adopt(complete)
        return per_positive(complete) if self._config.anchor == "own" else complete

    def _select_level(self, selection: Selection, places: Ints, anchors: Candidates, kept: Bools, tier: int) -> None:
        """Let the sampler rank what a fallback_rules kept, and hand the best to the free slots."""
        kept = kept & selection.untaken(places)
        priority = self._noise(anchors) if tier == RANDOM else self._config.active_sampler(anchors, kept, lambda: self._noise(anchors))
        order = self._ordered(anchors, kept, priority)
        usable = np.take_along_axis(kept, order, axis=1)
        if self._config.distinct is not None:
            rows = np.take_along_axis(anchors.rows, order, axis=1)
            usable = exclude_near_duplicates(rows, usable, selection.rows(places), self._shared["vectors"], self._config.distinct)
        selection.add(places, order, usable, tier)

    def _ordered(self, anchors: Candidates, kept: Bools, priority: Priority) -> Ints:
        """Columns (B, K): those that were kept first, of these what was judged non-relevant (if so configured), then by priority."""
        first = non_relevant(anchors) if self._config.judged == "prefer" else None
        if first is None:
            return np.argsort(np.where(kept, -priority, np.inf), axis=1, kind="stable")
        return np.lexsort((-priority, ~first, ~kept), axis=1)

    def _judge(self, anchors: Candidates, filters: Sequence[Filter]) -> Codes:
        return judge(anchors, filters, trust=self._config.judged != "ignore")

    def _noise(self, anchors: Candidates) -> Priority:
        return noise.uniform(self._config.seed, self._keys[0][anchors.queries], self._keys[1][anchors.rows])
