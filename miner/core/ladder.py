"""The fallback levels (the ladder): how a short row still gets its negatives. A level adds negatives marked with its number, the tier.

    0  every filter, within `depth`             1  the same filters, within `max_depth`
    2  a weak positive's reference score is raised to the lower quartile of all positives' scores, below which a positive's own
       score says little; the ceiling under it holds whatever its rank
    3  no ceiling: ranks 31-210 (in a corpus under 300 passages the first tenth is skipped instead), every other filter kept
    4  fill=random: any retrieved passage (all of a small corpus) that passes every filter but the ceilings and `ranks`, drawn by the
       noise; nothing is searched for it, so a rule that may not be relaxed leaves it what level 1 left
    5  fill=repeat: the row's own negatives again

Levels 2 to 4 relax only a filter that says it may be (`relax`), such as those of the default; every other one holds on all levels.

Owns the order of choosing. It imports no filter: a filter says of itself that it is a ceiling or a window of ranks. Level 3 has a
window of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from miner.types import Bools, Candidates, Ceiling, Codes, Filter, Floats, Ints, JudgeScores, Negatives, RankWindow, Rows

RANDOM, REPEATED = 4, 5


def fallback_rules(
    anchors: Candidates, filters: Sequence[Filter], tier: int, *, lower_quartile: float, corpus: int
) -> tuple[Candidates, list[Filter]]:
    """The anchors as a fallback level sees them, and the filters that it applies."""
    if tier <= 1:
        return anchors, list(filters)
    if tier == 2:
        raised_anchors = replace(anchors, reference_scores=np.fmax(anchors.reference_scores, np.float32(lower_quartile)))
        return raised_anchors, [_at_raised_reference(rule, anchors.reference_scores) for rule in filters]
    without_ceiling = [rule for rule in filters if not (rule.relax and isinstance(rule, Ceiling))]
    if tier == RANDOM:
        return anchors, [rule for rule in without_ceiling if not (rule.relax and isinstance(rule, RankWindow))]
    skip = min(30, corpus // 10)
    return anchors, [RetrievedRanks(skip, skip + 180), *without_ceiling]


def _at_raised_reference(rule: Filter, reference: Floats) -> Filter:
    """A ceiling that must hold goes by the reference scores as they were."""
    if not isinstance(rule, Ceiling):
        return rule
    return rule.at_raised_reference() if rule.relax else AtReference(rule, reference)


@dataclass(frozen=True)
class RetrievedRanks:
    """Level 3's window: of all that was retrieved, known positives included, the candidates at rank skip + 1 to last."""

    skip: int
    last: int
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        ranks = np.cumsum(candidates.present, axis=1)
        return (ranks > self.skip) & (ranks <= self.last)


@dataclass(frozen=True)
class AtReference:
    """A ceiling that goes by the reference scores (B,) it is given, whatever those of the anchors are."""

    rule: Filter
    reference_scores: Floats
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = True
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return self.rule(replace(candidates, reference_scores=self.reference_scores))


class Selection:
    """The negatives of B anchors while levels add to them: columns of their candidates, -1 while a slot is free."""

    def __init__(self, anchors: Candidates, negatives: int) -> None:
        self._anchors = anchors
        self._columns: Ints = np.full((len(anchors), negatives), -1, dtype=np.int64)
        self._tiers: Codes = np.zeros((len(anchors), negatives), dtype=np.uint8)
        self._is_chosen: Bools = np.zeros(anchors.rows.shape, dtype=bool)

    def short(self) -> Ints:
        """The anchors with a free slot."""
        return np.flatnonzero((self._columns < 0).any(axis=1))

    def available(self, places: Ints) -> Bools:
        """Shape (len(places), K): True where the candidate is not yet chosen."""
        return ~self._is_chosen[places]

    def rows(self, places: Ints) -> Rows:
        """Shape (len(places), M): what is chosen, -1 where a slot is free."""
        columns = self._columns[places]
        return np.where(columns < 0, -1, np.take_along_axis(self._anchors.rows[places], np.maximum(columns, 0), axis=1)).astype(np.int32)

    def keep(self, places: Ints) -> None:
        """Keep only some of what was picked: `places` (B, M), in the order of picking, -1 for none."""
        at = np.maximum(places, 0)
        self._columns = np.where(places < 0, -1, np.take_along_axis(self._columns, at, axis=1))
        self._tiers = np.where(places < 0, 0, np.take_along_axis(self._tiers, at, axis=1)).astype(np.uint8)

    def add(self, places: Ints, order: Ints, usable: Bools, tier: int) -> None:
        """Put the usable columns `order` (len(places), n), best first, into the free slots of the anchors at `places`."""
        used = (self._columns[places] >= 0).sum(axis=1)
        nth = np.cumsum(usable, axis=1)
        fits = usable & (nth <= (self._columns.shape[1] - used)[:, None])
        anchors, columns = np.nonzero(fits)
        slots = used[anchors] + nth[anchors, columns] - 1
        self._columns[places[anchors], slots] = order[anchors, columns]
        self._tiers[places[anchors], slots] = tier
        self._is_chosen[places[anchors], order[anchors, columns]] = True

    def repeat(self) -> None:
        """Fill free slots with the row's own negatives, in turn; an anchor that has none stays empty."""
        for place in self.short().tolist():
            have = self._columns[place][self._columns[place] >= 0]
            if len(have):
                free = np.arange(len(have), self._columns.shape[1])
                self._columns[place, free] = have[free % len(have)]
                self._tiers[place, free] = REPEATED

    def negatives(self, teacher: str | None = None) -> Negatives:
        """What is selected. teacher: the second judge whose scores rows are written with."""
        filled, columns = self._columns >= 0, np.maximum(self._columns, 0)
        rows: Rows = np.where(filled, np.take_along_axis(self._anchors.rows, columns, axis=1), -1).astype(np.int32)
        scores: Floats = np.where(filled, np.take_along_axis(self._anchors.scores, columns, axis=1), np.nan).astype(np.float32)
        ranks: Rows = np.where(filled, columns + 1, 0).astype(np.int32)
        sources = {
            name.removeprefix("rank:"): np.where(filled, np.take_along_axis(values, columns, axis=1), 0)
            for name, values in self._anchors.evidence.items()
            if name.startswith("rank:")
        }
        queries, positives, positive_scores = self._anchors.queries, self._anchors.positives, self._anchors.positive_scores
        negatives = Negatives(queries, positives, positive_scores, rows, scores, ranks, self._tiers, sources)
        if teacher is None:
            return negatives
        judge = self._anchors.judges[teacher]
        taught = np.where(filled, np.take_along_axis(judge.scores, columns, axis=1), np.nan).astype(np.float32)
        return replace(negatives, teacher=JudgeScores(taught, judge.positive_scores))
