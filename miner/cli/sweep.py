"""`hardneg sweep`: the results of other settings, from stored candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import ProgressDisplay, console, score
from miner.cli.numbers import count_noun

LEGEND = "* the run's own setting. Gap: mean margin. Mass: gradient mass, from 0 to 1."
SHORT_HEADINGS = {"near_positive": "near", "background": "backgr."}


def sweep(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            help="A setting and its values: margin:relative=0,0.05,0.1 near_positive:cosine=off,0.9 negatives=1,4,8. "
            "Repeat it for all combinations.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Qrels with positives that the run did not read; adds the false-negative rate.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Choose again from stored candidates under many settings. Compare rows, coverage, hardness, hubs and, with --truth, false negatives.

    hardneg sweep my-run --grid margin:relative=0,0.05,0.1 --grid negatives=1,4

    hardneg sweep my-run --truth qrels/all.tsv
    """
    with ProgressDisplay(quiet) as display:
        from miner.analysis.sweep import sweep as run_sweep
        from miner.read import read_truth
        from miner.runs.run import Run

        loaded = Run(run)
        config = loaded.config
        judgements = None if truth is None else read_truth(truth, loaded.dataset, config.min_grade)
        result = run_sweep(loaded, grid or (), judgements, display)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(_table(result))
    out.print(f"{count_noun(result['queries'], 'query')}. {LEGEND}")
    if "hidden" in result:
        out.print(_hidden(result["hidden"]))


def _table(result: Mapping[str, Any]) -> Any:
    from rich.table import Table

    with_truth = "hidden" in result
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    heads = ["", *(_short(axis) for axis in result["axes"]), "pairs", "full", "level 0", "gap", "10 %", "90 %", "mass"]
    for head in [*heads, "rank", "above +", "passages", "top 1 %", *(["false", "95 % by query"] if with_truth else [])]:
        table.add_column(head, justify="right", no_wrap=True)
    for setting in result["settings"]:
        quantiles = setting["margin"]["quantiles"]
        cells = [f"{setting['rows']:,}", _percent(setting["coverage"]["all"]), _percent(setting["tiers"]["0"])]
        cells += [score(value) for value in (setting["gap"], quantiles["10"], quantiles["90"], setting["gradient_mass"])]
        rank = setting["ranks"]["median"]
        cells += ["–" if rank is None else f"{rank:,.0f}", _percent(setting["triplet_error"])]
        cells += [f"{setting['passages_used']:,}", _percent(setting["top_percent_share"])]
        if with_truth:
            rate = setting["false_negatives"]
            cells += [_percent(rate["rate"], 2), "–" if rate["by_query"] is None else " – ".join(_percent(x, 2) for x in rate["by_query"])]
        table.add_row("*" if setting["own"] else "", *setting["values"].values(), *cells, style="bold" if setting["own"] else None)
    return table


def _hidden(hidden: Mapping[str, Any]) -> str:
    unknown_note = f" {hidden['unknown']:,} judgements name queries or passages that are not in this run." if hidden["unknown"] else ""
    known_note = (
        f" {hidden['known']:,} more are known positives already, of the same question or from other files in qrels/ (see --leave-out)."
        if hidden["known"]
        else ""
    )
    return (
        f"{count_noun(hidden['pairs'], 'hidden positive')} of {count_noun(hidden['queries'], 'query')}, "
        f"{_percent(hidden['retrieved'])} of them retrieved; "
        f"of random passages, {_percent(hidden['random'], 3)} are false negatives.{known_note}{unknown_note}"
    )


def _short(axis: str) -> str:
    """A short heading of an axis: `relative` for `margin:relative`, `near` for `near_positive:cosine`."""
    name, _, knob = axis.partition(":")
    return SHORT_HEADINGS.get(name) or SHORT_HEADINGS.get(knob) or knob or name


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"
