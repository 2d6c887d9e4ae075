"""The report of a training: training.json, log.jsonl, the page and the card in a model's folder, and what has changed there since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from miner.encode import Encoder
from miner.errors import NoRunError
from miner.evaluation import EvaluateConfig, count
from miner.evaluation.compare import HISTORY
from miner.evaluation.counts import CountsSummary
from miner.io.atomic import sha256_of, storing, write_bytes, write_json
from miner.io.plain_files import read_json, read_text, write_file
from miner.page import training_page
from miner.train.effects import PartEffect
from miner.train.training_log import LOG, Event, Look, LossEvent, log_lines, looks
from miner.train.training_rows import RowCounts
from miner.types import ModelDescription

if TYPE_CHECKING:
    from miner.train.fit import Fit
    from miner.train.training import FitContext

PAGE = "report.html"
EDITABLE = (HISTORY, "README.md")
"""Files without a hash: training.json holds the hashes, and a model card is a text that people edit."""


class RowsSummary(RowCounts):
    """The training rows: their counts, and a hash of their texts."""

    sha256: str


class RateResult(TypedDict):
    """A fit with one learning rate. steps: optimiser steps of its best checkpoint; history: (step, dev score)."""

    learning_rate: float
    dev_score: float | None
    steps: int
    history: list[tuple[int, float]]


class TrainingReport(TypedDict):
    """The content of training.json.

    rows: counts of the training rows, and their sha256.
    dev: counts of the dev data.
    dev_score: best score on dev.
    history: (step, dev score).
    steps: optimiser steps of the saved checkpoint.
    stopped_at: optimiser steps of the whole fit; steps_planned: those of the settings.
    saved: which checkpoint is the model, and why.
    loss: (step, mean training loss).
    measures: of every look at dev, the one that chooses first.
    looks: what each look measured on dev, and on the sample of training rows; the first one is before training.
    log: the trainer's loss, gradient norm and learning rate.
    rates: learning rate, dev score and steps of every fit.
    parts: what changes and batch samplers have done.
    files: SHA-256 of the files in the folder, by name; without those that are texts to edit.
    """

    config: dict[str, Any]
    base_model: ModelDescription
    rows: RowsSummary
    dev: CountsSummary | None
    dev_measure: str
    dev_score: float | None
    history: list[tuple[int, float]]
    learning_rate: float
    steps: int
    stopped_at: int
    steps_planned: int
    saved: str
    loss: list[tuple[int, float]]
    measures: list[str]
    looks: list[Look]
    log: list[LossEvent]
    rates: list[RateResult]
    parts: list[PartEffect]
    warnings: list[str]
    files: dict[str, str]


def training_report(setting: FitContext, encoder: Encoder, fits: Sequence[Fit], best_index: int, total: int) -> TrainingReport:
    """Return the content of training.json, but for the hashes. total: steps of the settings."""
    best, log = fits[best_index], list(fits[best_index].events)
    report: TrainingReport = {
        "config": setting.config.model_dump(mode="json"),
        "base_model": encoder.describe(),
        "rows": {**setting.rows.counts, "sha256": setting.rows.sha256},
        "dev": None if setting.dev is None else count(setting.dev, EvaluateConfig.of().self_match).describe(),
        "dev_measure": setting.config.dev_measure,
        "dev_score": best.score,
        "history": best.history,
        "learning_rate": best.rate,
        "steps": best.steps,
        "stopped_at": best.stopped_at,
        "steps_planned": total,
        "saved": "",
        "loss": best.losses,
        "measures": [] if setting.dev is None else list(setting.config.measures),
        "looks": looks(log),
        "log": [event for event in log if event["kind"] == "loss"],
        "rates": [{"learning_rate": fit.rate, "dev_score": fit.score, "steps": fit.steps, "history": fit.history} for fit in fits],
        "parts": list(best.effects),
        "warnings": setting.warnings,
        "files": {},
    }
    last = f"step {report['steps']:,}, the last one: the next round continues from it"
    return {**report, "saved": last if setting.continuation else saved_checkpoint(report)}


def saved_checkpoint(report: TrainingReport) -> str:
    """Say which checkpoint is the model, and why."""
    step, score, planned = f"step {report['steps']:,}", report["dev_score"], report["steps_planned"]
    if score is None:
        return f"{step}, the last one: without dev data nothing chooses among the checkpoints"
    measure, before = report["dev_measure"], report["history"][0][1]
    better = f"the best of {len(report['history']) - 1} checkpoints on dev ({measure} {score:.4f}"
    sentence = f"{step}, {better}; {before:.4f} before training)"
    if score <= before:
        sentence = f"{step}, {better}), but none beats the model before training ({before:.4f})"
    if report["stopped_at"] < planned:
        looks_without_gain = f"{report['config']['patience']} looks without a gain"
        sentence += f"; training stopped at step {report['stopped_at']:,} of {planned:,}, after {looks_without_gain}"
    return sentence


def write_report(folder: Path, report: TrainingReport, log: Sequence[Event]) -> None:
    """Write the card, the log, the page and, last, training.json with the hashes of what lies beside it. Sets report["files"]."""
    _card(folder / "README.md", report)
    write_bytes(folder / LOG, log_lines(log))
    write_bytes(folder / PAGE, training_page(report).encode())
    report["files"] = file_hashes(folder)
    write_json(folder / HISTORY, report)


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a model's folder that a training has written and nobody edits, by name."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: sha256_of(folder / name) for name in names if name not in EDITABLE}


def open_report(folder: Path) -> TrainingReport:
    """Read the training.json of a model; fields that an earlier version did not store are empty. NoRunError without one."""
    path = folder / HISTORY
    if not path.is_file():
        raise NoRunError(f"{folder} holds no {HISTORY}: it is no model that `hardneg train` made")
    stored: TrainingReport = read_json(path)
    history: list[tuple[int, float]] = stored["history"]
    measure = stored["dev_measure"]
    looks_then: list[Look] = [{"step": step, "dev": {measure: score}, "training_rows": None} for step, score in history]
    log_then = [{"step": step, "kind": "loss", "loss": loss, "gradient_norm": None, "learning_rate": None} for step, loss in stored["loss"]]
    planned, files = stored["stopped_at"], dict[str, str]()
    earlier: Any = {"looks": looks_then, "log": log_then, "steps_planned": planned, "parts": [], "files": files, "saved": ""}
    report: TrainingReport = {**earlier, "measures": [measure] if history else [], **stored}
    return {**report, "saved": report["saved"] or saved_checkpoint(report)}


def differences(folder: Path) -> Iterator[str]:
    """Yield what no longer matches training.json, one sentence a file. NoRunError where there are no hashes."""
    stored = open_report(folder)["files"]
    if not stored:
        raise NoRunError(f"{folder} was trained by an earlier version, which stored no hashes: there is nothing to compare with")
    for name, digest in stored.items():
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif sha256_of(folder / name) != digest:
            yield f"{name} has changed: its sha256 is not {digest[:12]}…"


def _card(path: Path, report: TrainingReport) -> None:
    """Append a section to the model card that sentence-transformers wrote."""
    config, rows, base = report["config"], report["rows"], report["base_model"]
    lines = [
        f"""
## How this model was made

Trained by Hardneg from `{base["name"]}` (content `{base["content"][:16]}`),
on {rows["rows"]:,} pairs with {rows["negatives"]} negatives each (sha256 `{rows["sha256"][:16]}`).
Loss `{config["loss"]}`, batches `{config["batch_sampler"]}` of {config["train_batch_size"]}, {report["steps"]:,} steps,
learning rate {report["learning_rate"]:g}, seed {config["seed"]}.
"""
    ]
    if report["history"]:
        lines += [
            f"\n| step | dev {report['dev_measure']} |\n| ---: | ---: |\n",
            *(f"| {step:,} | {score:.4f} |\n" for step, score in report["history"]),
        ]
    lines += [f"\nWarning: {text}.\n" for text in report["warnings"]]
    with storing(path):
        write_file(path, ((read_text(path) if path.is_file() else "") + "".join(lines)).encode())
