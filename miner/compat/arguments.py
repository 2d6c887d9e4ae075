"""What the caller asked for: arguments checked in the original's order, with its words, and resolved."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miner.compat.repairs import Repairs

log = logging.getLogger(__name__)

FORMATS = ("triplet", "n-tuple", "labeled-pair", "labeled-list")
GPU_LIMIT = 2048
"""Candidates per query that FAISS finds on a GPU."""


@dataclass(frozen=True)
class Asked:
    """Every argument, resolved. rows: the anchors and the positives; values: what is passed on as it came."""

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
        """Of any query, repeated rows counted."""
        return max(self.positives_per_query)

    @property
    def depth(self) -> int:
        """Candidates per query before anything is removed."""
        return self.range_max + self.most_positives

    @property
    def filtered(self) -> bool:
        """Whether a score decides who may be a negative; only then is a cross-encoder asked."""
        return any(bound is not None for bound in (self.absolute_margin, self.relative_margin, self.max_score, self.min_score))

    def say(self, text: str) -> None:
        """Print, if `verbose`."""
        if self.verbose:
            print(text)


def ask(dataset: Any, given: Mapping[str, Any], repairs: Repairs) -> Asked:
    """Check `given` (the arguments by name). ValueError as the original's; prints and warns as it does."""
    if len(dataset) == 0:
        raise ValueError("The dataset is empty. Please provide a non-empty dataset.")
    if given["faiss_batch_size"] <= 0:
        raise ValueError(f"faiss_batch_size must be a positive integer, got {given['faiss_batch_size']}.")
    if given["sampling_strategy"] not in ("top", "random"):
        raise ValueError(f"Invalid sampling_strategy: {given['sampling_strategy']}. Must be one of 'top' or 'random'.")
    anchor, positive = _columns(dataset.column_names, given, repairs)
    output_format, output_scores = _format(given, repairs)
    given = {**given, "absolute_margin": _absolute(given)}
    if anchor == positive:
        raise KeyError(positive)  # what the original's grouping by the column itself says
    rows = (list(dataset[anchor][:]), list(dataset[positive][:]))
    counts = _counts(*rows)
    range_max = _window(given, max(counts))
    _refuse_taken(anchor, positive, output_format, output_scores, given["num_negatives"])
    return Asked(
        anchor=anchor,
        positive=positive,
        output_format=output_format,
        output_scores=output_scores,
        **{name: given[name] for name in ("absolute_margin", "relative_margin", "max_score", "min_score", "range_min", "verbose")},
        range_max=range_max,
        negatives=given["num_negatives"],
        strategy=given["sampling_strategy"],
        rows=rows,
        positives_per_query=counts,
        automatic=given["range_max"] is None,
        repairs=repairs,
        values=given,
    )


def _columns(columns: list[str], given: Mapping[str, Any], repairs: Repairs) -> tuple[str, str]:
    wanted = {side: given[f"{side}_column_name"] for side in ("anchor", "positive")}
    for side, name in wanted.items():
        if repairs.known_columns and name and name not in columns:
            raise ValueError(f"There is no column '{name}' for the {side}; there are: {', '.join(columns)}.")
    anchor = wanted["anchor"] if wanted["anchor"] in columns else columns[0]
    positive = wanted["positive"]
    if not positive or positive not in columns:
        if len(columns) < 2:
            raise ValueError("Dataset must contain at least two columns to select the positive column automatically.")
        positive = columns[1]
    if repairs.known_columns and anchor == positive:
        raise ValueError(f"Column '{anchor}' would be both the anchor and the positive; name the other one, of: {', '.join(columns)}.")
    return anchor, positive


def _format(given: Mapping[str, Any], repairs: Repairs) -> tuple[str, bool]:
    """Shape of the output, and whether scores go with it."""
    name, scores = given["output_format"], given["output_scores"]
    if given["as_triplets"] is not None:
        name = "triplet" if given["as_triplets"] else "n-tuple"
        log.warning(
            "The `as_triplets` parameter is deprecated. Use the `output_format` parameter instead. Setting `output_format` to `%s`.", name
        )
    wants_scores = name == "n-tuple-scores"
    if given["include_positives"]:
        name = _with_positives(given, name)
    if name == "n-tuple-scores":
        log.warning(
            '`output_format="n-tuple-scores"` is deprecated. Use `output_format="n-tuple"` with '
            "`output_scores=True` instead for equivalent output formats."
        )
        name, scores = "n-tuple", True
    if name not in FORMATS:
        raise ValueError(f"Invalid output_format: {name}. Must be one of 'triplet', 'n-tuple', 'labeled-pair', or 'labeled-list'.")
    return name, scores or (wants_scores and repairs.kept_scores)


