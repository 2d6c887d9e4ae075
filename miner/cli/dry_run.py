"""What `mine --dry-run` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.cli.display import console
from miner.cli.numbers import counted


def show(told: Mapping[str, Any]) -> None:
    """Counts, then the estimate."""
    from miner.report import of_reading
    from miner.runs.preflight import gigabytes
    from miner.types import columns_line, unread_judgements

    out, guess, free = console(), told["estimate"], told["free_bytes"]
    columns = told.get("columns", {})
    if columns:
        out.print(f"read: {columns_line(columns)}", soft_wrap=True)
    out.print(f"{_counts(told)}, {counted(told['judgements'], 'judgement')}; {counted(told['pairs'], 'positive')}")
    out.print(
        f"model          {(told['model'] or {}).get('name', 'none')}; {counted(told['texts_to_encode'], 'text')} to encode{_rates(guess)}"
    )
    out.print(f"filters        {', '.join(told['filters'])}")
    for note in (*of_reading(told["reading"]), *unread_judgements(columns)):
        out.print(note, soft_wrap=True)
    pilot = guess["pilot"]
    out.print(f"\nfrom a pilot on {_counts(pilot, ' and ')}, a run will take about")
    stages = ", ".join(f"{name} {span(value)}" for name, value in guess["seconds"].items() if name != "all")
    out.print(f"time           {span(guess['seconds']['all'])} ({stages})")
    out.print(f"memory         {gigabytes(guess['memory_bytes'])}")
    disk = guess["disk_bytes"]
    lasting, passing = gigabytes(disk["run"]), gigabytes(disk["scratch"])
    out.print(f"disk           {lasting} for the run, {passing} more while it lasts; {gigabytes(free['run'])} are free")
    out.print(f"store          {gigabytes(disk['store'])} of new vectors; {gigabytes(free['store'])} are free")
    deeper = counted(guess["queries_deepened_at_least"], "query")
    out.print(f"candidates     {guess['candidates']:,}; at least {deeper} searched deeper for want of negatives")
    full = "" if guess["full_rows_share"] is None else f"; {100 * guess['full_rows_share']:.1f} % of the positives get all negatives"
    out.print(f"training file  {counted(guess['rows'], 'row')}{full}")


def _counts(told: Mapping[str, Any], between: str = ", ") -> str:
    return f"{counted(told['queries'], 'query')}{between}{counted(told['passages'], 'passage')}"


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2 h 10 min`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _rates(guess: Mapping[str, Any]) -> str:
    told = [f"{side} {rate:,.0f}/s" for sides in guess["pilot"]["texts_per_second"].values() for side, rate in sides.items()]
    return f" ({', '.join(told)})" if told else ""
