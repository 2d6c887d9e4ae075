"""The loop: mine with the current model, train, evaluate, mine again; save the best round's model. Every step can be resumed.

    OUT/dataset/            the dataset (with hold_out: without the hidden positives, which are in hidden.json)
        loop.json           configs, the report of every round, why it stopped, which round is best
        notebook.parquet    the notebook of errors after the last round
        round-1/mined/      a run folder: candidates, report, manifest
                model/      the model trained on training.jsonl
                training.jsonl, anchors.json, notebook.parquet, delta.json
        model/              the best round's model

A round is finished when its delta.json exists. An interrupted round continues after its last finished stage: mining, choosing, training
(from its checkpoints). Every file and folder is complete or absent; `dataset` and `model` are renamed into place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import check_encoder, load_encoder
from miner.encode.staged_model import with_code_of_trained
from miner.errors import ConfigError
from miner.formats import FORMATS, RowWriter
from miner.io.atomic import folder_part, resolve_link, sha256_of, write_bytes, write_json
from miner.io.folder_tree import copy, remove
from miner.io.plain_files import read_bytes, read_json
from miner.io.row_writer import open_sink
from miner.read import read
from miner.runs.run import Run, mine
from miner.runs.verdict_files import read_verdicts
from miner.train.config import MODEL_FIELDS, LoopConfig, TrainConfig
from miner.train.conflicts import check_model_fits, check_parts, depends_on_model
from miner.train.hold_out import hidden_of, hide
from miner.train.lock import locked
from miner.train.negatives import AnchorKey, AnchorResult, Assembly
from miner.train.notebook import Notebook
from miner.train.output_folder import LOOP, begin_loop, check_loop, checkpoints_of
from miner.train.round_report import LoopIdentity, LoopReport, RoundCounts, RoundReport, best_round, changes, stop_reason
from miner.train.training import train
from miner.types import Dataset, Progress

log = logging.getLogger(__name__)

EXTRA_COLUMNS = {"ids", "scores", "ranks", "tiers"}


@dataclass(frozen=True)
class Loop:
    """A finished loop on disk. report: the content of loop.json."""

    folder: Path
    report: LoopReport

    @property
    def model(self) -> Path:
        """The best round's model."""
        return self.folder / "model"


@dataclass(frozen=True)
class LoopContext:
    """The dataset, settings and options of all rounds."""

    out: Path
    dataset: Dataset
    training: TrainConfig
    mining: MiningConfig
    rules: LoopConfig
    dev: Dataset | None
    runtime: Runtime
    progress: Progress | None
    paraphrase: Callable[[str], str] | None = None
    verdicts: Sequence[str] = ()


def loop(
    data: Inputs,
    training: TrainConfig,
    mining: MiningConfig,
    rules: LoopConfig,
    *,
    out: str | Path,
    dev: Dataset | Inputs | None = None,
    runtime: Runtime | None = None,
    resume: bool | None = None,
    force: bool = False,
    paraphrase: Callable[[str], str] | None = None,
    on_progress: Progress | None = None,
) -> Loop:
    """Run the rounds of mining and training.

    data: where queries, corpus and qrels come from.
    out: the loop's folder.
    dev: dataset that chooses the best round and when to stop; without it all rounds run and the last model is saved.
    resume: True continues a loop of the same settings, False starts over where no round is finished, None refuses an existing loop.
    force: starts over too; finished rounds are deleted only with `force` and resume=False together.
    paraphrase: the user's function for the change `paraphrase`.
    Raises ConfigError, InputError, ModelError, StorageError; finished stages stay, and `resume` continues.
    """
    folder = resolve_link(out)
    if not training.model:
        raise ConfigError("no model is named: give --model, a sentence-transformers folder or a hub name")
    if len(training.learning_rates) > 1 and dev is None:
        raise ConfigError("several learning rates and nothing that chooses among them: give dev data, or one rate")
    if "-" in data.verdicts:
        raise ConfigError("verdicts are read again in every round: name a file, not '-'")
    check_encoder(training.encoding(), (runtime or Runtime.of()).allow_code)
    check_parts(training, paraphrase, mining.negatives)
    if depends_on_model(training):
        check_model_fits(training, load_encoder(training.encoding(), runtime or Runtime.of()))
    identity = _identity(data, training, mining, rules, dev)
    check_loop(folder, identity, resume=resume, force=force)
    dev_set = dev if isinstance(dev, Dataset) or dev is None else read(dev, None, mining.min_grade, complete=True)
    with locked(folder):
        begin_loop(folder, identity, resume=resume)
        dataset = _dataset(folder, data, mining, rules)
        options = (runtime or Runtime.of(), on_progress, paraphrase, data.verdicts)
        setting = LoopContext(folder, dataset, training, mining, rules, dev_set, *options)
        return _run(setting, identity)


