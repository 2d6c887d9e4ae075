"""The loop: mine with the current model, train, evaluate, mine again; the best round is kept, and every step can be gone on from.

    OUT/dataset/            what was read (with hold_out: positives shown, the hidden ones in hidden.json)
        loop.json           configs, every round's figures, why it stopped, which round is best
        notebook.parquet    the notebook of errors after the last round
        round-1/mined/      a run folder: candidates, report, manifest
                model/      what was trained on training.jsonl
                training.jsonl, anchors.json, notebook.parquet, delta.json
        model/              the best round's model

A round is done when its delta.json is there. What was begun and not finished is done again from its last finished part: mining, choosing,
training (from its checkpoints). Every file and folder is whole or not there; `dataset` and `model` appear at once.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import check_encoder, load_encoder
from miner.errors import ConfigError
from miner.formats import FORMATS, RowWriter
from miner.io.atomic import folder_part, followed, sha256_of, write_bytes, write_json
from miner.io.row_files import open_sink
from miner.read import read
from miner.runs.run import Run, mine
from miner.runs.verdict_files import read_verdicts
from miner.train.config import MODEL_FIELDS, LoopConfig, TrainConfig
from miner.train.conflicts import check_model_fits, check_parts, depends_on_model
from miner.train.hold_out import hidden_of, hide
from miner.train.lock import locked
from miner.train.negatives import Anchor, Key, assemble
from miner.train.notebook import Notebook
from miner.train.output_folder import LOOP, begin_loop, check_loop, checkpoints_of
from miner.train.training import train
from miner.types import Dataset, Progress

log = logging.getLogger(__name__)

COLUMNS = {"ids", "scores", "ranks", "tiers"}


@dataclass(frozen=True)
class Loop:
    """A finished loop on disk. told: what loop.json says."""

    folder: Path
    told: dict[str, Any]

    @property
    def model(self) -> Path:
        """The best round's model."""
        return self.folder / "model"


@dataclass(frozen=True)
class Setting:
    """What every round needs."""

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
    """Run the rounds. dev: tells which round is best, and when to stop; without it all rounds run and the last one is kept.

    resume: True goes on with a loop of the same settings, False begins again where no round is finished, None refuses where there is one.
    force: begins again too; finished rounds are deleted only with `force` and resume=False together.
    Raises ConfigError, InputError, ModelError, StorageError; what was finished stays, and `resume` goes on.
    """
    folder = followed(out)
    if not training.model:
        raise ConfigError("no model is named: give --model, a sentence-transformers folder or a hub name")
    if len(training.learning_rates) > 1 and dev is None:
        raise ConfigError("several learning rates and nothing that chooses among them: give dev data, or one rate")
    if "-" in data.verdicts:
        raise ConfigError("verdicts are heard again in every round: name a file, not '-'")
    check_encoder(training.encoding())
    check_parts(training, paraphrase, mining.negatives)
    if depends_on_model(training):
        check_model_fits(training, load_encoder(training.encoding(), runtime or Runtime.of()))
    identity = _identity(data, training, mining, rules, dev)
    check_loop(folder, identity, resume=resume, force=force)
    dev_set = dev if isinstance(dev, Dataset) or dev is None else read(dev, None, mining.min_grade, complete=True)
    with locked(folder):
        begin_loop(folder, identity, resume=resume)
        dataset = _dataset(folder, data, mining, rules)
        more = (runtime or Runtime.of(), on_progress, paraphrase, data.verdicts)
        setting = Setting(folder, dataset, training, mining, rules, dev_set, *more)
        return _run(setting, identity)


def _identity(
    data: Inputs, training: TrainConfig, mining: MiningConfig, rules: LoopConfig, dev: Dataset | Inputs | None
) -> dict[str, dict[str, Any]]:
    """What makes a loop the same one."""
    parts = {"data": data, "training": training, "mining": mining, "loop": rules}
    identity = {name: part.model_dump(mode="json") for name, part in parts.items()}
    read_verdicts(data.verdicts)  # a wrong one shows now, not in the first round
    identity["verdicts"] = {name: sha256_of(name) for name in data.verdicts}
    identity["dev"] = dev.model_dump(mode="json") if isinstance(dev, Inputs) else {"queries": len(dev.queries) if dev else 0}
    return identity


