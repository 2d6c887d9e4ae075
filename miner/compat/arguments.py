"""The caller's arguments: checked in the original's order, with its messages, and resolved."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from miner.compat.corpus_texts import corpus_texts
from miner.compat.repairs import Repairs

log = logging.getLogger(__name__)

FORMATS = ("triplet", "n-tuple", "labeled-pair", "labeled-list")
NUMBERS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("num_negatives", "range_min", "range_max", "batch_size", "faiss_batch_size"), (int, np.integer)),
    **dict.fromkeys(("max_score", "min_score", "absolute_margin", "relative_margin", "margin"), (int, float, np.integer, np.floating)),
}
"""Arguments that are numbers, with their types: Python takes True for 1."""
MAX_GPU_CANDIDATES = 2048
"""Candidates per query that FAISS can retrieve on a GPU."""


@dataclass(frozen=True)
class Arguments:
    """Every argument, resolved.

    rows: the columns of anchors and of positives.
    positives_per_query: of every distinct anchor, repeated rows counted.
    automatic: whether range_max was derived.
    values: the arguments by name, as the caller passed them.
    """

    anchor: str
    positive: str
    output_format: str
    output_scores: bool
    absolute_margin: float | None
    relative_margin: float | None
    max_score: float | None
    min_score: float | None
    range_min: int
    range_max: int
    negatives: int
    strategy: str
    rows: tuple[list[Any], list[Any]]
    positives_per_query: list[int]
    automatic: bool
    verbose: bool
    repairs: Repairs
    values: Mapping[str, Any]

    @property
    def most_positives(self) -> int:
        """The largest number of positives of a query, repeated rows counted."""
        return max(self.positives_per_query)

    @property
    def depth(self) -> int:
        """Candidates per query before any filter."""
        return self.range_max + self.most_positives

    @property
    def filtered(self) -> bool:
        """Whether a filter uses scores; only then does the cross-encoder run."""
        return any(bound is not None for bound in (self.absolute_margin, self.relative_margin, self.max_score, self.min_score))

    def say(self, text: str) -> None:
        """Print, if `verbose`."""
        if self.verbose:
            print(text)


def check_arguments(dataset: Any, values: Mapping[str, Any], repairs: Repairs) -> Arguments:
    """Check and resolve `values`, the arguments by name. Raises ValueError, prints and warns as the original does."""
    if isinstance(values["model"], str | os.PathLike):
        raise ValueError(
            f"model is a name, {str(values['model'])!r}: a loaded model is needed, SentenceTransformer({str(values['model'])!r})"
        )
    _check_types(dataset, values)
    if len(dataset) == 0:
        raise ValueError("The dataset is empty. Please provide a non-empty dataset.")
    if values["faiss_batch_size"] <= 0:
        raise ValueError(f"faiss_batch_size must be a positive integer, got {values['faiss_batch_size']}.")
    if values["sampling_strategy"] not in ("top", "random"):
        raise ValueError(f"Invalid sampling_strategy: {values['sampling_strategy']}. Must be one of 'top' or 'random'.")
    anchor, positive = _columns(dataset.column_names, values, repairs)
    output_format, output_scores = _format(values, repairs)
    values = {**values, "absolute_margin": _absolute(values), "corpus": corpus_texts(values["corpus"])}
    if anchor == positive:
        raise KeyError(positive)  # the original's error, from grouping by the column itself
    rows = (list(dataset[anchor][:]), list(dataset[positive][:]))
    counts = _counts(*rows)
    range_max = _window(values, max(counts))
    _check_output_columns(anchor, positive, output_format, output_scores, values["num_negatives"])
    return Arguments(
        anchor=anchor,
        positive=positive,
        output_format=output_format,
        output_scores=output_scores,
        **{name: values[name] for name in ("absolute_margin", "relative_margin", "max_score", "min_score", "range_min", "verbose")},
        range_max=range_max,
        negatives=values["num_negatives"],
        strategy=values["sampling_strategy"],
        rows=rows,
        positives_per_query=counts,
        automatic=values["range_max"] is None,
        repairs=repairs,
        values=values,
    )


def _check_types(dataset: Any, values: Mapping[str, Any]) -> None:
    """Raise ValueError for a dataset, a model or a number of another kind, on which the original fails somewhere within."""
    if isinstance(dataset, Mapping) and dataset and all(hasattr(split, "column_names") for split in dataset.values()):
        raise ValueError(f"dataset has the splits {', '.join(map(str, dataset))}: give one of them, dataset[{next(iter(dataset))!r}]")
    if not hasattr(dataset, "column_names") or not hasattr(dataset, "__len__"):
        advice = {"DataFrame": "Dataset.from_pandas(dataset)", "dict": "Dataset.from_dict(dataset)", "list": "Dataset.from_list(dataset)"}
        name = type(dataset).__name__
        raise ValueError(f"dataset is of type {name}: a datasets.Dataset is needed{', ' * (name in advice)}{advice.get(name, '')}")
    if not hasattr(values["model"], "encode_query"):
        raise ValueError(f"model is of type {type(values['model']).__name__}: a loaded SentenceTransformer is needed")
    for name, kinds in NUMBERS.items():
        number = values[name]
        if isinstance(number, bool) or not (number is None or isinstance(number, kinds)):
            raise ValueError(f"{name} is {number!r}: {'a number' if float in kinds else 'a whole number'} is needed")


def _columns(columns: list[str], values: Mapping[str, Any], repairs: Repairs) -> tuple[str, str]:
    requested = {side: values[f"{side}_column_name"] for side in ("anchor", "positive")}
    for side, name in requested.items():
        if repairs.known_columns and name and name not in columns:
            raise ValueError(f"There is no column '{name}' for the {side}; there are: {', '.join(columns)}.")
    anchor = requested["anchor"] if requested["anchor"] in columns else columns[0]
    positive = requested["positive"]
    if not positive or positive not in columns:
        if len(columns) < 2:
            raise ValueError("Dataset must contain at least two columns to select the positive column automatically.")
        positive = columns[1]
    if repairs.known_columns and anchor == positive:
        raise ValueError(f"Column '{anchor}' would be both the anchor and the positive; name the other one, of: {', '.join(columns)}.")
    return anchor, positive


def _format(values: Mapping[str, Any], repairs: Repairs) -> tuple[str, bool]:
    """Return the output format, and whether scores are added."""
    name, scores = values["output_format"], values["output_scores"]
    if values["as_triplets"] is not None:
        name = "triplet" if values["as_triplets"] else "n-tuple"
        log.warning(
            "The `as_triplets` parameter is deprecated. Use the `output_format` parameter instead. Setting `output_format` to `%s`.", name
        )
    wants_scores = name == "n-tuple-scores"
    if values["include_positives"]:
        name = _with_positives(values, name)
    if name == "n-tuple-scores":
        log.warning(
            '`output_format="n-tuple-scores"` is deprecated. Use `output_format="n-tuple"` with '
            "`output_scores=True` instead for equivalent output formats."
        )
        name, scores = "n-tuple", True
    if name not in FORMATS:
        raise ValueError(f"Invalid output_format: {name}. Must be one of 'triplet', 'n-tuple', 'labeled-pair', or 'labeled-list'.")
    return name, scores or (wants_scores and repairs.kept_scores)


def _with_positives(values: Mapping[str, Any], name: str) -> str:
    defaults = {"range_min": 0, "sampling_strategy": "top"}
    settings = ("range_min", "range_max", "max_score", "min_score", "absolute_margin", "relative_margin", "margin", "sampling_strategy")
    if any(values[setting] != defaults.get(setting) for setting in settings):
        log.warning(
            "When using `include_positives=True`, updating `range_min`, `range_max`, `max_score`, `min_score`, "
            "`absolute_margin`, `relative_margin`, or `sampling_strategy` from the default values may still "
            "discard the positive values."
        )
    if name != "n-tuple":
        log.warning(
            'When using `include_positives=True`, `output_format` will be set to `"n-tuple"` to ensure that the ranking order is preserved.'
        )
    return "n-tuple"


def _absolute(values: Mapping[str, Any]) -> float | None:
    margin: float | None = values["absolute_margin"]
    if values["margin"] is not None:
        margin = values["margin"]
        log.warning(
            "The `margin` parameter is deprecated. Use the `absolute_margin` and/or `relative_margin` parameter instead. "
            "Setting `absolute_margin` to `%s`.",
            margin,
        )
    return margin


def _counts(anchors: list[Any], positives: list[Any]) -> list[int]:
    """Count the rows with a positive of every distinct anchor, repeated ones included; rows without an anchor do not count."""
    counts: Counter[Any] = Counter()
    for query, text in zip(anchors, positives, strict=True):
        if query is not None:
            counts[query] += text is not None
    return list(counts.values())


def _window(values: Mapping[str, Any], most_positives: int) -> int:
    """Return range_max, derived where it is None. Raises ValueError when the window is empty or too small."""
    negatives, range_min, range_max = values["num_negatives"], values["range_min"], values["range_max"]
    if negatives < 1:
        raise ValueError(f"num_negatives must be at least 1, got num_negatives={negatives}.")
    note = ""
    if range_max is None:
        range_max, note = _derived(values, most_positives)
        if values["verbose"]:
            print(f"Setting range_max to {range_max} based on the provided parameters.")
    if range_min < 0:
        raise ValueError(f"range_min must be non-negative, got range_min={range_min}.")
    if range_min >= range_max:
        raise ValueError(f"range_min must be smaller than range_max, got range_min={range_min} and range_max={range_max}.{note}")
    if negatives > range_max - range_min:
        raise ValueError(
            f"Cannot mine {negatives} negatives per query: only {range_max - range_min} candidates remain after "
            f"skipping the first range_min={range_min} of range_max={range_max}. Consider decreasing num_negatives "
            f"or range_min, or increasing range_max.{note}"
        )
    return int(range_max)


def _derived(values: Mapping[str, Any], most_positives: int) -> tuple[int, str]:
    """Derive range_max: ten times the negatives where a ceiling may remove some. Return it with a note where FAISS on a GPU caps it."""
    has_ceiling = any(values[name] is not None for name in ("absolute_margin", "relative_margin", "max_score"))
    has_floor = values["cross_encoder"] is not None and values["min_score"] is not None
    range_max = values["range_min"] + values["num_negatives"] * (10 if has_ceiling or has_floor else 1) + most_positives
    if not values["use_faiss"] or range_max + most_positives <= MAX_GPU_CANDIDATES or not _gpus():
        return range_max, ""
    range_max = MAX_GPU_CANDIDATES - most_positives
    if values["verbose"]:
        print(
            f"Using FAISS on GPU, we can only retrieve up to {MAX_GPU_CANDIDATES} documents per query, some of which "
            f"are reserved for the positives. Setting range_max to {range_max}."
        )
    return range_max, (
        f" Note that range_max was capped to {range_max} because FAISS on GPU can only retrieve up to"
        f" {MAX_GPU_CANDIDATES} documents per query, some of which are reserved for the positives. Passing use_faiss=False"
        " lifts that cap, although it can cost a lot more memory."
    )


def _gpus() -> int:
    import faiss

    return int(getattr(faiss, "get_num_gpus", lambda: 0)())


def _check_output_columns(anchor: str, positive: str, output_format: str, output_scores: bool, negatives: int) -> None:
    """Raise ValueError where the output would overwrite a column: the original loses that column, or fails after mining."""
    output_columns = {
        "triplet": {"negative"},
        "n-tuple": {f"negative_{place}" for place in range(1, negatives + 1)},
        "labeled-pair": {"score"} if output_scores else {"label"},
        "labeled-list": set() if output_scores else {"labels"},
    }[output_format]
    if output_scores and output_format != "labeled-pair":
        output_columns |= {"scores"}
    for name in (anchor, positive):
        if name in output_columns:
            raise ValueError(f"The output adds a column '{name}' of its own; rename the dataset's.")
