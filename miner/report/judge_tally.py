"""What second judges did: how many pairs they scored, how positives and candidates score, and where a positive looks wrong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from miner.report.distribution import Spread, spread
from miner.types import Candidates, JudgeDescription

MANY = 10
"""A positive that so many scored candidates outscore is suspicious."""


class JudgeStatistics(TypedDict):
    """One judge. pairs, queries: candidates that it scored, and their queries; positives: known positives that it scored.

    above: scored candidates that outscore the query's weakest positive. suspicious: queries whose best positive is outscored by MANY or
        more. scores: of positives and of candidates.
    """

    judge: str
    pairs: int
    queries: int
    positives: int
    above: int
    suspicious: int
    scores: dict[str, Spread]


class JudgeTally:
    """Counts block by block; every query is counted once, whatever its number of anchors."""

    def __init__(self) -> None:
        self._scores: dict[str, dict[str, list[NDArray[np.float32]]]] = {}
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, candidates: Candidates) -> None:
        """Count the scores of some anchors."""
        first = np.unique(candidates.queries, return_index=True)[1]
        for name, each in candidates.judges.items():
            scores, counts = (
                each.scores[first],
                self._counts.setdefault(name, dict.fromkeys(("pairs", "queries", "above", "suspicious"), 0)),
            )
            is_scored = ~np.isnan(scores)
            weakest, best = (_of_positives(each.positive_scores[first], pick) for pick in (np.fmin, np.fmax))
            counts["pairs"] += int(is_scored.sum())
            counts["queries"] += int(is_scored.any(axis=1).sum())
            counts["above"] += int((scores > weakest[:, None]).sum())
            counts["suspicious"] += int(((scores > best[:, None]).sum(axis=1) >= MANY).sum())
            parts = self._scores.setdefault(name, {"positive": [], "candidate": []})
            positives = each.positive_scores
            parts["positive"].append(positives[~np.isnan(positives)])
            parts["candidate"].append(scores[is_scored])

    def result(self, judges: Mapping[str, JudgeDescription]) -> dict[str, JudgeStatistics]:
        """The statistics of every judge, JSON-safe; nothing without one."""
        out: dict[str, JudgeStatistics] = {}
        for name, parts in self._scores.items():
            scores = {side: np.concatenate(values) for side, values in parts.items()}
            out[name] = {
                "judge": judges[name]["judge"],
                **self._counts[name],  # type: ignore[typeddict-item]
                "positives": len(scores["positive"]),
                "scores": {side: spread(values) for side, values in scores.items()},
            }
        return out


def judge_lines(judges: Mapping[str, Any], filters: Sequence[str] = ()) -> Iterator[str]:
    """A sentence for each judge, and one where no filter goes by it. filters: the keys of those that ran."""
    for name, about in judges.items():
        yield (
            f"judge {name} scored {about['pairs']:,} candidates: {about['above']:,} above the weakest positive; "
            f"{about['suspicious']:,} queries with {MANY} above all positives"
        )
        if not any(key.endswith(f":by={name}") or key == "consensus" for key in filters):
            yield f"no filter goes by the judge {name}, which drops nothing: --filter 'margin:by={name},relative=0.05' is one that does"


def _of_positives(scores: NDArray[np.float32], pick: Any) -> NDArray[np.float32]:
    """Shape (B,): the weakest or the best of each anchor's scores, NaN where there is none."""
    return np.asarray(pick.reduce(scores, axis=1, initial=np.nan), dtype=np.float32)
