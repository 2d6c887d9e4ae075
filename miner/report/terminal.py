"""Renders the report for a terminal: candidates judged, dropped by each filter and kept, and the hardness of the negatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table

from miner.report.distribution import QUANTILES
from miner.types import columns_line

BAR_CHARS = 32
MAX_CASES, MAX_CHARS = 3, 60
"""Cases of a kind, and characters of a text, that a terminal shows."""


def table(report: Mapping[str, Any]) -> RenderableType:
    """A summary: counts, the waterfall of filters, score quantiles, ranks, coverage."""
    columns = columns_line(report.get("columns", {}))
    return Group(
        *([f"read: {columns}"] if columns else []),
        *summary_lines(report)[:2],
        "",
        _waterfall(report["counts"]),
        "",
        _scores(report),
        "",
        *summary_lines(report)[3:],
        *report.get("notes", ()),
    )


def summary_lines(report: Mapping[str, Any]) -> list[str]:
    """The summary as sentences, one per line."""
    counts, hardness, hubs = report["counts"], report["hardness"], report["hubs"]
    dropped = ", ".join(f"{name} {number(count)}" for name, count in counts["dropped"].items() if count) or "nothing"
    levels = ", ".join(f"{number(count)} at fallback level {level}" for level, count in counts["tiers"].items() if count and level != "0")
    full, empty = percent(report["coverage"]["all"]), percent(report["coverage"]["none"])
    tenth, median, ninetieth = (number(report["ranks"]["quantiles"][q]) for q in ("10", "50", "90"))
    short_queries, suspicious = number(report["starved"]["total"]), number(report["suspicious"]["total"])
    width, incomplete = report["setup"]["negatives"], number(counts["ran_short"]["total"])
    return [
        f"{number(counts['queries'])} queries, {number(counts['pairs'])} pairs, {number(counts['chosen'])} negatives"
        + (f" ({levels})" if levels else "")
        + (f"; {number(report['rows_written'])} rows" if "rows_written" in report else ""),
        f"{full} of pairs have all {width} negatives, {empty} have none; {incomplete} queries have fewer",
        f"{number(counts['judged'])} candidates judged: dropped by {dropped}; {number(counts['kept'])} kept",
        f"rank of a negative: median {median}, 80 % between {tenth} and {ninetieth}",
        f"mean margin {decimal(hardness['gap'])}; {percent(hardness['triplet_error'])} of negatives score above the positive"
        + (f"; gradient mass of pairs {decimal(hardness['gradient_mass'])}" if hardness["gradient_mass"] is not None else ""),
        f"{number(hubs['passages_used'])} passages used; the top 1 % of them fill {percent(hubs['top_percent_share'])}"
        + (f"; {number(hubs['passages_at_cap'])} reached the cap of {number(hubs['cap'])} uses" if "cap" in hubs else ""),
        f"{short_queries} short queries (too few negatives at fallback level 0), {suspicious} suspicious positives",
        *(_variations(kind, variations) for kind, variations in report.get("variations", {}).items()),
    ]


def _variations(kind: str, counts: Mapping[str, Any]) -> str:
    """The variations of one kind in a sentence."""
    dropped = ", ".join(f"{name} {number(count)}" for name, count in counts["dropped"].items()) or "nothing"
    return f"variations by {kind}: {number(counts['kept'])} of {number(counts['tried'])}; dropped by {dropped}"


def case_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The cases to inspect, a few of each kind, with their texts on one line. A report of before holds ids alone."""
    kinds = (
        ("suspicious positive", report["suspicious"]["examples"], ("query", "query_id"), ("positive", "positive_id")),
        ("short query", report["starved"]["examples"], ("query", "id"), None),
        ("hub", report["hubs"]["most_used"], ("text", "id"), None),
    )
    for kind, cases, name, other in kinds:
        for case in cases[:MAX_CASES]:
            yield f"{kind:<20} {_measure(case):>12}  {_excerpt(case, *name)}" + (f"  →  {_excerpt(case, *other)}" if other else "")


def _measure(case: Mapping[str, Any]) -> str:
    if "score" in case:
        return decimal(case["score"])
    return f"{number(case['uses'])} uses" if "uses" in case else f"{number(case['found'])} negatives"


def _excerpt(case: Mapping[str, Any], text: str, name: str) -> str:
    """`text … (id)` on one line, without control characters."""
    flat = "".join(char if char.isprintable() else " " for char in " ".join(str(case.get(text, "")).split()))
    cut = flat if len(flat) <= MAX_CHARS else f"{flat[: MAX_CHARS - 1]}…"
    return f"{cut} ({case[name]})" if cut else str(case[name])


def number(value: float | None) -> str:
    """A count with separators of thousands; an en dash for None."""
    return "–" if value is None else f"{value:,.0f}"


def decimal(value: float | None) -> str:
    """A number with four decimals; an en dash for None."""
    return "–" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """A share in per cent with one decimal; an en dash for None."""
    return "–" if value is None else f"{100 * value:.1f} %"


def _waterfall(counts: Mapping[str, Any]) -> Table:
    """A bar per filter, which ends where the bar of the filter before it begins."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column()
    rows.add_column(justify="right")
    rows.add_column(justify="right")
    rows.add_column(width=BAR_CHARS)
    remaining = judged = counts["judged"]
    steps = [("judged", judged, 0, "default")]
    for name, count in counts["dropped"].items():
        steps.append((f"− {name}", count, remaining - count, "yellow"))
        remaining -= count
    for name, count, begin, color in [*steps, ("kept", counts["kept"], 0, "cyan"), ("chosen", counts["chosen"], 0, "cyan")]:
        share = percent(count / judged) if judged else "–"
        rows.add_row(name, number(count), share, Bar(judged or 1, begin, min(begin + count, judged), width=BAR_CHARS, color=color))
    return rows


def _scores(report: Mapping[str, Any]) -> Table:
    rows = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    rows.add_column("scores")
    for name in ("mean", "min", *(f"{q} %" for q in QUANTILES), "max"):
        rows.add_column(name, justify="right")
    for name, values in report["scores"].items():
        quantiles = values["quantiles"].values()
        rows.add_row(name, *map(decimal, (values["mean"], values["min"], *quantiles, values["max"])))
    return rows