def _run(setting: Setting, identity: dict[str, Any]) -> Loop:
    """The rounds that are missing, and the best one's model."""
    folder, rules = setting.out, setting.rules
    told: list[dict[str, Any]] = []
    why = f"all {rules.rounds} rounds are done"
    for turn in range(1, rules.rounds + 1):
        told.append(_round(setting, turn))
        if reason := stop_reason(told, rules):
            why = reason
            break
    best = best_round(told)
    with folder_part(folder / "model", "modules.json") as target:
        shutil.copytree(folder / f"round-{best}" / "model", target, dirs_exist_ok=True)
    write_bytes(folder / "notebook.parquet", (folder / f"round-{told[-1]['round']}" / "notebook.parquet").read_bytes())
    outcome = {"identity": identity, "rounds": told, "best": best, "stopped": why, "done": True}
    write_json(folder / LOOP, outcome)
    return Loop(folder, outcome)


def stop_reason(told: Sequence[dict[str, Any]], rules: LoopConfig) -> str | None:
    """Why the loop ends after these rounds, or None: no gain on dev, false negatives doubled, the same negatives again."""
    now, first = told[-1], told[0]
    scores = [told[0]["dev_before"], *(each["dev"] for each in told)]
    if now["dev"] is not None:
        best, waited = scores[0], 0
        for score in scores[1:]:
            best, waited = (score, 0) if score >= best + rules.epsilon else (max(best, score), waited + 1)
        if waited >= rules.wait:
            return f"no gain of {rules.epsilon:g} on dev in {waited} rounds"
    rate, rate_first = now["false_negatives"], first["false_negatives"]
    if len(told) > 1 and rate is not None and rate > 2 * max(rate_first, 1e-4):
        return f"measured false negatives rose to {rate:.1%} from {rate_first:.1%}"
    if now["jaccard"] is not None and now["jaccard"] > rules.same:
        return f"{now['jaccard']:.0%} of the negatives are the last round's"
    return None


def best_round(told: Sequence[dict[str, Any]]) -> int:
    """The round with the best dev score, the earlier of equals; the last one where there is no dev."""
    if told[-1]["dev"] is None:
        return int(told[-1]["round"])
    return int(max(told, key=lambda each: (each["dev"], -each["round"]))["round"])


def _dataset(folder: Path, data: Inputs, mining: MiningConfig, rules: LoopConfig) -> Dataset:
    """What is mined from and trained on; read once."""
    place = folder / "dataset"
    if not (place / "dataset.json").is_file() or (rules.hold_out and not (place / "hidden.json").is_file()):
        with folder_part(place, "dataset.json") as part:
            read(data, part, mining.min_grade)
            if rules.hold_out:
                hide(Dataset.open(part), part, mining.seed)
    return Dataset.open(place)


def _round(setting: Setting, turn: int) -> dict[str, Any]:
    """One round, or what it told when it was done before."""
    folder = setting.out / f"round-{turn}"
    done = folder / "delta.json"
    if done.is_file():
        told: dict[str, Any] = orjson.loads(done.read_bytes())
        return told
    before = setting.out / f"round-{turn - 1}"
    current = setting.training.model if turn == 1 else str(before / "model")
    same = {name: getattr(setting.training, name) for name in MODEL_FIELDS}
    mining = setting.mining.model_copy(update={**same, "model": current, **({"revision": None} if turn > 1 else {})})
    how: dict[str, Any]
    if not (folder / "mined" / "manifest.json").is_file():
        folder.mkdir(exist_ok=True)
        how = {"verdicts": setting.verdicts, "runtime": setting.runtime, "force": True, "on_progress": setting.progress}
        with _resumed():
            mine(setting.dataset, mining, out=folder / "mined", **how)
    if not (folder / "anchors.json").is_file():
        _choose(setting, turn, folder, before, Run(folder / "mined").config)
    if not (folder / "model" / "modules.json").is_file():
        start = setting.training.model if setting.rules.start == "base" else current
        how = {"dev": setting.dev, "runtime": setting.runtime, "paraphrase": setting.paraphrase}
        training = setting.training.model_copy(update={"model": start})
        train(folder / "training.jsonl", training, out=folder / "model", resume=True, on_progress=setting.progress, **how)
    shutil.rmtree(checkpoints_of(folder / "model"), ignore_errors=True)  # of a training that was killed at its very end
    delta = _delta(setting, turn, folder, before)
    write_json(done, delta)
    return delta


