"""`hardneg verify`: is this run what its manifest says, and does it come out again?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import Shown
from miner.cli.numbers import counted
from miner.errors import ConfigError


@f.takes(f.RUNTIME)
def verify(
    flags: f.Flags,
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    again: Annotated[bool, typer.Option("--rerun", help="Make the run again and compare the training files byte for byte.")] = False,
    stored: Annotated[bool, typer.Option("--stored", help="Make it again from the texts the run keeps, not from the input files.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Encode again, whatever the embedding store holds.")] = False,
    quiet: o.Quiet = False,
) -> None:
    """Check every file of a run against its manifest, and the inputs that are still there. Exit 1 if something differs.

    hardneg verify my-run

    hardneg verify my-run --rerun
    """
    if (stored or fresh) and not again:
        raise ConfigError(f"{'--stored' if stored else '--fresh'} goes with --rerun")
    from miner.runs.run import Run

    found = Run(run)
    differences = [told for told in found.differences() if not (again and told.startswith("input "))]
    _end(run, differences)
    if not again:
        count = len(found.manifest["outputs"])
        _say(f"{run}: {counted(count, 'file')} match{'es' * (count == 1)} the manifest", quiet)
        return
    from miner.config import Runtime
    from miner.runs.reproduce import rerun

    with Shown(quiet) as shown:
        runtime = Runtime.of(**{name: value for name, value in flags.items() if value is not None})
        made = rerun(found, stored=stored, fresh=fresh, runtime=runtime, on_progress=shown)
    for note in made.notes:
        _say(f"{run}: {note}", quiet)
    _end(run, made.differences)
    _say(f"{run}: made again, the same {counted(made.rows, 'row')} byte for byte", quiet)


def _end(run: Path, differences: list[str]) -> None:
    for difference in differences:
        typer.echo(f"{run}: {difference}", err=True)
    if differences:
        raise typer.Exit(1)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        typer.echo(text, err=True)
