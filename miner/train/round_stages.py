"""The stages of one round: mine, choose, train, measure. A stage whose result is there is not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from miner.config import MiningConfig, Runtime
from miner.encode.staged_model import with_code_of_trained
from miner.formats import FORMATS, RowWriter
from miner.io.atomic import sha256_of, write_json
from miner.io.folder_tree import remove
from miner.io.plain_files import read_json
from miner.io.row_writer import open_sink
from miner.runs.run import Run, mine
from miner.runs.verdict_files import FILE as VERDICTS
from miner.train.config import MODEL_FIELDS, LoopConfig, TrainConfig
from miner.train.continuation import STATE as OPTIMIZER_STATE
from miner.train.continuation import Continuation
from miner.train.dev_scores import DevScores, dev_scores
from miner.train.hold_out import hidden_of
from miner.train.negatives import AnchorResult, Assembly
from miner.train.notebook import AnchorKey, Notebook
from miner.train.output_folder import checkpoints_of
from miner.train.pair_scores import StoredPairScores
from miner.train.round_examples import round_examples
from miner.train.round_report import DevReport, RoundCounts, RoundReport, best_round, changes, false_negatives
from miner.train.round_variations import RoundVariations
from miner.train.training import train
from miner.types import Dataset, Progress

EXTRA_COLUMNS = {"ids", "scores", "ranks", "tiers"}


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
    report_to: Sequence[str] = ()


def run_round(setting: LoopContext, round_number: int, earlier: Sequence[RoundReport]) -> RoundReport:
    """Run one round, or read its delta.json where it is finished."""
    folder = setting.out / f"round-{round_number}"
    delta_file = folder / "delta.json"
    if delta_file.is_file():
        stored: RoundReport = read_json(delta_file)
        return stored
    previous = setting.out / f"round-{round_number - 1}"
    current = setting.training.model if round_number == 1 else str(previous / "model")
    if not (folder / "mined" / "manifest.json").is_file():
        folder.mkdir(exist_ok=True)
        _mine(setting, folder, _with_model(setting, setting.mining, current), runtime_of(setting, current))
    if not (folder / "anchors.json").is_file():
        _choose(setting, round_number, folder, previous, Run(folder / "mined").config, runtime_of(setting, current))
    if not (folder / "model" / "modules.json").is_file():
        _train(setting, round_number, folder, setting.training.model if setting.rules.start == "base" else current)
    remove(checkpoints_of(folder / "model"), ignore_errors=True)  # left where a kill came after the model was complete
    delta = _delta(setting, round_number, folder, previous, earlier)
    write_json(delta_file, delta)
    remove(previous / OPTIMIZER_STATE, ignore_errors=True)
    return delta


def _with_model(setting: LoopContext, mining: MiningConfig, model: str | None) -> MiningConfig:
    """The settings with a model of the loop: the base, whose revision is on the hub, or one that was trained from it."""
    model_settings = {name: getattr(setting.training, name) for name in MODEL_FIELDS}
    is_base = model == setting.training.model
    return mining.model_copy(update={**model_settings, "model": model, **({} if is_base else {"revision": None})})


def runtime_of(setting: LoopContext, model: str | None) -> Runtime:
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
            paraphrase=setting.paraphrase,
        )


def _train(setting: LoopContext, round_number: int, folder: Path, start: str | None) -> None:
    """Train from the model `start` on the training file of a round, from its last checkpoint where there is one."""
    training = _with_draws(setting)
    if setting.rules.start != "base":  # the same batches again would show the model less
        training = training.model_copy(update={"seed": (training.seed + round_number - 1) % 2**31})
    train(
        folder / "training.jsonl",
        training.model_copy(update={"model": start}),
        out=folder / "model",
        dev=setting.dev,
        runtime=runtime_of(setting, start),
        resume=True,
        paraphrase=setting.paraphrase,
        continuation=_continuation(setting, round_number, folder),
        check_negatives=round_number == 1 or setting.rules.start != "base",  # later rounds' negatives are errors of a later model
        report_to=setting.report_to,
        on_progress=setting.progress,
    )


def _continuation(setting: LoopContext, round_number: int, folder: Path) -> Continuation | None:
    """Where a round stands in the whole training, with start=continue."""
    steps = setting.training.steps
    if setting.rules.start != "continue" or steps is None:
        return None
    before = folder.with_name(f"round-{round_number - 1}") if round_number > 1 else None
    return Continuation(before, folder, steps * (round_number - 1), steps * setting.rules.rounds)


def _with_draws(setting: LoopContext) -> TrainConfig:
    """The settings with the change `draw` where the notebook trains: a batch takes `negatives` of a row's entries, not all of them."""
    training = setting.training
    if setting.rules.keep != "notebook" or training.use_negatives is not None or training.active_loss.labels != "none":
        return training
    return TrainConfig.of(**{**training.model_dump(), "use_negatives": setting.mining.negatives, "changes": (*training.changes, "draw")})