def _identity(data: Inputs, training: TrainConfig, mining: MiningConfig, rules: LoopConfig, dev: Dataset | Inputs | None) -> LoopIdentity:
    """Return the settings and hashes that a loop has to share with the one it resumes."""
    read_verdicts(data.verdicts)  # raises now, not in the first round, where a file is wrong
    return {
        "data": data.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "mining": mining.model_dump(mode="json"),
        "loop": rules.model_dump(mode="json"),
        "verdicts": {name: sha256_of(name) for name in data.verdicts},
        "dev": dev.model_dump(mode="json") if isinstance(dev, Inputs) else {"queries": len(dev.queries) if dev else 0},
    }


def _run(setting: LoopContext, identity: LoopIdentity) -> Loop:
    """Run the missing rounds, and copy the best one's model."""
    folder, rules = setting.out, setting.rules
    rounds: list[RoundReport] = []
    reason = f"all {rules.rounds} rounds are done"
    for round_number in range(1, rules.rounds + 1):
        rounds.append(_round(setting, round_number))
        if early_stop := stop_reason(rounds, rules):
            reason = early_stop
            break
    best = best_round(rounds)
    with folder_part(folder / "model", "modules.json") as target:
        copy(folder / f"round-{best}" / "model", target)
    write_bytes(folder / "notebook.parquet", read_bytes(folder / f"round-{rounds[-1]['round']}" / "notebook.parquet"))
    outcome: LoopReport = {"identity": identity, "rounds": rounds, "best": best, "stopped": reason, "done": True}
    write_json(folder / LOOP, outcome)
    return Loop(folder, outcome)


def _dataset(folder: Path, data: Inputs, mining: MiningConfig, rules: LoopConfig) -> Dataset:
    """Read the dataset for mining and training, once."""
    path = folder / "dataset"
    if not (path / "dataset.json").is_file() or (rules.hold_out and not (path / "hidden.json").is_file()):
        with folder_part(path, "dataset.json") as part:
            read(data, part, mining.min_grade)
            if rules.hold_out:
                hide(Dataset.open(part), part, mining.seed)
    return Dataset.open(path)


def _round(setting: LoopContext, round_number: int) -> RoundReport:
    """Run one round, or read its delta.json where it is finished."""
    folder = setting.out / f"round-{round_number}"
    delta_file = folder / "delta.json"
    if delta_file.is_file():
        stored: RoundReport = read_json(delta_file)
        return stored
    previous = setting.out / f"round-{round_number - 1}"
    current = setting.training.model if round_number == 1 else str(previous / "model")
    model_settings = {name: getattr(setting.training, name) for name in MODEL_FIELDS}
    mining = setting.mining.model_copy(update={**model_settings, "model": current, **({"revision": None} if round_number > 1 else {})})
    if not (folder / "mined" / "manifest.json").is_file():
        folder.mkdir(exist_ok=True)
        _mine(setting, folder, mining, _runtime(setting, current))
    if not (folder / "anchors.json").is_file():
        _choose(setting, round_number, folder, previous, Run(folder / "mined").config)
    if not (folder / "model" / "modules.json").is_file():
        start = setting.training.model if setting.rules.start == "base" else current
        _train(setting, folder, start)
    remove(checkpoints_of(folder / "model"), ignore_errors=True)  # left where a kill came after the model was complete
    delta = _delta(setting, round_number, folder, previous)
    write_json(delta_file, delta)
    return delta


