"""The loop: mine with the current model, add what it gets wrong to the notebook, train on that, evaluate, mine again.

The best model on dev is saved, be it the one before training. Every step can be resumed.

    OUT/dataset/            the dataset (with hold_out: without the hidden positives, which are in hidden.json)
        loop.json           configs, the report of every round, why it stopped, which round is best, hashes
        report.html         the same as a page, with links to each round's pages
        notebook.parquet    the notebook of errors after the last round
        round-0/dev.parquet every measure of every dev query before training
        round-1/mined/      a run folder: candidates, report, manifest
                model/      the model trained on training.jsonl
                training.jsonl, anchors.json, notebook.parquet, dev.parquet, delta.json
        model/              the best model

A round is finished when its delta.json exists. An interrupted round continues after its last finished stage: mining, choosing, training
(from its checkpoints). Every file and folder is complete or absent; `dataset` and `model` are renamed into place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import check_encoder, load_encoder
from miner.encode.staged_model import complete_code
from miner.errors import ConfigError
from miner.io.atomic import folder_part, resolve_link, sha256_of, write_bytes
from miner.io.folder_tree import copy
from miner.io.plain_files import read_bytes
from miner.read import read
from miner.runs.variation_vectors import check_variations
from miner.runs.verdict_files import read_verdicts
from miner.train.config import LoopConfig, TrainConfig
from miner.train.conflicts import check_model_fits, check_parts, depends_on_model
from miner.train.hold_out import hide
from miner.train.lock import locked
from miner.train.loop_files import write_loop
from miner.train.output_folder import begin_loop, check_loop
from miner.train.reporting import check_trackers
from miner.train.round_report import (
    LoopIdentity,
    LoopReport,
    RoundReport,
    best_round,
    stop_reason,
)
from miner.train.round_stages import LoopContext, before_training, run_round
from miner.types import Dataset, Progress


@dataclass(frozen=True)
class Loop:
    """A finished loop on disk. report: the content of loop.json."""

    folder: Path
    report: LoopReport

    @property
    def model(self) -> Path:
        """The best model."""
        return self.folder / "model"


def loop(
    data: Inputs,
    training: TrainConfig,
    mining: MiningConfig,
    rules: LoopConfig,
    *,
    out: str | Path,
    dev: Dataset | Inputs | None = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    resume: bool | None = None,
    force: bool = False,
    paraphrase: Callable[[str], str] | None = None,
    report_to: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> Loop:
    """Run the rounds of mining and training.

    data: where queries, corpus and qrels come from.
    out: the loop's folder.
    dev: dataset that chooses the best round and when to stop; without it all rounds run and the last model is saved.
    resume: True continues a loop of the same settings, False starts over where no round is finished, None refuses an existing loop.
    force: starts over too; finished rounds are deleted only with `force` and resume=False together.
    paraphrase: the user's function for the change and the variation `paraphrase`.
    report_to: tensorboard, wandb or trackio: the trainings report to them too; their files go to round-N/model.logs.
    Raises ConfigError, InputError, ModelError, StorageError; finished stages stay, and `resume` continues.
    """
    folder = resolve_link(out)
    check_trackers(report_to)
    if not training.model:
        raise ConfigError("no model is named: give --model, a sentence-transformers folder or a hub name")
    if len(training.learning_rates) > 1 and dev is None:
        raise ConfigError("several learning rates and nothing that chooses among them: give dev data, or one rate")
    if rules.start == "continue" and training.steps is None:
        raise ConfigError("start=continue is one training of rounds × steps: give --steps, the steps of one round")
    if rules.start == "continue" and len(training.learning_rates) > 1:
        raise ConfigError(f"start=continue is one training with one learning rate, got {len(training.learning_rates)}: give one")
    if "-" in data.verdicts:
        raise ConfigError("verdicts are read again in every round: name a file, not '-'")
    check_encoder(training.encoding(), Runtime.of_argument(runtime).allow_code)
    check_parts(training, paraphrase, mining.negatives)
    check_variations(mining, paraphrase)
    if mining.judged_by and rules.keep != "last":
        raise ConfigError(
            f"{mining.judged_by[0][0]} goes by a second judge, which has not scored negatives of earlier rounds, and keep={rules.keep} "
            "trains on these: set --keep last"
        )
    if depends_on_model(training):
        check_model_fits(training, load_encoder(training.encoding(), Runtime.of_argument(runtime)))
    identity = _identity(data, training, mining, rules, dev)
    check_loop(folder, identity, resume=resume, force=force)
    dev_set = dev if isinstance(dev, Dataset) or dev is None else read(dev, None, mining.min_grade, complete=True)
    with locked(folder):
        begin_loop(folder, identity, resume=resume)
        dataset = _dataset(folder, data, mining, rules)
        options = (Runtime.of_argument(runtime), on_progress, paraphrase, data.verdicts, report_to)
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
    """Run the missing rounds, and save the best model."""
    folder, rules = setting.out, setting.rules
    before = before_training(setting)
    rounds: list[RoundReport] = []
    reason = f"all {rules.rounds} rounds are done"
    for round_number in range(1, rules.rounds + 1):
        rounds.append(run_round(setting, round_number, rounds))
        if early_stop := stop_reason(rounds, rules):
            reason = early_stop
            break
    means = before.means() if before else None
    best = best_round(rounds, means[before.measures[0]] if before and means else None)
    with folder_part(folder / "model", "modules.json") as target:
        _save_best(setting, best, target)
    write_bytes(folder / "notebook.parquet", read_bytes(folder / f"round-{rounds[-1]['round']}" / "notebook.parquet"))
    outcome: LoopReport = {"identity": identity, "before": means, "rounds": rounds, "best": best, "stopped": reason, "done": True}
    return Loop(folder, write_loop(folder, outcome))


def _save_best(setting: LoopContext, best: int, target: Path) -> None:
    """Copy the model of a round; round 0 is the model before training."""
    if best:
        copy(setting.out / f"round-{best}" / "model", target)
        return
    load_encoder(setting.training.encoding(), setting.runtime).model.save_pretrained(str(target))
    complete_code(target)


def _dataset(folder: Path, data: Inputs, mining: MiningConfig, rules: LoopConfig) -> Dataset:
    """Read the dataset for mining and training, once."""
    path = folder / "dataset"
    if not (path / "dataset.json").is_file() or (rules.hold_out and not (path / "hidden.json").is_file()):
        with folder_part(path, "dataset.json") as part:
            read(data, part, mining.min_grade)
            if rules.hold_out:
                hide(Dataset.open(part), part, mining.seed)
    return Dataset.open(path)
