"""Thresholds of a judge, found on the user's data: quantiles of its scores of known positives and of random pairs.

Scores of cross-encoders are not calibrated outside the data they were trained on, so RocketQA's 0.1 and 0.9 (arXiv 2010.08191) mean
little elsewhere; the share of positives that a threshold loses, and of random pairs that it lets through, means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from miner.config import Runtime
from miner.errors import ConfigError, IntegrityError
from miner.report.distribution import Spread, share, spread
from miner.runs.candidate_store import positive_scores, read_blocks
from miner.runs.run import Run
from miner.runs.run_context import RunContext
from miner.types import Dataset, Floats, Ints, Progress

RANDOM_QUANTILE, POSITIVE_QUANTILE = 0.995, 0.25
"""Above what so many random pairs score a passage is at least on the topic; below what so many positives score it is hardly relevant."""


class Threshold(TypedDict):
    """A score, where it is from, and what lies above it: shares of positives, random pairs and scored candidates. flag: drops these."""

    score: float
    evidence: str
    positives_above: float | None
    random_above: float | None
    candidates_above: float | None
    flag: str


class Calibration(TypedDict):
    """One judge. scores: of positives, candidates and random pairs. strict, loose: two thresholds."""

    judge: str
    scores: dict[str, Spread]
    strict: Threshold
    loose: Threshold


def calibrate(
    run: Run | str | Path,
    *,
    pairs: int = 1000,
    runtime: Runtime | Mapping[str, Any] | None = None,
    judge_models: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Calibration]:
    """Thresholds of each judge of a run, by its name, JSON-safe.

    pairs: random pairs that each judge scores: a query and a passage that is no known positive of it, drawn by the run's seed.
    ConfigError for a run without judges, IntegrityError where a judge's model has changed.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    config, dataset, candidates = run.config, run.dataset, run.candidates
    if not config.judges:
        raise ConfigError(f"{run.folder} has no second judge: add one with --judge, as in `hardneg export {run.folder} --judge …`")
    if pairs < 1:
        raise ConfigError(f"pairs is {pairs}: at least one random pair is needed")
    context = RunContext(config, Runtime.of_argument(runtime), on_progress, judge_models=judge_models)
    random_pairs = _draw(dataset, pairs, config.seed)
    out: dict[str, Calibration] = {}
    for name in config.active_judges:
        judge, stored = context.judge(name), run.manifest["retrieval"]["judges"][name]
        if judge.describe()["fingerprint"] != stored["fingerprint"]:
            raise IntegrityError(f"the model of judge '{name}' is not the one that scored {run.folder}: restore it, or mine again")
        scored = np.concatenate([part.judges[name].scores.ravel() for block in read_blocks(candidates) for part in block.within])
        scores = {
            "positive": _finite(positive_scores(candidates, name)),
            "candidate": _finite(scored),
            "random": judge.scores(dataset, *random_pairs),
        }
        out[name] = {
            "judge": stored["judge"],
            "scores": {side: spread(values) for side, values in scores.items()},
            "strict": _threshold(name, scores, "random", RANDOM_QUANTILE, f"{RANDOM_QUANTILE:.1%} of random pairs score less"),
            "loose": _threshold(name, scores, "positive", POSITIVE_QUANTILE, f"{POSITIVE_QUANTILE:.0%} of known positives score less"),
        }
    return out


def _draw(dataset: Dataset, pairs: int, seed: int) -> tuple[Ints, Ints]:
    """Rows of queries and passages, no passage a known positive of its query; the same whatever the order of the input."""
    draw = np.random.default_rng([seed, len(dataset.queries), len(dataset.corpus)])
    queries = dataset.queries.id_order[draw.integers(0, len(dataset.queries), pairs)].astype(np.int64)
    rows = dataset.corpus.id_order[draw.integers(0, len(dataset.corpus), pairs)].astype(np.int64)
    relevant = {int(query): set(dataset.qrels.relevant(int(query)).tolist()) for query in np.unique(queries)}
    is_random = np.array([row not in relevant[query] for query, row in zip(queries.tolist(), rows.tolist(), strict=True)], dtype=bool)
    if not is_random.any():
        raise ConfigError("every passage is a positive of the queries drawn: there are no random pairs to compare with")
    return queries[is_random], rows[is_random]


def _threshold(name: str, scores: Mapping[str, Floats], side: str, quantile: float, evidence: str) -> Threshold:
    value = float(np.float32(np.quantile(scores[side].astype(np.float64), quantile)))
    above = {each: share(int((values > value).sum()), len(values)) for each, values in scores.items()}
    shown = float(f"{value:.6g}")
    return {
        "score": shown,
        "evidence": evidence,
        "positives_above": above["positive"],
        "random_above": above["random"],
        "candidates_above": above["candidate"],
        "flag": f"--filter max_score:by={name},score={shown}",
    }


def _finite(values: Floats) -> Floats:
    return values[~np.isnan(values)]
