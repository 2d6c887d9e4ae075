"""What a person sees: progress and summary on stderr, data on stdout. A bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

if TYPE_CHECKING:
    from miner.runs.run import Run

PLAIN_SECONDS = 10.0
WIDE = 160
"""Columns where stdout is no terminal: a pipe has no edge."""

TIERS = ("strict rules", "found deeper", "bar of a weak positive", "no ceiling", "random passage", "repeated")


class Shown:
    """Progress of a run: call it with a stage's name, how much is done and how much there is."""

    def __init__(self, quiet: bool, reading: bool = True) -> None:
        """reading: say at once as what the columns of the input were read; `mine` does so in its summary."""
        from rich.console import Console

        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bar = self._make_bar() if self.console.is_terminal and not quiet else None
        self._tasks: dict[str, Any] = {}
        self._said = 0.0
        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        if reading and not quiet:
            logging.getLogger("miner.read.open_inputs").setLevel(logging.INFO)

    def _make_bar(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        rate = TextColumn("{task.fields[rate]}", style="dim")
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate)
        return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *rest: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the bar; the summary follows."""
        if self._bar:
            self._bar.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the bar, or say a line now and then."""
        if self._bar:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=total or None, rate="")
            task = self._bar.tasks[self._tasks[stage]]
            rate = f"{done / task.elapsed:,.0f}/s" if done and task.elapsed else ""
            self._bar.update(self._tasks[stage], completed=done, total=total or None, rate=rate)
        elif not self.quiet and total and (time.monotonic() - self._said > PLAIN_SECONDS or done == total):
            self._said = time.monotonic()
            self.console.print(f"{stage}: {done:,} of {total:,}")

    def finish(self, stage: str) -> None:
        """Mark a stage that counts nothing as done."""
        if self._bar and stage in self._tasks and not self._bar.tasks[self._tasks[stage]].total:
            self._bar.update(self._tasks[stage], total=1, completed=1)


def outcome(run: Run, shown: Shown, *, as_json: bool, to_stdout: bool = False) -> None:
    """The summary of a finished run; as JSON on stdout if asked for."""
    from miner.report import table

    shown.stop()
    shown.console.print(table(run.report))
    if not to_stdout:
        for name, path in (("training file", run.file), ("report", run.folder / "report.html"), ("manifest", run.folder / "manifest.json")):
            shown.console.print(f"{name:<14} {path}", soft_wrap=True)
    rejected = run.report["reading"].get("rejected", 0)
    if rejected and (to_stdout or shown.quiet):  # also under --quiet: rows are missing
        errors = kept_errors(run.folder / "dataset" / "errors.jsonl") if to_stdout else run.folder / "dataset" / "errors.jsonl"
        typer.echo(f"hardneg: {rejected:,} {'row was' if rejected == 1 else 'rows were'} rejected; see {errors}", err=True)
    if as_json and not to_stdout:
        import orjson

        told = {"run": str(run.folder), "file": str(run.file), "counts": run.manifest["counts"], "timings": run.manifest["timings"]}
        typer.echo(orjson.dumps({**told, "report": run.report}, option=orjson.OPT_INDENT_2).decode())
    if not run.report["rows_written"]:
        why = next((note for note in run.report["notes"] if note.startswith("rows that")), "no query has candidates")
        typer.echo(f"hardneg: no row was written: {why}", err=True)
        raise typer.Exit(1)


def kept_errors(errors: Path) -> Path:
    """The error file of what goes with its process, where it outlives it."""
    handle, name = tempfile.mkstemp(prefix="hardneg-errors-", suffix=".jsonl")
    with os.fdopen(handle, "wb") as file:
        file.write(errors.read_bytes())
    return Path(name)


def console() -> Any:
    """Stdout for people: the user's texts are never taken for markup."""
    from rich.console import Console

    plain = Console(highlight=False, markup=False, emoji=False)
    return plain if plain.is_terminal else Console(highlight=False, markup=False, emoji=False, width=WIDE)


def flat(text: str) -> str:
    """A user's text on one line, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))


def score(value: float | None) -> str:
    """Four digits after the point; an en dash for None."""
    return "–" if value is None else f"{value:.4f}"


def tier(number: int) -> str:
    """`tier 2: bar of a weak positive`."""
    return f"tier {number}: {TIERS[number]}"
