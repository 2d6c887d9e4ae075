"""`hardneg loop`: rounds of mining, training, evaluating and mining again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli import training_options as t
from miner.cli.config_file import read_config
from miner.cli.display import ProgressDisplay
from miner.cli.train import dev_inputs
from miner.cli.training_summary import print_loop
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.train import Loop

NEGATIVES = 3
"""One positive to three negatives, the balance of the founding papers."""


@f.takes(f.DATA, f.VERDICTS, f.MODEL, f.TEXTS, f.SCALE, f.RETRIEVE, f.CHOOSE, f.VARY, f.ROUNDS, f.TRAIN, f.SEED, f.RUNTIME)
def loop(
    flags: f.Flags,
    negatives: Annotated[int | None, o.option("negatives", "negatives per query; with --anchor own, per pair [3]", o.CHOOSE)] = None,
    dev: t.Dev = None,
    dev_split: t.DevSplit = None,
    report_to: t.ReportTo = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the rounds, the notebook and the best model.", show_default=False)
    ] = None,
    force: o.Force = False,
    resume: o.Resume = None,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Mine, train and evaluate in rounds, until the dev score stops rising.

    Each round mines with the model trained in the last one, adds what it gets wrong to the notebook of errors, and trains on that.

    hardneg loop --data my-beir-folder --dev my-beir-folder --model my-model --steps 200 --out my-loop
    """
    if out is None:
        raise ConfigError("say where the rounds go: --out FOLDER")
    o.check_protected_paths(config, out, force=force)
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.train import LoopConfig, TrainConfig

    file_values = read_config(config) if config else {}
    flags["negatives"] = NEGATIVES if negatives is None and "negatives" not in file_values else negatives
    inputs, mining, runtime, training, rules = o.gather_with(flags, config, Inputs, MiningConfig, Runtime, TrainConfig, LoopConfig)
    with ProgressDisplay(quiet) as display:
        from miner.train import loop as run_loop

        result = run_loop(
            inputs,
            training,
            mining,
            rules,
            out=out,
            dev=dev_inputs(dev, dev_split),
            runtime=runtime,
            resume=resume,
            force=force,
            report_to=report_to or (),
            on_progress=display,
        )
        _print_result(result, display, as_json=as_json)


def _print_result(result: Loop, display: ProgressDisplay, *, as_json: bool) -> None:
    display.stop()
    summary = result.report
    print_loop(display.console, summary, result.folder)
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"folder": str(result.folder), **summary}, option=orjson.OPT_INDENT_2).decode())
