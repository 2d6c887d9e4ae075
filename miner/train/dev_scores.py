"""Every measure of every dev query under one model, on disk beside the round; and the gain of one model over another, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from miner.config import MiningConfig, Runtime
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import query_ids, score_queries
from miner.evaluation.measures import DEFAULT
from miner.evaluation.significance import bootstrap_difference
from miner.io.atomic import storing, write_bytes
from miner.io.parquet_files import open_parquet, write_parquet
from miner.types import Dataset


class Gain(TypedDict):
    """The gain on dev over the best model before: over (its round, 0 before training), mean, and the 95 % interval over queries."""

    over: int
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class DevScores:
    """Values (Q, M) by query and measure; the first measure is the one that chooses."""

    query_ids: Sequence[str]
    measures: Sequence[str]
    values: NDArray[np.float64]

    def means(self) -> dict[str, float]:
        """The mean of every measure over the queries."""
        return dict(zip(self.measures, self.values.mean(axis=0).tolist(), strict=True))

    def gain(self, best: DevScores, over: int, seed: int) -> Gain:
        """The difference from `best`, the scores of round `over`; queries are resampled in pairs (percentile bootstrap)."""
        mine, theirs = self.values[None, :, :1], best.values[None, :, :1]
        low, high = bootstrap_difference(mine, theirs, seed=seed)[:, 0].tolist()
        return {"over": over, "mean": float((mine - theirs).mean()), "interval": (low, high)}

    def save(self, path: Path) -> None:
        """Write Parquet: query_id and a column for each measure."""
        columns = {"query_id": list(self.query_ids), **{name: self.values[:, place] for place, name in enumerate(self.measures)}}
        sink = pa.BufferOutputStream()
        write_parquet(pa.table(columns), sink)
        write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: Path) -> DevScores:
        """Read what `save` wrote."""
        with storing(path, "read"):
            table = open_parquet(path).read()
        measures = table.column_names[1:]
        values = np.stack([table[name].to_numpy() for name in measures], axis=1)
        return cls(table["query_id"].to_pylist(), measures, values)


def dev_scores(path: Path, dev: Dataset, model: Any, measure: str, settings: MiningConfig, runtime: Runtime) -> DevScores:
    """Score a model on dev, or read the scores that are there already. measure: the one that chooses; the default ones come after it."""
    if not path.is_file():
        config = EvaluateConfig.of(measures=(measure, *DEFAULT))
        path.parent.mkdir(exist_ok=True)
        DevScores(query_ids(dev), config.measures, score_queries(dev, model, config, settings, runtime)).save(path)
    return DevScores.load(path)