def _runtime(setting: LoopContext, model: str | None) -> Runtime:
    """Return the runtime for a model of the loop: code that the base may run, a model trained from it may run too."""
    base, allowed = setting.training.model, setting.runtime.allow_code
    if not (allowed and base and model) or model == base:
        return setting.runtime
    code = with_code_of_trained(allowed, base, setting.training.revision, Path(model))
    return setting.runtime.model_copy(update={"allow_code": code})


def _mine(setting: LoopContext, folder: Path, mining: MiningConfig, runtime: Runtime) -> None:
    with _without_notes():
        mine(
            setting.dataset,
            mining,
            out=folder / "mined",
            verdicts=setting.verdicts,
            runtime=runtime,
            force=True,
            on_progress=setting.progress,
        )


def _train(setting: LoopContext, folder: Path, start: str | None) -> None:
    """Train from the model `start` on the training file of a round, from its last checkpoint where there is one."""
    train(
        folder / "training.jsonl",
        setting.training.model_copy(update={"model": start}),
        out=folder / "model",
        dev=setting.dev,
        runtime=_runtime(setting, start),
        resume=True,
        paraphrase=setting.paraphrase,
        on_progress=setting.progress,
    )


@contextmanager
def _without_notes() -> Iterator[None]:
    """Remove the notes of mining errors: they name the command that resumes a run, which is not the one that resumes a loop."""
    try:
        yield
    except BaseException as error:
        error.__notes__ = []
        raise


def _choose(setting: LoopContext, round_number: int, folder: Path, previous: Path, mining: MiningConfig) -> None:
    """Choose previous and new negatives; write the training file, the notebook and, last, anchors.json."""
    notebook = Notebook.load(previous / "notebook.parquet") if round_number > 1 else Notebook()
    previous_anchors = anchors_of(previous) if round_number > 1 else {}
    dataset = Dataset.open(folder / "mined" / "dataset")
    assembly = Assembly(dataset, mining, setting.rules, round_number, notebook, previous_anchors)
    result = assembly.assemble(Run(folder / "mined").candidates)
    result.counts["forgotten"] = notebook.cap(setting.rules.notebook)
    writer = RowWriter(FORMATS["triplet"], dataset, EXTRA_COLUMNS)
    with open_sink(folder / "training.jsonl") as sink:
        for block in result.blocks:
            sink.write(writer(block))
    result.counts["training_rows"], result.counts["rows_repeated"] = sink.rows, writer.repeated
    notebook.save(folder / "notebook.parquet")
    anchors = [[*key, *anchor] for key, anchor in sorted(result.anchors.items())]
    write_json(folder / "anchors.json", {"counts": result.counts, "anchors": anchors})


def anchors_of(folder: Path) -> dict[AnchorKey, AnchorResult]:
    """Read the result of a round for every anchor."""
    rows = read_json(folder / "anchors.json")["anchors"]
    return {(query, positive): AnchorResult(tuple(negatives), *statistics) for query, positive, negatives, *statistics in rows}


def _delta(setting: LoopContext, round_number: int, folder: Path, previous_folder: Path) -> RoundReport:
    """Report a round: dev scores, and the differences from the previous round (overlap, rank shift of the positives, hardness)."""
    anchors, previous = anchors_of(folder), anchors_of(previous_folder) if round_number > 1 else {}
    training = read_json(folder / "model" / "training.json")
    history = training["history"]
    counts: RoundCounts = read_json(folder / "anchors.json")["counts"]
    return {
        "round": round_number,
        "dev": training["dev_score"],
        "dev_before": history[0][1] if history else None,
        "dev_measure": training["dev_measure"],
        **changes(anchors, previous),
        "false_negatives": _false_negatives(setting, anchors),
        "notebook": Notebook.load(folder / "notebook.parquet").counts(),
        **counts,
        "warnings": training["warnings"],
    }


def _false_negatives(setting: LoopContext, anchors: dict[AnchorKey, AnchorResult]) -> float | None:
    """Return the share of negatives that are hidden positives, over queries with hidden positives; None without any."""
    hidden = hidden_of(setting.out / "dataset")
    is_hidden = [passage in hidden[query] for (query, _), anchor in anchors.items() if query in hidden for passage in anchor.negatives]
    return float(np.mean(is_hidden)) if is_hidden else None
