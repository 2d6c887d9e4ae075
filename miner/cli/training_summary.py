"""What a training and a loop show in a terminal: every look with the saved one marked, which one it is and why, parts, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miner.cli.numbers import count_noun

if TYPE_CHECKING:
    from rich.table import Table

    from miner.train.round_report import LoopReport


def looks_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """The looks on dev, and those on training rows, each a table with its title."""
    from rich.table import Table

    from miner.page import looks_tables as cells

    for title, heads, rows in cells(report):
        table = Table(box=None, padding=(0, 1), pad_edge=False, title=title, title_justify="left", title_style="bold")
        for place, head in enumerate(heads):
            table.add_column(head, justify="right" if place else "left")
        for row in rows:
            table.add_row(*row, style="bold" if row[0].endswith("*") else None)
        yield table


def summary_lines(report: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Sentences: the saved checkpoint, steps and pairs, what the parts did, notes, the folder and its page."""
    steps, pairs = count_noun(report["stopped_at"], "step"), count_noun(report["rows"]["rows"], "pair")
    yield f"{steps} on {pairs}, learning rate {report['learning_rate']:g}; {_losses(report)}"
    yield f"* saved: {report['saved']}"
    for part in report["parts"]:
        yield f"{part['part']}: {part['count']:,} of {part['of']:,} {part['effect']}"
    for message in report["warnings"]:
        yield f"note: {message}"
    yield f"model          {folder}"
    if (folder / "report.html").is_file():
        yield f"page           {folder / 'report.html'}"


def _losses(report: Mapping[str, Any]) -> str:
    losses = [entry["loss"] for entry in report["log"]]
    return f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} at last" if losses else "no loss was logged"


def print_training(screen: Any, report: Mapping[str, Any], folder: Path) -> None:
    """Print the table and the sentences on a rich console."""
    for table in looks_tables(report):
        screen.print(table, "")
    for line in summary_lines(report, folder):
        screen.print(line, soft_wrap=True, markup=False)


def print_loop(screen: Any, report: LoopReport, folder: Path) -> None:
    """Print the rounds of a loop, why it stopped, notes, its model and its page."""
    from miner.train.loop_table import loop_lines, loop_tables

    for table in loop_tables(report):
        screen.print(table, "")
    for line in loop_lines(report):
        screen.print(line, soft_wrap=True)
    for message in dict.fromkeys(message for entry in report["rounds"] for message in entry["warnings"]):
        screen.print(f"note: {message}", soft_wrap=True)
    for name, path in (("model", folder / "model"), ("page", folder / "report.html")):
        if path.exists():
            screen.print(f"{name:<14} {path}", soft_wrap=True)
