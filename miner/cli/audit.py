"""`hardneg audit`: the false-negative rate, measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay, console, score
from miner.errors import ConfigError


@f.takes(f.RUNTIME)
def audit(
    flags: f.Flags,
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", help="Other settings to measure: margin:relative=0,0.05 near_positive:cosine=off,0.9 …", show_default=False),
    ] = None,
    hide: Annotated[str, typer.Option("--hide", help="Share of each query's positives to hide, or rest: all but one.")] = "rest",
    draws: Annotated[int, typer.Option("--draws", min=1, max=100, help="Number of draws. Each hides a different sample of positives.")] = 5,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Measure the false-negative rate: hide known positives, mine again with a run's settings, and count those chosen as negatives.

    hardneg audit my-run

    hardneg audit my-run --hide 0.5 --grid margin:relative=0,0.05,0.1
    """
    hidden_share = share(hide)
    with ProgressDisplay(quiet) as display:
        from miner.analysis.audit import audit as run_audit
        from miner.config import Runtime
        from miner.runs.run import Run

        runtime = Runtime.of(**{name: value for name, value in flags.items() if value is not None})
        result = run_audit(Run(run), grid or (), hidden=hidden_share, draws=draws, runtime=runtime, on_progress=display)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(_table(result))
    for line in _judge_costs(result["settings"]):
        out.print(line)
    counts = result["hidden"]
    out.print(
        f"{counts['pairs']:,.0f} positives of {counts['queries']:,.0f} queries were hidden, {result['draws']} times; "
        f"{_percent(counts['retrieved'], 1)} of them were retrieved; "
        f"of random passages, {_percent(counts['random'], 3)} are false negatives."
    )


def _judge_costs(settings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the judges of each setting cost."""
    for setting in settings:
        if pairs := setting.get("judge_pairs"):
            yield f"{_name(setting)}: its judges scored {pairs:,} candidates a draw, in {setting['judge_seconds']:,.1f} s in all"


def _name(setting: Mapping[str, Any]) -> str:
    values = setting["values"].items()
    return " ".join(f"{axis}={value}" if axis != "setting" else value for axis, value in values) or "the run's own"


def share(text: str) -> float | None:
    """Parse --hide: None for `rest`, else a number between 0 and 1. ConfigError."""
    if text == "rest":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise ConfigError(f"--hide is a share between 0 and 1, or rest, not '{text}'")
    return value


def _table(result: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for head in ("setting", "false", "of", "rate", "95 % Wilson", "95 % by query", "queries", "caught", "full", "gap", "mass"):
        table.add_column(head, justify="left" if head == "setting" else "right", no_wrap=True)
    for setting in result["settings"]:
        rates = [
            f"{setting['false']:,}",
            f"{setting['of']:,}",
            _percent(setting["rate"], 2),
            _span(setting["wilson"]),
            _span(setting["by_query"]),
        ]
        shares = [
            _percent(setting["queries_with_one"], 1),
            _percent(setting["caught"], 1),
            _percent(setting["coverage"]["all"], 1),
        ]
        table.add_row(_name(setting), *rates, *shares, score(setting["gap"]), score(setting["gradient_mass"]))
    return table


def _span(interval: Any) -> str:
    return "–" if interval is None else " – ".join(_percent(end, 2) for end in interval)


def _percent(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"
