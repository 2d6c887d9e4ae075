"""The log of a training: what the trainer and each look at the model have measured, in order, without times.

    log.jsonl   one line for each event: {"step": 20, "kind": "loss", …}, `dev` and `rows` likewise; step 0 is the model before training

The same training gives the same bytes, interrupted or not: the trainer stores its part with every checkpoint, and parts.json the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import orjson

LOG = "log.jsonl"
KINDS = ("loss", "dev", "rows")
"""Kinds of events, in the order within a step."""


class RowNumbers(TypedDict):
    """What a sample of training rows says of the current model.

    rows: rows of the sample.
    above: share of them with a negative above the positive.
    margin: mean cosine of the positive less that of the negatives.
    gradient_mass: mean of 1 - the positive's share of the softmax at temperature 0.05.
    """

    rows: int
    above: float
    margin: float
    gradient_mass: float


class LossEvent(TypedDict):
    """The trainer's own numbers: mean loss since the last event, norm of the gradient before clipping, learning rate."""

    step: int
    kind: Literal["loss"]
    loss: float
    gradient_norm: float | None
    learning_rate: float | None


class DevEvent(TypedDict):
    """Every dev measure of the model at a step."""

    step: int
    kind: Literal["dev"]
    measures: dict[str, float]


class RowsEvent(RowNumbers):
    """The sample of training rows at a step."""

    step: int
    kind: Literal["rows"]


Event = LossEvent | DevEvent | RowsEvent


class Look(TypedDict):
    """One look at the model. dev: each measure on dev; training_rows: the sample of training rows; None where there is none."""

    step: int
    dev: dict[str, float] | None
    training_rows: RowNumbers | None


def rows_event(step: int, numbers: RowNumbers) -> RowsEvent:
    """The event of a look at the training rows."""
    return {"step": step, "kind": "rows", **numbers}


def events(
    log_history: Iterable[Mapping[str, Any]], measures: Sequence[str], before: Mapping[str, float] | None, rows: Sequence[RowsEvent]
) -> list[Event]:
    """Return all events in order.

    log_history: the trainer's.
    measures: of a look at dev, first the one that the trainer knows as `eval_dev`.
    before: dev measures of the model before training.
    """
    found: list[Event] = [*rows]
    if before is not None:
        found.append({"step": 0, "kind": "dev", "measures": dict(before)})
    for entry in log_history:
        if "loss" in entry:
            found.append(_loss_event(entry))
        elif "eval_dev" in entry:
            found.append({"step": entry["step"], "kind": "dev", "measures": dev_measures(entry, measures)})
    return sorted(found, key=lambda event: (event["step"], KINDS.index(event["kind"])))


def _loss_event(entry: Mapping[str, Any]) -> LossEvent:
    norm, rate = entry.get("grad_norm"), entry.get("learning_rate")
    return {"step": entry["step"], "kind": "loss", "loss": entry["loss"], "gradient_norm": norm, "learning_rate": rate}


def dev_measures(entry: Mapping[str, Any], measures: Sequence[str]) -> dict[str, float]:
    """Read the dev measures in an entry of the trainer's log: `eval_dev`, and `eval_dev_recall@10` for each of the others.

    The order is that of `measures`: the trainer sorts what it stores with a checkpoint.
    """
    first, *others = measures
    return {first: entry["eval_dev"]} | {name: entry[f"eval_dev_{name}"] for name in others if f"eval_dev_{name}" in entry}


def looks(events: Iterable[Event]) -> list[Look]:
    """Return the looks in order: what was measured on dev and on training rows at a step."""
    by_step: dict[int, Look] = {}
    for event in events:
        if event["kind"] == "loss":
            continue
        look = by_step.setdefault(event["step"], {"step": event["step"], "dev": None, "training_rows": None})
        if event["kind"] == "dev":
            look["dev"] = event["measures"]
        else:
            look["training_rows"] = {
                "rows": event["rows"],
                "above": event["above"],
                "margin": event["margin"],
                "gradient_mass": event["gradient_mass"],
            }
    return [by_step[step] for step in sorted(by_step)]


def log_lines(events: Iterable[Event]) -> bytes:
    """Return the content of log.jsonl."""
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


def look_line(log_history: Sequence[Mapping[str, Any]], dev_measure: str) -> str:
    """Return a look on one line: `step 20: loss 0.9132, dev ndcg@10 0.6123`."""
    loss = next((entry for entry in reversed(log_history) if "loss" in entry), None)
    dev = next((entry for entry in reversed(log_history) if "eval_dev" in entry), None)
    parts = [f"loss {loss['loss']:.4f}"] if loss else []
    parts += [f"dev {dev_measure} {dev['eval_dev']:.4f}"] if dev else []
    step = log_history[-1]["step"] if log_history else 0
    return f"step {step:,}: {', '.join(parts)}"