def _with_positives(given: Mapping[str, Any], name: str) -> str:
    usual = {"range_min": 0, "sampling_strategy": "top"}
    settings = ("range_min", "range_max", "max_score", "min_score", "absolute_margin", "relative_margin", "margin", "sampling_strategy")
    if any(given[setting] != usual.get(setting) for setting in settings):
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


def _absolute(given: Mapping[str, Any]) -> float | None:
    margin: float | None = given["absolute_margin"]
    if given["margin"] is not None:
        margin = given["margin"]
        log.warning(
            "The `margin` parameter is deprecated. Use the `absolute_margin` and/or `relative_margin` parameter instead. "
            "Setting `absolute_margin` to `%s`.",
            margin,
        )
    return margin


def _counts(anchors: list[Any], positives: list[Any]) -> list[int]:
    """Rows of every distinct anchor that have a positive, repeated ones counted; rows without an anchor do not count."""
    counts: Counter[Any] = Counter()
    for query, text in zip(anchors, positives, strict=True):
        if query is not None:
            counts[query] += text is not None
    return list(counts.values())


def _window(given: Mapping[str, Any], most_positives: int) -> int:
    """range_max, derived where it is not given. ValueError when no window is left."""
    negatives, first, last = given["num_negatives"], given["range_min"], given["range_max"]
    if negatives < 1:
        raise ValueError(f"num_negatives must be at least 1, got num_negatives={negatives}.")
    note = ""
    if last is None:
        last, note = _derived(given, most_positives)
        if given["verbose"]:
            print(f"Setting range_max to {last} based on the provided parameters.")
    if first < 0:
        raise ValueError(f"range_min must be non-negative, got range_min={first}.")
    if first >= last:
        raise ValueError(f"range_min must be smaller than range_max, got range_min={first} and range_max={last}.{note}")
    if negatives > last - first:
        raise ValueError(
            f"Cannot mine {negatives} negatives per query: only {last - first} candidates remain after "
            f"skipping the first range_min={first} of range_max={last}. Consider decreasing num_negatives "
            f"or range_min, or increasing range_max.{note}"
        )
    return int(last)


def _derived(given: Mapping[str, Any], most_positives: int) -> tuple[int, str]:
    """Room for ten times the negatives where a ceiling may remove some; and what to say where a GPU's FAISS caps it."""
    ceilings = any(given[name] is not None for name in ("absolute_margin", "relative_margin", "max_score"))
    floored = given["cross_encoder"] is not None and given["min_score"] is not None
    last = given["range_min"] + given["num_negatives"] * (10 if ceilings or floored else 1) + most_positives
    if not given["use_faiss"] or last + most_positives <= GPU_LIMIT or not _gpus():
        return last, ""
    last = GPU_LIMIT - most_positives
    if given["verbose"]:
        print(
            f"Using FAISS on GPU, we can only retrieve up to {GPU_LIMIT} documents per query, some of which "
            f"are reserved for the positives. Setting range_max to {last}."
        )
    return last, (
        f" Note that range_max was capped to {last} because FAISS on GPU can only retrieve up to"
        f" {GPU_LIMIT} documents per query, some of which are reserved for the positives. Passing use_faiss=False"
        " lifts that cap, although it can cost a lot more memory."
    )


def _gpus() -> int:
    import faiss

    return int(getattr(faiss, "get_num_gpus", lambda: 0)())


def _refuse_taken(anchor: str, positive: str, output_format: str, output_scores: bool, negatives: int) -> None:
    """A column of the dataset that the output would overwrite: the original loses it, or fails when all is mined."""
    added = {
        "triplet": {"negative"},
        "n-tuple": {f"negative_{place}" for place in range(1, negatives + 1)},
        "labeled-pair": {"score"} if output_scores else {"label"},
        "labeled-list": set() if output_scores else {"labels"},
    }[output_format]
    if output_scores and output_format != "labeled-pair":
        added |= {"scores"}
    for name in (anchor, positive):
        if name in added:
            raise ValueError(f"The output adds a column '{name}' of its own; rename the dataset's.")
