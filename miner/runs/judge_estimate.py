"""What second judges will cost: pairs, and seconds by a timed piece. Nothing is stored."""

from __future__ import annotations

import time
from typing import TypedDict

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.judges import StoredScores
from miner.judges.bi_encoder import BiEncoderJudge
from miner.judges.open_judge import open_judge
from miner.runs.pilot import encoding_speeds
from miner.types import Dataset

TIMED_PAIRS = 64


class JudgeEstimate(TypedDict):
    """One judge. pairs_at_least, pairs_at_most: positives and candidates that it scores, where no query is short and where all are.

    seconds: for the smaller number. pairs_per_second: None for a bi-encoder, whose time goes into vectors.
    """

    pairs_at_least: int
    pairs_at_most: int
    seconds: float
    pairs_per_second: float | None


def judge_estimates(dataset: Dataset, config: MiningConfig, runtime: Runtime) -> dict[str, JudgeEstimate]:
    """The estimate of every judge, by name. ModelError where one cannot be loaded."""
    out: dict[str, JudgeEstimate] = {}
    positives = int((dataset.qrels.grades >= config.min_grade).sum())
    for name, part in config.active_judges.items():
        least, most = (positives + len(dataset.queries) * min(count, len(dataset.corpus)) for count in (part.first, part.limit))
        judge = open_judge(part, config, runtime)
        rate = None
        if isinstance(judge, StoredScores):
            rate = _pairs_per_second(judge, dataset)
            seconds = least / rate
        else:
            assert isinstance(judge, BiEncoderJudge)
            seconds = sum(speed.texts * speed.seconds for speed in encoding_speeds(judge.vectors, dataset).values())
        out[name] = {"pairs_at_least": least, "pairs_at_most": most, "seconds": seconds, "pairs_per_second": rate}
    return out


def _pairs_per_second(judge: StoredScores, dataset: Dataset) -> float:
    """By pairs spread over queries and passages; a first small batch warms up."""
    count = min(TIMED_PAIRS, len(dataset.queries) * len(dataset.corpus))
    queries = dataset.queries.texts(np.arange(count) % len(dataset.queries))
    passages = dataset.corpus.texts(np.linspace(0, len(dataset.corpus) - 1, count).astype(np.int64))
    judge.model.score(queries[:4], passages[:4])
    start = time.perf_counter()
    judge.model.score(queries, passages)
    return count / max(1e-9, time.perf_counter() - start)
