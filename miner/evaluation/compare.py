"""Several models over one data set: means with intervals, differences from the first with paired tests, steps to a target.

Models under one label are seeds of one method: their mean is compared, and the interval draws seeds as well as queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, field_validator

from miner.config import Checked, Inputs, MiningConfig, Runtime
from miner.encode import Encoder, StoredVectors, check_encoder, load_encoder
from miner.errors import ConfigError
from miner.evaluation import significance
from miner.evaluation.counts import count
from miner.evaluation.measures import DEFAULT, deepest, measure, parse
from miner.evaluation.ranking import SelfMatch, rank
from miner.read import read
from miner.read.rejects import FILE_NAME as REJECTED
from miner.types import Dataset, Progress

HISTORY = "training.json"
"""Beside a model that was trained here: its dev scores by step."""

Values = NDArray[np.float64]


class EvaluateConfig(Checked):
    """What is measured and how it is compared. Model settings (prompts, length, similarity), min_grade and seed are MiningConfig's."""

    model_config = ConfigDict(allow_inf_nan=False, validate_default=True)

    measures: tuple[str, ...] = Field(DEFAULT, description="ndcg, mrr, map, recall, precision, f1, judged, each with a cut: ndcg@10")
    self_match: SelfMatch = Field(
        "id",
        description="leave out of a ranking the passage with the query's id (as BEIR does), those with its text, or keep all; what is "
        "judged relevant stays",
    )
    permutations: int = Field(10_000, ge=100, le=10_000_000, description="sign vectors of the randomisation test")
    resamples: int = Field(2000, ge=100, le=1_000_000, description="draws of the bootstrap")
    target: float | None = Field(None, ge=0, le=1, description="a dev score: how many training steps each model needed for it")

    @field_validator("measures", mode="after")
    @classmethod
    def _measures(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ConfigError("measures is empty: give at least one, such as ndcg@10")
        return tuple(dict.fromkeys(f"{name}@{cut}" for name, cut in map(parse, names)))


@dataclass(frozen=True)
class Evaluation:
    """The outcome: `told` is what --json prints; values {label: (S, Q, M)} per seed, query and measure; query_ids (Q,).

    errors: the file of rows that reading skipped, None where it skipped none.
    """

    told: dict[str, Any]
    values: Mapping[str, Values]
    query_ids: Sequence[str]
    errors: Path | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for every model and query, for a file."""
        for label, values in self.values.items():
            for seed, of_seed in enumerate(values):
                for query, measured in zip(self.query_ids, of_seed.tolist(), strict=True):
                    yield {"model": label, "seed": seed, "query_id": query, **dict(zip(self.told["measures"], measured, strict=True))}


def evaluate(
    data: Inputs | Dataset,
    models: Mapping[str, Any],
    config: EvaluateConfig | None = None,
    *,
    settings: MiningConfig | None = None,
    runtime: Runtime | None = None,
    into: Path | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Rank the corpus with each model and measure. Every judged query counts, as with trec_eval -c: `told["data"]` says what did.

    models: {label: a model folder, an Encoder or a SentenceTransformer, or several of them: the seeds of one method}. The first label is
    what the others are compared with. into: where read data is put (default: a temporary folder).
    """
    config, settings, runtime = config or EvaluateConfig.of(), settings or MiningConfig.of(), runtime or Runtime.of()
    if not models:
        raise ConfigError("no model to evaluate: give --model FOLDER, once for each")
    for model in (one for given in models.values() for one in (given if isinstance(given, list | tuple) else [given])):
        if isinstance(model, str | Path):
            check_encoder(settings.model_copy(update={"model": str(model)}))
    dataset = data if isinstance(data, Dataset) else read(test_split(data), into, settings.min_grade, complete=True)
    values = {}
    for label, given in models.items():
        seeds = list(given) if isinstance(given, list | tuple) else [given]
        values[label] = np.stack([score_queries(dataset, one, config, settings, runtime, on_progress) for one in seeds])
    told: dict[str, Any] = {
        "data": count(dataset, config.self_match).describe(),
        "measures": list(config.measures),
        "baseline": next(iter(models)),
        "models": {label: _about(models[label], values[label], config, settings.seed) for label in models},
    }
    told["differences"] = _differences(values, config, settings.seed)
    errors = dataset.corpus.path.parent / REJECTED
    return Evaluation(told, values, query_ids(dataset), errors if told["data"]["rows_rejected"] and errors.is_file() else None)


def test_split(inputs: Inputs) -> Inputs:
    """The same inputs with split=test where no split is named and there is one: what a model was trained on says little about it."""
    there = inputs.data is not None and (Path(inputs.data) / "qrels" / "test.tsv").is_file()
    return inputs.model_copy(update={"split": ("test",)}) if there and not inputs.split else inputs


def score_queries(
    dataset: Dataset, model: Any, config: EvaluateConfig, settings: MiningConfig, runtime: Runtime, on_progress: Progress | None = None
) -> Values:
    """Shape (Q, M): every measure of every judged query, with one model; 0 for those that are not among the queries, the last ones."""
    encoder = model if isinstance(model, Encoder) else _load(model, settings, runtime)
    vectors = StoredVectors(encoder, runtime.cache, on_progress)
    ranking = rank(dataset, vectors, deepest(config.measures), config.self_match)
    measured = measure(dataset.qrels, ranking.rows, config.measures)
    missing = len(query_ids(dataset)) - len(dataset.queries)
    return np.pad(np.stack([measured[name] for name in config.measures], axis=1), ((0, missing), (0, 0)))


def query_ids(dataset: Dataset) -> list[str]:
    """Ids of all judged queries; those that are not among the queries come last."""
    return [*dataset.queries.ids(np.arange(len(dataset.queries))), *(dataset.qrels.lost.queries if dataset.qrels.lost else ())]


def _load(model: Any, settings: MiningConfig, runtime: Runtime) -> Encoder:
    if isinstance(model, str | Path):
        return load_encoder(settings.model_copy(update={"model": str(model)}), runtime)
    return load_encoder(settings, runtime, model)


def _about(given: Any, values: Values, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    seeds = list(given) if isinstance(given, list | tuple) else [given]
    low, high = significance.bootstrap(values, config.resamples, seed)
    means, by_seed = values.mean(axis=(0, 1)), values.mean(axis=1)
    told: dict[str, Any] = {"models": [str(one) if isinstance(one, str | Path) else "in memory" for one in seeds]}
    for place, name in enumerate(config.measures):
        told[name] = {
            "mean": float(means[place]),
            "interval": [float(low[place]), float(high[place])],
            "by_seed": by_seed[:, place].tolist(),
        }
    histories = [history(one) for one in seeds]
    told["history"] = [found for found in histories if found]
    if config.target is not None:
        told["steps_to_target"] = [significance.steps_to(found, config.target) if found else None for found in histories]
    return told


def _differences(values: Mapping[str, Values], config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """Each later model less the first, by measure; Holm's correction runs over the models."""
    baseline, *others = values
    told: dict[str, Any] = {label: {} for label in others}
    for label in others:
        paired = values[label].mean(axis=0) - values[baseline].mean(axis=0)
        p = significance.randomisation(paired, config.permutations, seed)
        low, high = significance.bootstrap_difference(values[label], values[baseline], config.resamples, seed)
        for place, name in enumerate(config.measures):
            mean, interval = float(paired[:, place].mean()), [float(low[place]), float(high[place])]
            told[label][name] = {"mean": mean, "interval": interval, "p": float(p[place])}
    for name in config.measures:
        for label, corrected in zip(others, significance.holm([told[label][name]["p"] for label in others]), strict=True):
            told[label][name]["p_holm"] = corrected
    return told


def history(model: Any) -> list[tuple[int, float]]:
    """(step, dev score) of a model that was trained here; nothing where it was not."""
    path = Path(model) / HISTORY if isinstance(model, str | Path) else None
    if path is None or not path.is_file():
        return []
    return [(int(step), float(score)) for step, score in orjson.loads(path.read_bytes()).get("history", [])]
