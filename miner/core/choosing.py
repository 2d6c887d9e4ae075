"""Pass 2, choosing: judge every candidate, take the best of what is left, and use fallback levels where a row is short.

It needs numbers only, no model, and can be repeated with other settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from miner.config import MiningConfig
from miner.core.hub_cap import CapStatistics, NegativeAllocator
from miner.core.judging import add_false_negatives, judge, non_relevant, per_positive
from miner.core.ladder import RANDOM, Selection, fallback_rules
from miner.core.near_duplicates import exclude_near_duplicates
from miner.core.rescoring import rule_names, with_scores
from miner.core.retrieval import lists_in_use, with_all_relevant
from miner.evidence import EVIDENCE, FROM_TEXTS
from miner.evidence.identity import id_keys
from miner.support import noise
from miner.types import Block, Bools, Candidates, Codes, Dataset, Evidence, Filter, Floats, Ints, Negatives, Priority


class Chooser:
    """Pass 2, with statistics of the whole run: the scores of all known positives (S,), and the ids behind the noise.

    tables: what is looked up by passage (`vectors`), where the config needs it, and by pair (`verdicts`), where there are any.
    With a hub cap, `allot` comes before `choose`.
    """

    def __init__(self, dataset: Dataset, config: MiningConfig, positive_scores: Floats, tables: Mapping[str, Any] | None = None) -> None:
        self._dataset, self._config = dataset, config
        population = np.sort(positive_scores[~np.isnan(positive_scores)])
        self._lower_quartile = float(np.quantile(population.astype(np.float64), 0.25)) if len(population) else float("nan")
        self._shared: dict[str, Any] = {"population": population, **(tables or {})}
        self._evidence: dict[str, Evidence] = {}
        self._filters = list(config.active_filters.values())
        self._keys = (id_keys(dataset.queries), id_keys(dataset.corpus))
        self._allocator = NegativeAllocator(dataset, config) if config.hub_cap is not None else None

    @property
    def hubs(self) -> CapStatistics:
        """What the hub cap did, for the report; nothing without one."""
        return self._allocator.statistics() if self._allocator else {}

    @property
    def verdicts(self) -> dict[str, int]:
        """How many verdicts there were, by what they say, for the report; nothing without any."""
        return dict(self._shared["verdicts"].counts) if "verdicts" in self._shared else {}

    def allot(self, blocks: Callable[[], Iterable[Block]]) -> None:
        """Assign negatives to anchors under the hub cap, if there is one. Each call of `blocks()` yields all candidates of the run."""
        while self._allocator and not self._allocator.is_complete:
            for part in (part for block in blocks() for part in self.lists_in_use(block)):
                anchors, numbers = self._allocator.unassigned(self.anchors(part))
                if len(anchors):
                    preferred = self._select(anchors, self.judge(anchors, self._filters), self._allocator.width)
                    self._allocator.add(numbers, preferred.negatives().rows)
            self._allocator.assign()

    def choose(self, candidates: Candidates) -> tuple[Candidates, Codes, Negatives]:
        """Return the anchors (one per positive with anchor=own), the codes of their candidates, and the negatives.

        codes (B, K): 0 kept, else the number of the filter that dropped the candidate.
        """
        anchors = self.anchors(candidates)
        dropped = self.judge(anchors, self._filters)
        columns = self._allocator.columns(anchors) if self._allocator else None
        selection = self._select(anchors, dropped, self._config.negatives if columns is None else max(1, int(columns.max(initial=0)) + 1))
        if columns is not None:
            selection.keep(columns)
        if self._config.fill == "repeat":
            selection.repeat()
        negatives = selection.negatives(self._config.scores_by)
        alone = {next(iter(self._config.active_sources)): negatives.ranks}
        return anchors, dropped, replace(negatives, sources=negatives.sources or alone)

    def drops(self, anchors: Candidates, columns: Ints, scores: Floats, tiers: Codes) -> list[str]:
        """The filter that drops each anchor's candidate at `columns` (B,) with another score (B,); "" where its fallback level keeps it.

        The candidate keeps its rank and evidence, but no judgement or verdict exempts it: what was judged is another text.
        """
        rescored, reasons = with_scores(anchors, columns, scores), [""] * len(anchors)
        strict = self.judge(rescored, self._filters)[np.arange(len(anchors)), columns]
        for tier in np.unique(tiers).tolist():
            members = np.flatnonzero(tiers == tier)
            level, rules = fallback_rules(
                rescored.take(members), self._filters, tier, lower_quartile=self._lower_quartile, corpus=len(self._keys[1])
            )
            names = rule_names(rules, self._config.active_filters)
            codes = self.judge(level, rules)[np.arange(len(members)), columns[members]]
            for member, code in zip(members.tolist(), codes.tolist(), strict=True):
                is_firm = strict[member] > 0 and not self._filters[strict[member] - 1].relax
                reasons[member] = [*self._config.active_filters][strict[member] - 1] if is_firm else names[code - 1] if code else ""
        return reasons

    @property
    def levels(self) -> list[int]:
        """The fallback levels of these settings, from 0."""
        return [*range(self._config.ladder + 1), *([RANDOM] if self._config.fill == "random" else [])]

    def level(self, anchors: Candidates, dropped: Codes, filters: Sequence[Filter], tier: int) -> tuple[Candidates, Bools]:
        """The anchors as a fallback level sees them, and which candidates these filters keep on it, shape (B, K).

        dropped: what the same filters drop on level 0.
        """
        if tier == 0:
            return anchors, (dropped == 0) & (np.arange(anchors.rows.shape[1]) < self._config.depth)
        firm = np.isin(dropped, [place for place, rule in enumerate(filters, 1) if not rule.relax])
        level_anchors, rules = fallback_rules(anchors, filters, tier, lower_quartile=self._lower_quartile, corpus=len(self._keys[1]))
        # What a firm rule drops stays dropped: `ranks` counts what other filters leave, which a relaxed one changes.
        return level_anchors, (self.judge(level_anchors, rules) == 0) & ~firm

    def _select(self, anchors: Candidates, dropped: Codes, width: int) -> Selection:
        """The `width` candidates each anchor prefers, level by level. A shorter list is the beginning of a longer one."""
        selection = Selection(anchors, width)
        self._select_level(selection, np.arange(len(anchors)), *self.level(anchors, dropped, self._filters, 0), 0)
        for tier in self.levels[1:]:
            short = selection.short()
            if len(short):
                self._select_level(selection, short, *self.level(anchors.take(short), dropped[short], self._filters, tier), tier)
        return selection

    def lists_in_use(self, block: Block) -> list[Candidates]:
        """The candidate lists of a block that these settings use."""
        return lists_in_use(block, self._config, self.completed)

    def completed(self, candidates: Candidates) -> Candidates:
        """Add what all queries share, and evidence that was not stored but follows from the texts; leave out judges of other settings."""
        candidates = candidates.with_judges(self._config.active_judges)
        absent = [name for name in self._config.needed if name in FROM_TEXTS and name not in candidates.evidence]
        for name in absent:
            if name not in self._evidence:
                self._evidence[name] = EVIDENCE[name](self._dataset, None)
        with_positives = with_all_relevant(candidates, self._dataset) if absent else candidates
        measures = {name: self._evidence[name](with_positives) for name in absent}
        return replace(candidates, evidence={**candidates.evidence, **measures}, shared=self._shared)

    def anchors(self, candidates: Candidates) -> Candidates:
        """The anchors with all evidence and verdicts: one per query, or with anchor=own one per positive."""
        complete = self.completed(candidates)
        if "verdicts" in self._shared:
            verdict = self._shared["verdicts"].codes(candidates.queries, candidates.rows)
            complete = replace(complete, evidence={**complete.evidence, "verdict": verdict})
        if self._config.false_negatives == "adopt":
            complete = add_false_negatives(complete)
        return per_positive(complete) if self._config.anchor == "own" else complete

    def _select_level(self, selection: Selection, places: Ints, anchors: Candidates, keep: Bools, tier: int) -> None:
        """Let the sampler rank what a fallback level kept, and fill the free slots with the best."""
        keep = keep & selection.available(places)
        priority = self._noise(anchors) if tier == RANDOM else self._config.active_sampler(anchors, keep, lambda: self._noise(anchors))
        order = self._ordered(anchors, keep, priority)
        usable = np.take_along_axis(keep, order, axis=1)
        if self._config.distinct is not None:
            rows = np.take_along_axis(anchors.rows, order, axis=1)
            usable = exclude_near_duplicates(rows, usable, selection.rows(places), self._shared["vectors"], self._config.distinct)
        selection.add(places, order, usable, tier)

    def _ordered(self, anchors: Candidates, keep: Bools, priority: Priority) -> Ints:
        """Columns (B, K): kept candidates first; among them, with judged=prefer, those judged non-relevant; then by priority."""
        is_non_relevant = non_relevant(anchors) if self._config.judged == "prefer" else None
        if is_non_relevant is None:
            return np.argsort(np.where(keep, -priority, np.inf), axis=1, kind="stable")
        return np.lexsort((-priority, ~is_non_relevant, ~keep), axis=1)

    def judge(self, anchors: Candidates, filters: Sequence[Filter]) -> Codes:
        """`judge` by these settings."""
        return judge(anchors, filters, trust=self._config.judged != "ignore")

    def _noise(self, anchors: Candidates) -> Priority:
        return noise.uniform(self._config.seed, self._keys[0][anchors.queries], self._keys[1][anchors.rows])