@contextmanager
def _without_notes() -> Iterator[None]:
    """Remove the notes of mining errors: they name the command that resumes a run, which is not the one that resumes a loop."""
    try:
        yield
    except BaseException as error:
        error.__notes__ = []
        raise


def _choose(setting: LoopContext, round_number: int, folder: Path, previous: Path, mining: MiningConfig, runtime: Runtime) -> None:
    """Score the notebook again, add this round's errors; write the training file, the notebook and, last, anchors.json."""
    notebook = Notebook.load(previous / "notebook.parquet") if round_number > 1 else Notebook()
    dataset = Dataset.open(folder / "mined" / "dataset")
    scores = StoredPairScores.of(dataset, mining, runtime)
    result = Assembly(dataset, mining, setting.rules, round_number, notebook, scores).assemble(Run(folder / "mined").candidates)
    writer, variations = RowWriter(FORMATS["triplet"], dataset, EXTRA_COLUMNS), RoundVariations(dataset, folder / "mined", mining)
    with open_sink(folder / "training.jsonl") as sink:
        for block in result.blocks:
            sink.write(writer(*variations(block)))
    result.counts["training_rows"], result.counts["rows_repeated"] = sink.rows, writer.repeated
    if mining.variations:
        result.counts["variations"] = variations.count
    notebook.save(folder / "notebook.parquet")
    anchors = [[*key, *anchor] for key, anchor in sorted(result.anchors.items())]
    write_json(folder / "anchors.json", {"counts": result.counts, "anchors": anchors})


def anchors_of(folder: Path) -> dict[AnchorKey, AnchorResult]:
    """Read the result of a round for every anchor."""
    rows = read_json(folder / "anchors.json")["anchors"]
    return {(query, positive): AnchorResult(tuple(negatives), *statistics) for query, positive, negatives, *statistics in rows}


def _delta(setting: LoopContext, round_number: int, folder: Path, previous_folder: Path, earlier: Sequence[RoundReport]) -> RoundReport:
    """Report a round: dev scores, and the differences from the previous round (overlap, rank shift of the positives, hardness)."""
    anchors, previous = anchors_of(folder), anchors_of(previous_folder) if round_number > 1 else {}
    counts: RoundCounts = read_json(folder / "anchors.json")["counts"]
    notebook = Notebook.load(folder / "notebook.parquet")
    hidden = false_negatives(anchors, hidden_of(setting.out / "dataset"), setting.mining.seed)
    return {
        "round": round_number,
        **_dev_report(setting, round_number, folder, earlier),
        **changes(anchors, previous),
        "false_negatives": hidden["hidden"] / hidden["negatives"] if hidden else None,
        "false_negative_counts": hidden,
        "notebook": notebook.counts(),
        "ages": notebook.ages(round_number),
        "examples": round_examples(notebook, round_number, Dataset.open(folder / "mined" / "dataset")),
        **counts,
        "verdicts": {VERDICTS: sha256_of(folder / "mined" / VERDICTS)} if (folder / "mined" / VERDICTS).is_file() else {},
        "warnings": read_json(folder / "model" / "training.json")["warnings"],
    }


def _dev_report(setting: LoopContext, round_number: int, folder: Path, earlier: Sequence[RoundReport]) -> DevReport:
    """The dev scores of a round's model, and its gain over the best one before it."""
    model = str(folder / "model")
    scores = _dev_scores(setting, round_number, _with_model(setting, setting.training.encoding(), model), runtime_of(setting, model))
    before = before_training(setting)
    measure = setting.training.dev_measure
    if scores is None or before is None:
        return {"dev": None, "dev_before": None, "dev_measure": measure, "dev_measures": {}, "gain": None}
    first = before.means()[measure]
    over = best_round(earlier, first) if earlier else 0
    best = DevScores.load(setting.out / f"round-{over}" / "dev.parquet")
    return {
        "dev": scores.means()[measure],
        "dev_before": first,
        "dev_measure": measure,
        "dev_measures": scores.means(),
        "gain": scores.gain(best, over, setting.training.seed),
    }


def before_training(setting: LoopContext) -> DevScores | None:
    """The dev scores of the model before training."""
    return _dev_scores(setting, 0, setting.training.encoding(), setting.runtime)


def _dev_scores(setting: LoopContext, round_number: int, settings: MiningConfig, runtime: Runtime) -> DevScores | None:
    if setting.dev is None:
        return None
    path = setting.out / f"round-{round_number}" / "dev.parquet"
    return dev_scores(path, setting.dev, settings.model, setting.training.dev_measure, settings, runtime)
