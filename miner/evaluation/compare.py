"""Evaluates several models on one data set: means with intervals, differences from the first with paired tests, steps to a target.

Models under one label are seeds of one method: their mean is compared, and the bootstrap resamples seeds as well as queries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, field_validator

from miner.config import Inputs, MiningConfig, Runtime, SettingsGroup
from miner.encode import Encoder, StoredVectors, check_encoder, load_encoder
from miner.errors import ConfigError
from miner.evaluation import significance
from miner.evaluation.counts import CountsSummary, count
from miner.evaluation.measures import DEFAULT, deepest, measure, parse
from miner.evaluation.ranking import SelfMatch, rank
from miner.evaluation.run_files import RunFile
from miner.io.plain_files import read_json
from miner.read import read
from miner.read.beir_splits import splits
from miner.read.rejects import FILE_NAME as REJECTED
from miner.types import Dataset, Progress

HISTORY = "training.json"
"""File in the folder of a model that this project trained: its dev scores by step."""

Values = NDArray[np.float64]


class EvaluateConfig(SettingsGroup):
    """Measures and tests. Settings of models (prompts, length, similarity), min_grade and seed are fields of MiningConfig."""

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


class Difference(TypedDict):
    """A measure of a model less that of the baseline. interval: 95 %, [low, high]; p_holm: p with Holm's correction over the models."""

    mean: float
    interval: list[float]
    p: float
    p_holm: float


class EvaluationSummary(TypedDict):
    """The summary of an evaluation, JSON-safe.

    data: see `EvaluationCounts.describe`.
    baseline: the first label.
    models: {label: {measure: {"mean", "interval", "by_seed"}, "models", "history", "steps_to_target"}}.
    differences: {label: {measure: difference from the baseline}}.
    """

    data: CountsSummary
    measures: list[str]
    baseline: str
    models: dict[str, dict[str, Any]]
    differences: dict[str, dict[str, Difference]]


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    summary: the output of --json.
    values: {label: (S, Q, M)}, by seed, query and measure.
    query_ids: (Q,).
    errors: the file of rows that were skipped while reading; None where there are none.
    """

    summary: EvaluationSummary
    values: Mapping[str, Values]
    query_ids: Sequence[str]
    errors: Path | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per model, seed and query."""
        for label, values in self.values.items():
            for seed, query_values in enumerate(values):
                for query, measures in zip(self.query_ids, query_values.tolist(), strict=True):
                    yield {"model": label, "seed": seed, "query_id": query, **dict(zip(self.summary["measures"], measures, strict=True))}


