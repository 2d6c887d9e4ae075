"""Which candidates a second judge scores: the best that no cheaper rule drops, more of them where a row is still short.

A judge costs milliseconds a pair, a rule nothing. So each judge is asked after all rules that need neither it nor a later judge, and
only about what these leave: first the best `first` of every query; then, where its own rules leave a row short, the next ones, level by
level of the fallback levels, up to `most`. Pure functions of scores; scoring itself is done by the caller, who asks again until nothing
is left to score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miner.config import MiningConfig
from miner.core.choosing import Chooser
from miner.judges import JudgePart
from miner.types import Bools, Candidates, Filter, Ints, JudgeScores, SourceVote


def unscored(part: Candidates) -> JudgeScores:
    """Scores of a judge that has scored nothing yet."""
    return JudgeScores(np.full(part.rows.shape, np.nan, dtype=np.float32), np.full(part.positives.shape, np.nan, dtype=np.float32))


@dataclass(frozen=True)
class PairChoice:
    """Chooses the pairs that one judge is asked about.

    cheaper: filters that need neither this judge nor a later one. own: those and the ones that need this judge.
    """

    chooser: Chooser
    config: MiningConfig
    name: str
    part: JudgePart
    cheaper: Sequence[Filter]
    own: Sequence[Filter]

    @classmethod
    def of(cls, chooser: Chooser, config: MiningConfig, name: str) -> PairChoice:
        """For the judge of that name."""
        names = list(config.active_judges)
        later = names[names.index(name) :]
        rules = list(config.active_filters.values())
        return cls(
            chooser,
            config,
            name,
            config.active_judges[name],
            [rule for rule in rules if not _needs(rule, later)],
            [rule for rule in rules if not _needs(rule, later[1:])],
        )

    def first(self, part: Candidates) -> Bools:
        """Shape (B, K): the pairs that are scored whatever comes of them, those with a score left out."""
        if self.part.pairs == "all":
            kept = part.present & (part.evidence["known_positive"] == 0)
        else:
            anchors = self.chooser.anchors(part)
            kept = _by_query(part, anchors, self.chooser.level(anchors, self.chooser.judge(anchors, self.cheaper), self.cheaper, 0)[1])
        pairs: Bools = kept & (np.cumsum(kept, axis=1) <= self.part.first) & ~self._scored(part)
        return pairs

    def further(self, part: Candidates, levels: Sequence[int]) -> Bools:
        """Shape (B, K): the next pairs of queries whose rows are still short on these levels; none where nothing is left."""
        pairs = np.zeros(part.rows.shape, dtype=bool)
        scored = self._scored(part)
        open_queries = scored.sum(axis=1) < self.part.limit
        if self.part.pairs == "all" or not open_queries.any():
            return pairs
        anchors = self.chooser.anchors(part)
        places = _places(part, anchors)
        cheap, own = self.chooser.judge(anchors, self.cheaper), self.chooser.judge(anchors, self.own)
        usable = np.zeros(anchors.rows.shape, dtype=bool)
        for tier in levels:
            usable |= self.chooser.level(anchors, own, self.own, tier)[1]
            short = (usable.sum(axis=1) < self.config.negatives) & open_queries[places]
            candidates = self.chooser.level(anchors, cheap, self.cheaper, tier)[1] & short[:, None] & ~scored[places]
            wanted = _by_query(part, anchors, candidates)
            waiting = ~pairs.any(axis=1, keepdims=True)  # a level is asked about only when the one before has nothing left
            room = np.minimum(self.part.first, self.part.limit - scored.sum(axis=1))[:, None]
            pairs |= wanted & waiting & (np.cumsum(wanted, axis=1) <= room)
        return pairs

    def _scored(self, part: Candidates) -> Bools:
        mask: Bools = ~np.isnan(part.judges[self.name].scores)
        return mask


def _needs(rule: Filter, judges: Sequence[str]) -> bool:
    """Whether a filter goes by one of these judges. A vote of sources counts every judge."""
    return bool(judges) and (getattr(rule, "by", None) in judges or isinstance(rule, SourceVote))


def _by_query(part: Candidates, anchors: Candidates, mask: Bools) -> Bools:
    """Shape (B, K): True where it is true for any anchor of the query."""
    if len(anchors) == len(part):
        return mask
    out = np.zeros(part.rows.shape, dtype=bool)
    np.logical_or.at(out, _places(part, anchors), mask)
    return out


def _places(part: Candidates, anchors: Candidates) -> Ints:
    """Shape (A,): the place of each anchor's query in the part."""
    order = np.argsort(part.queries, kind="stable")
    places: Ints = order[np.searchsorted(part.queries[order], anchors.queries)]
    return places
