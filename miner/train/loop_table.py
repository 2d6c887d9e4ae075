"""The rounds of a loop as a table for the terminal, with a row for the model before training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from miner.train.round_report import LoopReport, RoundReport

HEADS = ("round", "dev", "gain on dev", "negatives", "overlap", "new", "evicted", "refused", "gradient mass", "false negatives")
NOTHING = "–"


def loop_table(report: LoopReport) -> Any:
    """A rich table: dev and gain are of held-out queries, all other columns of the training rows."""
    from rich.table import Table

    measure = report["rounds"][0]["dev_measure"]
    table = Table(*(f"dev {measure}" if head == "dev" else head for head in HEADS), box=None)
    if before := report.get("before"):
        mark = " *" if report["best"] == 0 else ""
        table.add_row(f"before{mark}", f"{before[measure]:.4f}", *[NOTHING] * (len(HEADS) - 2))
    for entry in report["rounds"]:
        table.add_row(*_cells(entry, best=report["best"]))
    return table


def loop_lines(report: LoopReport) -> Sequence[str]:
    """The lines below the table."""
    if not report["done"]:
        return [report["stopped"]]
    best = "no round beats the model before training, which is the result" if report["best"] == 0 else "* is the result"
    return [f"stopped: {report['stopped']}; {best}"]


def _cells(entry: RoundReport, best: int) -> list[str]:
    return [
        f"{entry['round']}{' *' if entry['round'] == best else ''}",
        NOTHING if entry["dev"] is None else f"{entry['dev']:.4f}",
        _gain(entry),
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
