"""Terminal output: progress and summary on stderr, data on stdout. Progress is a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

from miner.io.folder_tree import keep_copy

if TYPE_CHECKING:
    from miner.runs.run import Run

LINE_INTERVAL_SECONDS = 10.0
PIPE_COLUMNS = 160
"""Columns where stdout is not a terminal."""


LOOKS = logging.getLogger("miner.train.looks")
"""One line for each look at a model that is trained."""


class _LookHandler(logging.Handler):
    """Gives each look to the display."""

    def __init__(self, display: ProgressDisplay) -> None:
        super().__init__(logging.INFO)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Show one look."""
        self._display.show_look(record.getMessage())


class ProgressDisplay:
    """Shows the progress of a run. It is a progress callback: (stage, done, total)."""

    def __init__(self, quiet: bool, reading: bool = True) -> None:
        """reading: print how the columns of the input are read. `mine` prints that in its summary."""
        from rich.console import Console

        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bar = self._make_bar() if self.console.is_terminal and not quiet else None
        self._tasks: dict[str, int] = {}
        self._printed_at = 0.0
        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        self._levels: dict[str, int] = {}
        if not quiet or not logging.getLogger("miner").isEnabledFor(logging.INFO):  # else it is --quiet --verbose: no table, but lines
            self._levels["miner.runs.summary"] = logging.ERROR
        if reading and not quiet:
            self._levels["miner.read.open_inputs"] = logging.INFO
        self._look = ""
        self._looks = _LookHandler(self) if not quiet else None

    def _make_bar(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        rate = TextColumn("{task.fields[rate]}", style="dim")
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate)
        return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)

    def show_look(self, line: str) -> None:
        """Show the last look at the model that is trained, beside the bar or on the next line of progress."""
        self._look = line
        if self._bar and "train" in self._tasks:
            self._bar.update(self._tasks["train"], description=f"train  {line}")

    def __enter__(self) -> Self:
        self._swap_levels()
        if self._looks:
            LOOKS.addHandler(self._looks)
            self._levels_of_looks, LOOKS.propagate = (LOOKS.level, LOOKS.propagate), logging.getLogger("miner").isEnabledFor(logging.INFO)
            LOOKS.setLevel(logging.INFO)
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        self._swap_levels()
        if self._looks:
            LOOKS.removeHandler(self._looks)
            level, LOOKS.propagate = self._levels_of_looks
            LOOKS.setLevel(level)

    def _swap_levels(self) -> None:
        """Set the loggers' levels, or set back those of before: a program that calls a verb keeps its own."""
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(level)

    def stop(self) -> None:
        """Stop the bar before the summary is printed."""
        if self._bar:
            self._bar.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Update the bar, or print a line once per interval."""
        if self._bar:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=total or None, rate="")
            task = self._bar.tasks[self._tasks[stage]]
            rate = f"{done / task.elapsed:,.0f}/s" if done and task.elapsed else ""
            self._bar.update(self._tasks[stage], completed=done, total=total or None, rate=rate)
        elif not self.quiet and total and (time.monotonic() - self._printed_at > LINE_INTERVAL_SECONDS or done == total):
            self._printed_at = time.monotonic()
            look = f"  ({self._look})" if stage == "train" and self._look else ""
            self.console.print(f"{stage}: {done:,} of {total:,}{look}")

    def finish(self, stage: str) -> None:
        """Mark a stage without a total as done."""
        if self._bar and stage in self._tasks and not self._bar.tasks[self._tasks[stage]].total:
            self._bar.update(self._tasks[stage], total=1, completed=1)


def print_summary(run: Run, display: ProgressDisplay, *, as_json: bool, to_stdout: bool = False) -> None:
    """Print the summary of a finished run, and as JSON on stdout with as_json. Exit 1 when the run has no rows."""
    from miner.report import table

    display.stop()
    display.console.print(table(run.report))
    if not to_stdout:
        for name, path in (("training file", run.file), ("report", run.folder / "report.html"), ("manifest", run.folder / "manifest.json")):
            display.console.print(f"{name:<14} {path}", soft_wrap=True)
    rejected_rows = run.report["reading"].get("rejected", 0)
    if rejected_rows and (to_stdout or display.quiet):  # also under --quiet: rows are missing
        errors = copy_error_file(run.folder / "dataset" / "errors.jsonl") if to_stdout else run.folder / "dataset" / "errors.jsonl"
        typer.echo(f"hardneg: {rejected_rows:,} {'row was' if rejected_rows == 1 else 'rows were'} rejected; see {errors}", err=True)
    if as_json and not to_stdout:
        import orjson

        summary = {"run": str(run.folder), "file": str(run.file), "counts": run.manifest["counts"], "timings": run.manifest["timings"]}
        typer.echo(orjson.dumps({**summary, "report": run.report}, option=orjson.OPT_INDENT_2).decode())
    if not run.report["rows_written"]:
        reason = next((note for note in run.report["notes"] if note.startswith(("pairs that", "pairs with"))), "no query has candidates")
        typer.echo(f"hardneg: no row was written: {reason}", err=True)
        raise typer.Exit(1)


def copy_error_file(errors: Path) -> Path:
    """Copy the error file of a temporary run to a place that outlives the process. Return its path."""
    return keep_copy(errors, "hardneg-errors-")


def console() -> Any:
    """A rich console on stdout that never interprets texts as markup."""
    from rich.console import Console

    stdout = Console(highlight=False, markup=False, emoji=False)
    return stdout if stdout.is_terminal else Console(highlight=False, markup=False, emoji=False, width=PIPE_COLUMNS)


def flat(text: str) -> str:
    """A user's text on one line, without control characters."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))


def score(value: float | None) -> str:
    """A score with four decimals; an en dash for None."""
    return "–" if value is None else f"{value:.4f}"


def fallback_level(number: int) -> str:
    """`level 2: reference score raised`."""
    from miner.page.sections import FALLBACK_LEVELS

    return f"level {number}: {FALLBACK_LEVELS[number]}"
