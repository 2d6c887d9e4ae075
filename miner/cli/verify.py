"""`hardneg verify`: is this run what its manifest says?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import options as o


def verify(run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)], quiet: o.Quiet = False) -> None:
    """Check every file of a run against its manifest, and the inputs that are still there. Exit 1 if something differs."""
    from miner.run import Run

    found = Run(run)
    differences = found.differences()
    for difference in differences:
        typer.echo(f"{run}: {difference}", err=True)
    if differences:
        raise typer.Exit(1)
    if not quiet:
        typer.echo(f"{run}: {len(found.manifest['outputs'])} files match the manifest", err=True)
