"""`hardneg sweep`: what other settings would give, from stored candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import Shown, console, score
from miner.cli.numbers import counted

LEGEND = "* the run's own setting. Gap: weakest positive less negative; mass: 0 nothing to learn, 1 all of it."
SHORT = {"near_positive": "near", "background": "backgr."}


def sweep(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            help="What is varied: margin:relative=0,0.05,0.1 near_positive:cosine=off,0.9 negatives=1,4,8. Repeat it for all combinations.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Judgements with positives the run did not know: adds the false-negative rate.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Judge and choose again under many settings at once: rows, coverage, hardness, hubs, and with --truth false negatives.

    hardneg sweep my-run --grid margin:relative=0,0.05,0.1 --grid negatives=1,4

    hardneg sweep my-run --truth qrels/all.tsv
    """
    with Shown(quiet) as shown:
        from miner.analysis.sweep import sweep as sweep_it
        from miner.read import read_truth
        from miner.runs.run import Run

        found = Run(run)
        config = found.config
        judged = None if truth is None else read_truth(truth, found.dataset, config.min_grade)
        told = sweep_it(found, grid or (), judged, shown)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(_table(told))
    out.print(
        f"{counted(told['queries'], 'query')}. * the run's own setting. "
        f"Gap: weakest positive less negative; mass: 0 nothing to learn, 1 all of it."
    )
    if "hidden" in told:
        out.print(_hidden(told["hidden"]))


def _table(told: Mapping[str, Any]) -> Any:
    from rich.table import Table

    with_truth = "hidden" in told
    rows = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    heads = ["", *(_short(axis) for axis in told["axes"]), "rows", "full", "tier 0", "gap", "10 %", "90 %", "mass"]
    for head in [*heads, "rank", "above +", "passages", "top 1 %", *(["false", "95 % by query"] if with_truth else [])]:
        rows.add_column(head, justify="right", no_wrap=True)
    for one in told["settings"]:
        spread = one["margin"]["quantiles"]
        cells = [f"{one['rows']:,}", _percent(one["coverage"]["all"]), _percent(one["tiers"]["0"])]
        cells += [score(value) for value in (one["gap"], spread["10"], spread["90"], one["gradient_mass"])]
        rank = one["ranks"]["median"]
        cells += ["–" if rank is None else f"{rank:,.0f}", _percent(one["triplet_error"])]
        cells += [f"{one['passages_used']:,}", _percent(one["top_percent_share"])]
        if with_truth:
            rate = one["false_negatives"]
            cells += [_percent(rate["rate"], 2), "–" if rate["by_query"] is None else " – ".join(_percent(x, 2) for x in rate["by_query"])]
        rows.add_row("*" if one["own"] else "", *one["values"].values(), *cells, style="bold" if one["own"] else None)
    return rows


def _hidden(hidden: Mapping[str, Any]) -> str:
    unknown = f" {hidden['unknown']:,} judgements are of other queries or passages." if hidden["unknown"] else ""
    known = (
        f" {hidden['known']:,} more were known, of the same question or from other files in qrels/ (see --leave-out)."
        if hidden["known"]
        else ""
    )
    return (
        f"{counted(hidden['pairs'], 'hidden positive')} of {counted(hidden['queries'], 'query')}, "
        f"{_percent(hidden['retrieved'])} of them retrieved; "
        f"passages drawn blindly: {_percent(hidden['random'], 3)} false.{known}{unknown}"
    )


def _short(axis: str) -> str:
    """A heading that leaves room for numbers: `margin:relative` is `relative`, `near_positive:cosine` is `near`."""
    name, _, knob = axis.partition(":")
    return SHORT.get(name) or SHORT.get(knob) or knob or name


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"
