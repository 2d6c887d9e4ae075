"""`hardneg calibrate`: thresholds of a run's judges, from their scores of known positives and of random pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay, console, score

SIDES = {"positive": "known positives", "candidate": "scored candidates", "random": "random pairs"}


@f.takes(f.RUNTIME)
def calibrate(
    flags: f.Flags,
    run: Annotated[Path, typer.Argument(help="A run folder with second judges.", show_default=False)],
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Number of random pairs that each judge scores.")] = 1000,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Find thresholds for a run's second judges: what random pairs, candidates and known positives score, and the flags that follow.

    hardneg calibrate my-judged-run
    """
    with ProgressDisplay(quiet) as display:
        from miner.analysis.calibrate import calibrate as run_calibrate
        from miner.config import Runtime

        runtime = Runtime.of(**{name: value for name, value in flags.items() if value is not None})
        result = run_calibrate(run, pairs=pairs, runtime=runtime, on_progress=display)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    for name, calibration in result.items():
        out.print(f"judge {name}", soft_wrap=True)
        out.print(_table(calibration["scores"]))
        for kind in ("strict", "loose"):
            out.print(f"{kind:<7} {_line(calibration[kind])}", soft_wrap=True)


def _table(scores: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    quantiles = list(next(iter(scores.values()))["quantiles"])
    table.add_column("scores")
    for name in ("min", *(f"{quantile} %" for quantile in quantiles), "max"):
        table.add_column(name, justify="right")
    for side, values in scores.items():
        table.add_row(SIDES[side], *map(score, (values["min"], *values["quantiles"].values(), values["max"])))
    return table


def _line(threshold: Mapping[str, Any]) -> str:
    """`0.4121: 99.5% of random pairs score less; above it: 93.0 % of positives, 31.2 % of candidates; --filter …`."""
    above = ", ".join(
        f"{'–' if threshold[key] is None else f'{100 * threshold[key]:.1f} %'} of {name}"
        for key, name in (("positives_above", "known positives"), ("candidates_above", "scored candidates"))
    )
    return f"{threshold['score']:.4f}: {threshold['evidence']}; above it {above}; {threshold['flag']}"
