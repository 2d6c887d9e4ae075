"""`hardneg loop`: rounds of mining, training, evaluating and mining again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.config_file import read_config
from miner.cli.display import Shown
from miner.cli.train import dev_inputs
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.train import Loop

NEGATIVES = 3
"""One positive to three negatives, the balance of the founding papers."""


@f.takes(f.DATA, f.VERDICTS, f.MODEL, f.TEXTS, f.SCALE, f.RETRIEVE, f.CHOOSE, f.ROUNDS, f.TRAIN, f.SEED, f.RUNTIME)
def loop(
    flags: f.Flags,
    negatives: Annotated[int | None, o.option("negatives", "negatives per row [3]", o.CHOOSE)] = None,
    dev: o.Dev = None,
    dev_split: o.DevSplit = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the loop: rounds, notebook, best model.", show_default=False)] = None,
    force: o.Force = False,
    resume: o.Resume = None,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Mine, train, evaluate, mine again with the trained model, until dev no longer gains. Interrupted anywhere, --resume goes on.

    hardneg loop --data my-beir-folder --dev my-beir-folder --model my-model --steps 200 --out my-loop
    """
    if out is None:
        raise ConfigError("say where the rounds go: --out FOLDER")
    o.check_spared(config, out, force=force)
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.train import LoopConfig, TrainConfig

    known = read_config(config) if config else {}
    flags["negatives"] = NEGATIVES if negatives is None and "negatives" not in known else negatives
    inputs, mining, runtime, training, rules = o.gather_with(flags, config, Inputs, MiningConfig, Runtime, TrainConfig, LoopConfig)
    with Shown(quiet) as shown:
        from miner.train import loop as loop_it

        how: dict[str, Any] = {"runtime": runtime, "resume": resume, "force": force, "on_progress": shown}
        done = loop_it(inputs, training, mining, rules, out=out, dev=dev_inputs(dev, dev_split), **how)
        _say(done, shown, as_json=as_json)


def _say(done: Loop, shown: Shown, *, as_json: bool) -> None:
    from rich.table import Table

    shown.stop()
    told = done.told
    heads = ("round", "dev", "overlap", "retained", "refreshed", "evicted", "refused", "positive's rank", "gap", "false negatives")
    table = Table(*heads, box=None)
    for each in told["rounds"]:
        overlap = "–" if each["jaccard"] is None else f"{each['jaccard']:.0%}"
        dev = "–" if each["dev"] is None else f"{each['dev']:.4f}"
        wrong = "–" if each["false_negatives"] is None else f"{each['false_negatives']:.2%}"
        mark = f"{each['round']}{' *' if each['round'] == told['best'] else ''}"
        counts = (f"{each[name]:,}" for name in ("retained", "refreshed", "evicted", "refused"))
        table.add_row(mark, dev, overlap, *counts, f"{each['positive_rank']['mean']:.1f}", f"{each['gap']:.3f}", wrong)
    shown.console.print(table)
    shown.console.print(f"stopped: {told['stopped']}; * is kept")
    for message in dict.fromkeys(message for each in told["rounds"] for message in each["warnings"]):
        shown.console.print(f"note: {message}", soft_wrap=True)
    shown.console.print(f"model          {done.model}", soft_wrap=True)
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"folder": str(done.folder), **told}, option=orjson.OPT_INDENT_2).decode())
