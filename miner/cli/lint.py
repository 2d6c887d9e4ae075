"""`hardneg lint`: find errors in a training file of any origin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.completion import completer
from miner.cli.display import flat
from miner.cli.numbers import count_noun
from miner.errors import ConfigError

SHOWN_FINDINGS = 10


def lint(
    files: Annotated[list[str], typer.Argument(help="Training files, folders of a format, or run folders.", show_default=False)],
    shape: Annotated[
        str | None,
        typer.Option("--format", help="Format of the files [detected].", show_default=False, autocompletion=completer("format")),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="BEIR folder or qrels file; its test queries must not be in the training file.", show_default=False),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", help="Rule to skip; may be repeated.", show_default=False, autocompletion=completer("ignore")),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", help="Write the file without the faults to this path; - for standard output.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --fix names, be it the one that is read.")] = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Find faults in training files: negatives that are positives, duplicates, rows that a trainer misreads, test queries. Exit 1 if any.

    hardneg lint train.jsonl --against scifact

    hardneg lint train.jsonl --fix mended.jsonl

    cat train.csv | hardneg lint -
    """
    if fix is not None and len(files) > 1:
        raise ConfigError(f"--fix writes one file at a time, not {len(files)}")
    if as_json and str(fix) == "-":
        raise ConfigError("--json and --fix - both want stdout: leave one of them out")
    from miner.lint import lint as lint_file
    from miner.lint.fixes import mend

    ignored = {file: (*(ignore or ()), *intended_rules(file)) for file in files}
    results = [lint_file(file, format=shape, against=against, ignore=ignored[file]) for file in files]
    repair = None if fix is None else mend(files[0], fix, format=shape, against=against, ignore=ignored[files[0]], force=force)
    if as_json:
        import orjson

        summaries = [{**vars(result), "findings": [finding._asdict() for finding in result.findings]} for result in results]
        typer.echo(orjson.dumps({"files": summaries, "mended": repair}, option=orjson.OPT_INDENT_2).decode())
    else:
        for result in results:
            _print_findings(result, quiet, to_stderr=str(fix) == "-")
            for rule in intended_rules(result.path) if not quiet else ():
                typer.echo(f"{result.path}: {rule} is left out: {INTENDED_REASONS[rule]}", err=True)
    if repair is not None and not quiet:
        left_out = f"{count_noun(repair['rows_left_out'], 'row')} and {count_noun(repair['negatives_left_out'], 'negative')}"
        repaired = f", {repair['rows_repaired']:,} of them repaired" if repair["rows_repaired"] else ""
        mended = ", ".join(f"{rule} {count:,}" for rule, count in repair["changes"].items()) or "nothing"
        typer.echo(f"{fix}: {count_noun(repair['rows_written'], 'row')}{repaired}; left out {left_out}; mended {mended}", err=True)
    if any(result.counts for result in results):
        raise typer.Exit(1)


INTENDED_REASONS = {
    "score_order": "its run allows negatives above a weak positive on some fallback level",
    "extra_column": "its run was asked for further columns",
    "duplicate_negative": "its run was asked to repeat negatives",
    "repeated_row": "its run was asked to repeat negatives",
}


def intended_rules(file: str) -> list[str]:
    """Rules that a file of a run breaks on purpose, by the settings of the run. For other files none."""
    from contextlib import suppress

    from miner.errors import HardnegError
    from miner.io.row_writer import KINDS
    from miner.runs.manifest import load

    path = Path(file)
    beside = [path.with_name(path.name.removesuffix(kind) + ".run") for kind in KINDS if path.name.endswith(kind)]
    for folder in (path, path.parent, *beside):
        with suppress(HardnegError, OSError):
            manifest = load(folder)
            if path.resolve() in (folder.resolve(), (folder / manifest["training_file"]).resolve()):
                return list(_intended(manifest["config"]))
    return []


def _intended(config: dict[str, Any]) -> Iterator[str]:
    from miner.config import MiningConfig
    from miner.types import Ceiling

    ceilings = [rule for rule in MiningConfig.of_stored(config).active_filters.values() if isinstance(rule, Ceiling)]
    if config["ladder"] > 1 and (not ceilings or any(rule.relax for rule in ceilings)):
        yield "score_order"
    if set(config["columns"]) - {"scores"} or config["fill"] != "none":
        yield "extra_column"
    if config["fill"] == "repeat":
        yield from ("duplicate_negative", "repeated_row")


def _print_findings(result: Any, quiet: bool, to_stderr: bool) -> None:
    """Print the first findings of each rule, then the counts. to_stderr: whether stdout holds the rows."""
    for rule, count in result.counts.items():
        examples = [finding for finding in result.findings if finding.rule == rule][:SHOWN_FINDINGS]
        for finding in examples:
            typer.echo(f"{finding.where}: {rule}: {flat(finding.message)}", err=to_stderr)
        if count > len(examples):
            typer.echo(f"{result.path}: {rule}: and {count - len(examples):,} more", err=to_stderr)
    if not quiet:
        counts = ", ".join(f"{rule} {count:,}" for rule, count in result.counts.items()) or "no findings"
        typer.echo(f"{result.path} ({result.format}): {count_noun(result.rows, 'row')}: {counts}", err=True)
