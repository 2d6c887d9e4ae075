"""`hardneg report`: what a run found, in the terminal or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import options as o


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    as_json: o.Json = False,
) -> None:
    """Show a run's report; report.html in the run folder is the same with pictures."""
    from miner.run import Run

    found = Run(run)
    found.manifest  # noqa: B018 - refuses a folder that is no run
    if as_json:
        import orjson

        typer.echo(orjson.dumps(found.report, option=orjson.OPT_INDENT_2).decode())
        return
    from rich.console import Console

    from miner.report import table

    Console(highlight=False).print(table(found.report))