@contextmanager
def _resumed() -> Iterator[None]:
    """In a loop it is not the same command that goes on with an interrupted mining, as its note has it."""
    try:
        yield
    except BaseException as error:
        error.__notes__ = []
        raise


def _choose(setting: Setting, turn: int, folder: Path, before: Path, mining: MiningConfig) -> None:
    """Old and new negatives, the notebook, the training file; anchors.json comes last."""
    book = Notebook.load(before / "notebook.parquet") if turn > 1 else Notebook()
    last = anchors_of(before) if turn > 1 else {}
    dataset = Dataset.open(folder / "mined" / "dataset")
    made = assemble(Run(folder / "mined").candidates, dataset, mining, setting.rules, turn, book, last)
    made.counts["forgotten"] = book.cap(setting.rules.notebook)
    written = RowWriter(FORMATS["triplet"], dataset, COLUMNS)
    with open_sink(folder / "training.jsonl") as sink:
        for block in made.blocks:
            sink.write(written(block))
    made.counts["training_rows"], made.counts["rows_repeated"] = sink.rows, written.repeated
    book.save(folder / "notebook.parquet")
    told = [[*key, *anchor] for key, anchor in sorted(made.anchors.items())]
    write_json(folder / "anchors.json", {"counts": made.counts, "anchors": told})


def anchors_of(folder: Path) -> dict[Key, Anchor]:
    """What a round settled for every anchor."""
    told = orjson.loads((folder / "anchors.json").read_bytes())["anchors"]
    return {(query, positive): Anchor(tuple(negatives), *rest) for query, positive, negatives, *rest in told}


def _delta(setting: Setting, turn: int, folder: Path, before: Path) -> dict[str, Any]:
    """The scores of a round, and what changed since the last one: overlap, rank shift of the positives, hardness."""
    now, then = anchors_of(folder), anchors_of(before) if turn > 1 else {}
    trained = orjson.loads((folder / "model" / "training.json").read_bytes())
    history = trained["history"]
    return {
        "round": turn,
        "dev": trained["dev_score"],
        "dev_before": history[0][1] if history else None,
        "dev_measure": trained["dev_measure"],
        **changes(now, then),
        "false_negatives": _false_negatives(setting, now),
        "notebook": Notebook.load(folder / "notebook.parquet").counts(),
        **orjson.loads((folder / "anchors.json").read_bytes())["counts"],
        "warnings": trained["warnings"],
    }


def changes(now: Mapping[Key, Anchor], then: Mapping[Key, Anchor]) -> dict[str, Any]:
    """Of two rounds. Overlap and shifts are over anchors that both have; None where there are none."""
    both = [key for key in now if key in then]
    pairs = [(set(now[key].negatives), set(then[key].negatives)) for key in both]
    shared = [len(a & b) / len(a | b) for a, b in pairs if a | b]
    ranks = np.array([each.rank for each in now.values()], dtype=np.float64)
    shifts = np.array([now[key].rank - then[key].rank for key in both], dtype=np.float64)
    moved = {"mean": shifts.mean(), "better": (shifts < 0).mean(), "worse": (shifts > 0).mean()} if both else None
    return {
        "jaccard": float(np.mean(shared)) if shared else None,
        "positive_rank": {"median": float(np.median(ranks)), "mean": float(ranks.mean())},
        "rank_shift": moved and {name: float(value) for name, value in moved.items()},
        "gap": float(np.mean([each.gap for each in now.values()])),
        "gradient_mass": float(np.mean([each.mass for each in now.values()])),
        "gap_drift": float(np.mean([now[key].gap - then[key].gap for key in both])) if both else None,
    }


def _false_negatives(setting: Setting, now: dict[Key, Anchor]) -> float | None:
    """The share of negatives that are hidden positives, over queries that have some; None where nothing is hidden."""
    hidden = hidden_of(setting.out / "dataset")
    told = [passage in hidden[query] for (query, _), anchor in now.items() if query in hidden for passage in anchor.negatives]
    return float(np.mean(told)) if told else None
