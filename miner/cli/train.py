"""`hardneg train`: from a training file, or from pairs, to a fine-tuned model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli import training_options as t
from miner.cli.display import ProgressDisplay
from miner.cli.training_summary import print_training
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.train import TrainingResult

DATA_FLAGS = ("data", "split", "leave_out", "corpus", "queries", "qrels", "pairs", "field", "on_error")


@f.takes(f.DATA, f.MODEL, f.TEXTS, f.VARY, f.TRAIN, f.SEED, f.RUNTIME)
def train(
    flags: f.Flags,
    file: Annotated[str | None, typer.Argument(help="Training file or run folder; or give --data, --pairs …", show_default=False)] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="Mine negatives for the pairs first [in-batch negatives only].", rich_help_panel=o.READ)
    ] = False,
    dev: t.Dev = None,
    dev_split: t.DevSplit = None,
    report_to: t.ReportTo = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the trained model.", show_default=False)] = None,
    force: o.Force = False,
    resume: o.Resume = None,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Fine-tune a sentence-transformers model with sentence-transformers' own trainer.

    hardneg train my-run --model my-model --dev my-beir-folder --out my-model-tuned

    hardneg train --pairs faq.csv --field query=question --field positive=answer --mine --model my-model --out tuned
    """
    if out is None:
        raise ConfigError("say where the model goes: --out FOLDER")
    o.check_protected_paths(config, out, force=force)
    if flags["variation"] and not mine:
        raise ConfigError("--variation makes further negatives of mined ones: it goes with --mine")
    source, (settings, mining, runtime) = _gather(flags, file, config, mine=mine)
    with ProgressDisplay(quiet) as display:
        from miner.train import train as run_training

        result = run_training(
            source,
            settings,
            out=out,
            dev=dev_inputs(dev, dev_split),
            mining=mining if mine else None,
            runtime=runtime,
            resume=resume,
            force=force,
            report_to=report_to or (),
            on_progress=display,
        )
        _print_result(result, display, as_json=as_json)


def _gather(flags: dict[str, Any], file: str | None, config: Path | None, *, mine: bool) -> tuple[Any, tuple[Any, Any, Any]]:
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.train import TrainConfig

    data = [name for name in DATA_FLAGS if flags[name]]
    if file is not None and (data or mine):
        raise ConfigError(f"a training file goes alone: give {file}, or {'--' + data[0] if data else '--mine with data'}, not both")
    if file is not None:
        settings, mining, runtime = o.gather_with(flags, config, TrainConfig, MiningConfig, Runtime)
        return file, (settings, mining, runtime)
    inputs, settings, mining, runtime = o.gather_with(flags, config, Inputs, TrainConfig, MiningConfig, Runtime)
    return inputs, (settings, mining, runtime)


def dev_inputs(dev: str | None, split: list[str] | None) -> Any:
    """The inputs of the evaluation that selects the checkpoint. Without --dev-split, the split `dev` if it exists."""
    from miner.config import Inputs

    if dev is None:
        if split:
            raise ConfigError("--dev-split goes with --dev")
        return None
    from miner.read.beir_splits import splits

    has_dev = "dev" in splits(Path(dev))
    return Inputs.of(data=dev, split=tuple(split or (("dev",) if has_dev else ())))


def _print_result(result: TrainingResult, display: ProgressDisplay, *, as_json: bool) -> None:
    display.stop()
    summary = result.report
    print_training(display.console, summary, result.folder)
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"model": str(result.folder), **summary}, option=orjson.OPT_INDENT_2).decode())