def evaluate(
    data: Inputs | Dataset,
    models: Mapping[str, Any],
    config: EvaluateConfig | None = None,
    *,
    settings: MiningConfig | None = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    into: Path | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Rank the corpus with each model and measure the rankings. All judged queries count, as with trec_eval -c; see `summary["data"]`.

    data: Inputs to read, or a Dataset.
    models: {label: a model folder, an Encoder, a SentenceTransformer or a RunFile, or a list of them: the seeds of one method}. The first
        label is the baseline.
    config: measures and tests. settings: of the models, and the seed.
    into: the folder for data that is read; default: a temporary folder.
    """
    config, settings, runtime = config or EvaluateConfig.of(), settings or MiningConfig.of(), Runtime.of_argument(runtime)
    if not models:
        raise ConfigError("no model to evaluate: give --model FOLDER or --run FILE, once for each")
    for model in (model for seeds in models.values() for model in _seeds(seeds)):
        if isinstance(model, str | Path):
            check_encoder(settings.model_copy(update={"model": str(model)}), runtime.allow_code)
    dataset = data if isinstance(data, Dataset) else read(test_split(data), into, settings.min_grade, complete=True)
    values = {}
    for label, seeds in models.items():
        values[label] = np.stack([score_queries(dataset, model, config, settings, runtime, on_progress) for model in _seeds(seeds)])
    data_summary = count(dataset, config.self_match).describe()
    data_summary["notes"] += [note for seeds in models.values() for model in _seeds(seeds) for note in _run_notes(dataset, model)]
    summary: EvaluationSummary = {
        "data": data_summary,
        "measures": list(config.measures),
        "baseline": next(iter(models)),
        "models": {label: _describe(_seeds(models[label]), values[label], config, settings.seed) for label in models},
        "differences": _differences(values, config, settings.seed),
    }
    errors = dataset.corpus.path.parent / REJECTED
    return Evaluation(summary, values, query_ids(dataset), errors if summary["data"]["rows_rejected"] and errors.is_file() else None)


def test_split(inputs: Inputs) -> Inputs:
    """The inputs with split=test where they name no split and have a test split: a model is not measured on its training data."""
    has_test = inputs.data is not None and "test" in splits(Path(inputs.data))
    return inputs.model_copy(update={"split": ("test",)}) if has_test and not inputs.split else inputs


def score_queries(
    dataset: Dataset, model: Any, config: EvaluateConfig, settings: MiningConfig, runtime: Runtime, on_progress: Progress | None = None
) -> Values:
    """Shape (Q, M): every measure of every judged query with one model; judged queries without a text come last and have 0."""
    if isinstance(model, RunFile):
        rows = model.rows(dataset, deepest(config.measures), config.self_match)
    else:
        encoder = model if isinstance(model, Encoder) else _load(model, settings, runtime)
        rows = rank(dataset, StoredVectors(encoder, runtime.cache, on_progress), deepest(config.measures), config.self_match).rows
    measures = measure(dataset.qrels, rows, config.measures)
    missing = len(query_ids(dataset)) - len(dataset.queries)
    return np.pad(np.stack([measures[name] for name in config.measures], axis=1), ((0, missing), (0, 0)))


def query_ids(dataset: Dataset) -> list[str]:
    """Ids of all judged queries; those without a text come last."""
    return [*dataset.queries.ids(np.arange(len(dataset.queries))), *(dataset.qrels.lost.queries if dataset.qrels.lost else ())]


def _run_notes(dataset: Dataset, model: Any) -> list[str]:
    """What a run file lacks."""
    missing = model.missing(dataset) if isinstance(model, RunFile) else 0
    return [f"judged queries that {model.path} lacks, which count as 0: {missing:,}"] if missing else []


def _load(model: Any, settings: MiningConfig, runtime: Runtime) -> Encoder:
    if isinstance(model, str | Path):
        return load_encoder(settings.model_copy(update={"model": str(model)}), runtime)
    return load_encoder(settings, runtime, model)


def _seeds(models: Any) -> list[Any]:
    """The models of one label: one, or several seeds."""
    return list(models) if isinstance(models, list | tuple) else [models]


def _name(model: Any) -> str:
    if isinstance(model, RunFile):
        return str(model.path)
    return str(model) if isinstance(model, str | Path) else "in memory"


def _describe(models: Sequence[Any], values: Values, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """The entry of one label in the summary. values: (S, Q, M)."""
    low, high = significance.bootstrap(values, config.resamples, seed)
    means, by_seed = values.mean(axis=(0, 1)), values.mean(axis=1)
    summary: dict[str, Any] = {"models": [_name(model) for model in models]}
    for column, name in enumerate(config.measures):
        summary[name] = {
            "mean": float(means[column]),
            "interval": [float(low[column]), float(high[column])],
            "by_seed": by_seed[:, column].tolist(),
        }
    histories = [history(model) for model in models]
    summary["history"] = [steps for steps in histories if steps]
    if config.target is not None:
        summary["steps_to_target"] = [significance.steps_to(steps, config.target) if steps else None for steps in histories]
    return summary


def _differences(values: Mapping[str, Values], config: EvaluateConfig, seed: int) -> dict[str, dict[str, Difference]]:
    """The difference of each later model from the first, by measure; Holm's correction is over the models."""
    baseline, *models = values
    differences: dict[str, dict[str, Difference]] = {label: {} for label in models}
    for label in models:
        differences_by_query = values[label].mean(axis=0) - values[baseline].mean(axis=0)
        p = significance.randomisation(differences_by_query, config.permutations, seed)
        low, high = significance.bootstrap_difference(values[label], values[baseline], config.resamples, seed)
        for column, name in enumerate(config.measures):
            mean, interval = float(differences_by_query[:, column].mean()), [float(low[column]), float(high[column])]
            differences[label][name] = {"mean": mean, "interval": interval, "p": float(p[column]), "p_holm": math.nan}
    for name in config.measures:
        for label, corrected in zip(models, significance.holm([differences[label][name]["p"] for label in models]), strict=True):
            differences[label][name]["p_holm"] = corrected
    return differences


def history(model: Any) -> list[tuple[int, float]]:
    """(step, dev score) of a model that this project trained; empty for other models."""
    path = Path(model) / HISTORY if isinstance(model, str | Path) else None
    if path is None or not path.is_file():
        return []
    return [(int(step), float(score)) for step, score in read_json(path).get("history", [])]
