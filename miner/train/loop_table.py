"""The rounds of a loop as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from miner.train.round_report import LoopReport, RoundReport

NOTHING = "–"
OF_ROWS = ("round", "negatives", "overlap", "new", "evicted", "refused", "gradient mass", "false negatives")


def loop_tables(report: LoopReport) -> list[Any]:
    """Two rich tables: of the held-out queries, with a row for the model before training, and of the training rows."""
    from rich.table import Table

    measure = report["rounds"][0]["dev_measure"]
    dev, rows = Table("round", f"dev {measure}", "gain over the best before (95 %)", box=None), Table(*OF_ROWS, box=None)
    if before := report.get("before"):
        dev.add_row(f"before{' *' if report['best'] == 0 else ''}", f"{before[measure]:.4f}", NOTHING)
    for entry in report["rounds"]:
        name = f"{entry['round']}{' *' if entry['round'] == report['best'] else ''}"
        dev.add_row(name, NOTHING if entry["dev"] is None else f"{entry['dev']:.4f}", _gain(entry))
        rows.add_row(name, *_of_rows(entry))
    return [dev, rows] if before else [rows]


def loop_lines(report: LoopReport) -> Sequence[str]:
    """The lines below the table."""
    if not report["done"]:
        return [report["stopped"]]
    best = "no round beats the model before training, which is the result" if report["best"] == 0 else "* is the result"
    return [f"stopped: {report['stopped']}; {best}"]


def _of_rows(entry: RoundReport) -> list[str]:
    return [
        f"{entry['retained'] + entry['refreshed']:,}",
        NOTHING if entry["jaccard"] is None else f"{entry['jaccard']:.0%}",
        f"{entry['refreshed']:,}",
        f"{entry['evicted']:,}",
        f"{entry['refused']:,}",
        f"{entry['gradient_mass']:.2f}",
        _false_negatives(entry),
    ]


def _gain(entry: RoundReport) -> str:
    gain = entry.get("gain")
    return f"{gain['mean']:+.4f} ({gain['interval'][0]:+.4f} to {gain['interval'][1]:+.4f})" if gain else NOTHING


def _false_negatives(entry: RoundReport) -> str:
    counts = entry.get("false_negative_counts")
    if not counts:
        return NOTHING
    low, high = counts["interval"]
    return f"{counts['hidden'] / counts['negatives']:.1%} ({low:.1%} to {high:.1%})"
