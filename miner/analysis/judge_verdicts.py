"""A judge's scores as verdicts on pairs: above one threshold relevant, below another not, between them unsure (RocketQA, arXiv 2010.08191).

The lines are those that reviewers write, so an export uses them as it uses a person's, and a person's later line on the pair counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from miner.core.verdicts import Verdict
from miner.errors import ConfigError
from miner.runs.candidate_store import read_blocks
from miner.runs.run import Run


def judge_verdicts(
    run: Run | str | Path, judge: str, *, relevant_above: float | None = None, negative_below: float | None = None
) -> Iterator[Verdict]:
    """A verdict for every candidate that a judge of the run scored above or below a threshold, known positives left out.

    judge: its name. relevant_above: what scores higher is a false negative. negative_below: what scores lower is a true negative.
    ConfigError for an unknown judge, and for thresholds that are missing or overlap.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    if judge not in run.config.active_judges:
        names = ", ".join(run.config.active_judges) or "none"
        raise ConfigError(f"{run.folder} has no judge '{judge}'; its judges: {names}")
    high = np.inf if relevant_above is None else float(relevant_above)
    low = -np.inf if negative_below is None else float(negative_below)
    if relevant_above is None and negative_below is None:
        raise ConfigError("a threshold is needed: --relevant-above, --negative-below, or both; `hardneg calibrate` finds some")
    if low > high:
        raise ConfigError(f"--negative-below is {low:g} and --relevant-above {high:g}: the first may not be larger")
    return _verdicts(run, judge, high, low)


def _verdicts(run: Run, judge: str, high: float, low: float) -> Iterator[Verdict]:
    dataset, at = run.dataset, str(run.manifest["created_at"])
    by = str(run.manifest["retrieval"]["judges"][judge]["judge"])
    for part in (part for block in read_blocks(run.candidates) for part in block.longest):
        scores = part.judges[judge].scores
        is_open = part.present & (part.evidence["known_positive"] == 0)
        anchors, columns = np.nonzero(is_open & ((scores > high) | (scores < low)))
        names = zip(
            dataset.queries.ids(part.queries[anchors]),
            dataset.corpus.ids(part.rows[anchors, columns]),
            scores[anchors, columns].tolist(),
            strict=True,
        )
        for query, passage, score in names:
            is_relevant = score > high
            why = f"score {score:.4f} {'>' if is_relevant else '<'} {high if is_relevant else low:g}"
            yield Verdict(query, passage, "false_negative" if is_relevant else "true_negative", by[:1000], at, why)
