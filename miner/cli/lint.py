"""`hardneg lint`: what is wrong with a training file, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import flat
from miner.cli.numbers import counted
from miner.errors import ConfigError

FEW = 10


def lint(
    files: Annotated[list[str], typer.Argument(help="Training files, formats' folders or run folders.", show_default=False)],
    shape: Annotated[str | None, typer.Option("--format", help="The files' format [recognised].", show_default=False)] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="A BEIR folder or a qrels file: its test queries must not be there.", show_default=False),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="Do not look for this; may be repeated.", show_default=False)] = None,
    fix: Annotated[Path | None, typer.Option("--fix", help="Write the file without what is wrong.", show_default=False)] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Look for negatives that are positives, duplicates, rows that end a trainer or mislead it, test queries. Exit 1 if there are any.

    hardneg lint train.jsonl --against scifact

    hardneg lint train.jsonl --fix mended.jsonl
    """
    if fix is not None and len(files) > 1:
        raise ConfigError(f"--fix mends one file at a time, not {len(files)}")
    from miner.lint import lint as lint_it
    from miner.lint.fixes import mend

    passed = {file: (*(ignore or ()), *meant(file)) for file in files}
    made = [lint_it(file, format=shape, against=against, ignore=passed[file]) for file in files]
    mended = None if fix is None else mend(files[0], fix, format=shape, against=against, ignore=passed[files[0]])
    if as_json:
        import orjson

        told = [{**vars(each), "findings": [found._asdict() for found in each.findings]} for each in made]
        typer.echo(orjson.dumps({"files": told, "mended": mended}, option=orjson.OPT_INDENT_2).decode())
    else:
        for each in made:
            _show(each, quiet)
            for rule in meant(each.path) if not quiet else ():
                typer.echo(f"{each.path}: {rule} is not looked for: {MEANT[rule]}", err=True)
    if mended is not None and not quiet:
        left = f"{counted(mended['rows_left_out'], 'row')} and {counted(mended['negatives_left_out'], 'negative')}"
        repaired = f", {mended['rows_repaired']:,} of them repaired" if mended["rows_repaired"] else ""
        typer.echo(f"{fix}: {counted(mended['rows_written'], 'row')}{repaired}; left out {left}", err=True)
    if any(each.counts for each in made):
        raise typer.Exit(1)


MEANT = {
    "score_order": "its run takes some above a weak positive, on purpose: none of its rules forbids it on every fallback level",
    "extra_column": "its run was asked for further columns",
    "duplicate_negative": "its run was asked to repeat negatives",
    "repeated_row": "its run was asked to repeat negatives",
}


def meant(file: str) -> list[str]:
    """Rules that a run of ours breaks on purpose: its settings say so. Of other files none."""
    from contextlib import suppress

    from miner.errors import HardnegError
    from miner.io.row_files import kind_of
    from miner.runs.manifest import load

    path = Path(file)
    for folder in (path, path.parent, path.with_name(path.name.removesuffix(kind_of(path)) + ".run")):
        with suppress(HardnegError, OSError):
            told = load(folder)
            if path.resolve() in (folder.resolve(), (folder / told["training_file"]).resolve()):
                return list(_meant(told["config"]))
    return []


def _meant(config: dict[str, Any]) -> Iterator[str]:
    from miner.config import MiningConfig
    from miner.types import Ceiling

    ceilings = [rule for rule in MiningConfig.of_stored(config).active_filters.values() if isinstance(rule, Ceiling)]
    if config["ladder"] > 1 and (not ceilings or any(rule.relax for rule in ceilings)):
        yield "score_order"
    if set(config["columns"]) - {"scores"} or config["fill"] != "none":
        yield "extra_column"
    if config["fill"] == "repeat":
        yield from ("duplicate_negative", "repeated_row")


def _show(linted: Any, quiet: bool) -> None:
    """The first findings of each rule, then the counts."""
    for rule, count in linted.counts.items():
        some = [found for found in linted.findings if found.rule == rule][:FEW]
        for found in some:
            typer.echo(f"{found.where}: {rule}: {flat(found.message)}")
        if count > len(some):
            typer.echo(f"{linted.path}: {rule}: and {count - len(some):,} more")
    if not quiet:
        told = ", ".join(f"{rule} {count:,}" for rule, count in linted.counts.items()) or "nothing to complain about"
        typer.echo(f"{linted.path} ({linted.format}): {counted(linted.rows, 'row')}: {told}", err=True)
