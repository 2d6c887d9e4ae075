"""The terminal view of `mine --dry-run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miner.cli.display import console
from miner.cli.numbers import count_noun

if TYPE_CHECKING:
    from miner.indexes import IndexPlan


def show(plan: Mapping[str, Any]) -> None:
    """Print the counts of the inputs, then the estimate of the run."""
    from miner.report import reading_notes
    from miner.runs.preflight import gigabytes
    from miner.runs.run_context import SHOWN_NAMES
    from miner.types import columns_line, unread_judgements

    out, estimate, free = console(), plan["estimate"], plan["free_bytes"]
    columns = plan.get("columns", {})
    if columns:
        out.print(f"read: {columns_line(columns)}", soft_wrap=True)
    out.print(f"{_counts(plan)}, {count_noun(plan['judgements'], 'judgement')}; {count_noun(plan['pairs'], 'pair')}")
    out.print(
        f"model          {(plan['model'] or {}).get('name', 'none')}; "
        f"{count_noun(plan['texts_to_encode'], 'text')} to encode{_rates(estimate)}"
    )
    for name, index in plan.get("indexes", {}).items():
        out.print(f"index          {index_line(index, plan['recall'])}{f' ({name})' if len(plan['indexes']) > 1 else ''}", soft_wrap=True)
    out.print(f"filters        {', '.join(plan['filters'])}")
    for note in (*reading_notes(plan["reading"]), *unread_judgements(columns)):
        out.print(note, soft_wrap=True)
    pilot = estimate["pilot"]
    out.print(f"\nfrom a pilot on {_counts(pilot, ' and ')}, a run will take about")
    stages = ", ".join(f"{SHOWN_NAMES.get(name, name)} {span(value)}" for name, value in estimate["seconds"].items() if name != "all")
    out.print(f"time           {span(estimate['seconds']['all'])} ({stages})")
    for name, judge in estimate.get("judges", {}).items():
        out.print(f"judge          {judge_line(name, judge)}", soft_wrap=True)
    out.print(f"memory         {gigabytes(estimate['memory_bytes'])}")
    disk = estimate["disk_bytes"]
    run_bytes, scratch_bytes = gigabytes(disk["run"]), gigabytes(disk["scratch"])
    out.print(f"disk           {run_bytes} for the run, {scratch_bytes} more while it lasts; {gigabytes(free['run'])} are free")
    out.print(f"store          {gigabytes(disk['store'])} of new vectors; {gigabytes(free['store'])} are free")
    deeper = count_noun(estimate["queries_deepened_at_least"], "query")
    out.print(f"candidates     {estimate['candidates']:,}; at least {deeper} searched to max depth")
    full = "" if estimate["full_rows_share"] is None else f"; {100 * estimate['full_rows_share']:.1f} % of the pairs get all negatives"
    out.print(f"training file  {count_noun(estimate['rows'], 'row')}{full}")


def index_line(index: IndexPlan, recall: float | None) -> str:
    """`IVF64,Flat:nprobe=8: 5,183 vectors of 256 dimensions, trained on 5,183; nprobe 8 (a whole number from 1 to 64); 6 MB`."""
    from miner.runs.preflight import gigabytes

    trained = f", trained on {index['trained_on']:,}" if index["trained_on"] else ""
    settings = [f"{name} {value:g} ({index['limits'][name]})" for name, value in index["settings"].items()]
    chosen = f"{' and '.join(index['chosen'])} chosen for a recall of {recall}" if index["chosen"] else ""
    searched = "; ".join(filter(None, [", ".join(settings), chosen]))
    all_found = "" if recall is None else f", so that all are found: a recall of 1, where {recall:g} is asked for"
    return (
        f"{index['index']}: {index['vectors']:,} vectors of {index['dims']} dimensions{trained}; "
        f"{searched or f'every passage is compared{all_found}'}; {gigabytes(index['memory_bytes'])}"
    )


def judge_line(name: str, judge: Mapping[str, Any]) -> str:
    """`cross-encoder: 40,450 to 161,800 pairs (120/s), where no query is short and where all are`."""
    least, most, rate = judge["pairs_at_least"], judge["pairs_at_most"], judge["pairs_per_second"]
    pairs = f"{least:,} pairs" if least == most else f"{least:,} pairs, up to {most:,} where queries are short"
    return f"{name}: {pairs}{f' ({rate:,.0f}/s)' if rate else ''}"


def _counts(plan: Mapping[str, Any], separator: str = ", ") -> str:
    return f"{count_noun(plan['queries'], 'query')}{separator}{count_noun(plan['passages'], 'passage')}"


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2 h 10 min`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _rates(estimate: Mapping[str, Any]) -> str:
    rates = [f"{side} {rate:,.0f}/s" for sides in estimate["pilot"]["texts_per_second"].values() for side, rate in sides.items()]
    return f" ({', '.join(rates)})" if rates else ""
