"""What was found, what follows from it for each anchor, and what was chosen of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from miner.types.arrays import Bools, Codes, Floats, Ints, Rows
from miner.types.descriptions import JudgeDescription


class JudgeScores(NamedTuple):
    """What a second judge scores the candidates of B anchors: scores float32 (B, K), NaN where it was not asked; positive_scores (B, P)."""

    scores: Floats
    positive_scores: Floats


@dataclass(frozen=True)
class Candidates:
    """What a source found for B anchors, and everything a filter may see. Best first: by score, then by passage id.

    queries int64 (B,); rows int32 (B, K), -1 where there are fewer; scores float32 (B, K), NaN there.
    positives int32 (B, P), -1 padded; positive_scores float32 (B, P), NaN padded, on the same scale as `scores`.
    reference_scores float32 (B,): the positive score a negative must stay below: the weakest positive's, or the anchor's own.
    noise_floors float32 (B,): the score of the last candidate within `depth`: what any passage of the neighbourhood scores.
    evidence: {name: (B, K)}. survivors bool (B, K): what the filters before this one left, set while judging.
    shared: what is the same for every anchor of the run, by name: `population` float32 (S,), the scores of all known positives, rising;
    `vectors` float16 (N, D) of length one, by passage row, if somebody needs them; `population:NAME`, the positives' scores by a judge.
    judges: {name: JudgeScores}, of every second judge, in the order of the config.
    """

    queries: Ints
    rows: Rows
    scores: Floats
    positives: Rows
    positive_scores: Floats
    reference_scores: Floats
    noise_floors: Floats
    evidence: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    survivors: Bools | None = None
    shared: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, JudgeScores] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    def by(self, judge: str | None) -> Candidates:
        """The candidates in the scores of a second judge: its reference scores, its noise floors (the lowest score that it gave), its
        population; None: as they are.
        """
        if judge is None:
            return self
        scores, positive_scores = self.judges[judge]
        lowest = np.where(np.isnan(scores), np.inf, scores).min(axis=1, initial=np.inf)
        return replace(
            self,
            scores=scores,
            positive_scores=positive_scores,
            reference_scores=weakest_positive_scores(positive_scores),
            noise_floors=np.where(np.isinf(lowest), np.nan, lowest).astype(np.float32),
            shared={**self.shared, "population": self.shared.get(f"population:{judge}", np.empty(0, dtype=np.float32))},
        )

    def with_judges(self, names: Collection[str]) -> Candidates:
        """The candidates without the scores of other second judges than these."""
        if not self.judges.keys() - set(names):
            return self
        return replace(self, judges={name: each for name, each in self.judges.items() if name in names})

    @property
    def present(self) -> Bools:
        """Shape (B, K): True where there is a candidate, False in the padding."""
        mask: Bools = self.rows >= 0
        return mask

    def take(self, anchors: Ints, width: int | None = None) -> Candidates:
        """The candidates of some anchors, at most `width` of each."""
        cut = slice(None, width)
        return Candidates(
            self.queries[anchors],
            self.rows[anchors, cut],
            self.scores[anchors, cut],
            self.positives[anchors],
            self.positive_scores[anchors],
            self.reference_scores[anchors],
            self.noise_floors[anchors],
            {name: values[anchors, cut] for name, values in self.evidence.items()},
            shared=self.shared,
            judges={name: JudgeScores(each.scores[anchors, cut], each.positive_scores[anchors]) for name, each in self.judges.items()},
        )

    def without(self, queries: Ints) -> Candidates:
        """The candidates of all anchors but those of `queries`."""
        return self.take(np.flatnonzero(~np.isin(self.queries, queries)))


def weakest_positive_scores(positive_scores: Floats) -> Floats:
    """Shape (B,): the smallest positive score of each anchor, NaN where there is none."""
    lowest = np.where(np.isnan(positive_scores), np.float32(np.inf), positive_scores).min(axis=1, initial=np.inf)
    return np.where(np.isinf(lowest), np.float32(np.nan), lowest).astype(np.float32)


def noise_floors(scores: Floats, evidence: Mapping[str, NDArray[Any]], depth: int) -> Floats:
    """Shape (B,): the score of the last candidate within `depth` that the first source found itself, NaN where there is none."""
    within = scores[:, :depth]
    ranks = next((evidence[name] for name in evidence if name.startswith("rank:")), None)
    counts = ~np.isnan(within) if ranks is None else ranks[:, :depth] > 0
    if not within.shape[1]:
        return np.full(len(scores), np.nan, dtype=np.float32)
    last = np.where(counts, np.arange(within.shape[1]), -1).max(axis=1, initial=-1)
    return np.where(last < 0, np.float32(np.nan), np.take_along_axis(within, np.maximum(last, 0)[:, None], axis=1)[:, 0]).astype(np.float32)


@dataclass(frozen=True)
class Block:
    """The candidates of one block of queries, each part in id order.

    within: up to `depth` of every query. deep: up to `max_depth` of some queries, those that ran short under the settings `deepened_for`
    (None: under any of several). In runs of earlier versions a query has one list only, and `within` holds the deep ones too.
    judges: what the second judges are whose scores the parts hold.
    """

    within: list[Candidates]
    deep: list[Candidates] = field(default_factory=list)
    deepened_for: Mapping[str, Any] | None = None
    judges: Mapping[str, JudgeDescription] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.within))

    @property
    def longest(self) -> list[Candidates]:
        """One list for each query, the longest that is there."""
        deep = np.concatenate([np.empty(0, dtype=np.int64), *(part.queries for part in self.deep)])
        return [part for part in (*(part.without(deep) for part in self.within), *self.deep) if len(part)]


@dataclass(frozen=True)
class Negatives:
    """What was chosen for B anchors, best first; -1 (scores NaN, rank and tier 0) where an anchor ran short, never padded silently.

    queries int64 (B,); positives int32 (B, P), positive_scores float32 (B, P): what each anchor's rows are exported with, -1 / NaN padded.
    rows int32 (B, M), scores float32 (B, M), ranks int32 (B, M) 1-based among everything retrieved, tiers uint8 (B, M).
    sources: {name: (B, M)}, the rank at which each source found it, 0 where it did not.
    teacher: a second judge's scores of the same negatives (B, M) and positives (B, P), which rows are written with in place of `scores`.
    """

    queries: Ints
    positives: Rows
    positive_scores: Floats
    rows: Rows
    scores: Floats
    ranks: Rows
    tiers: Codes
    sources: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    teacher: JudgeScores | None = None

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def counts(self) -> Ints:
        """Shape (B,): how many negatives each anchor got."""
        counts: Ints = (self.rows >= 0).sum(axis=1)
        return counts

    def with_teacher_scores(self) -> Negatives:
        """The same with the scores that rows are written with."""
        if self.teacher is None:
            return self
        return replace(self, scores=self.teacher.scores, positive_scores=self.teacher.positive_scores, teacher=None)
