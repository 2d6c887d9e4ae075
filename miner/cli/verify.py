"""`hardneg verify`: compare a run with its manifest, and optionally reproduce it; a model or a loop with its hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay
from miner.cli.folder_kind import folder_kind
from miner.cli.numbers import count_noun
from miner.errors import ConfigError


@f.takes(f.RUNTIME)
def verify(
    flags: f.Flags,
    run: Annotated[Path, typer.Argument(help="The folder of a run, of a model that `hardneg train` made, or a loop.", show_default=False)],
    again: Annotated[bool, typer.Option("--rerun", help="Repeat the run and compare the training files byte for byte.")] = False,
    stored: Annotated[bool, typer.Option("--stored", help="With --rerun: read the texts stored in the run, not the input files.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --rerun: encode again instead of reading the embedding store.")] = False,
    quiet: o.Quiet = False,
) -> None:
    """Check every file of a run, and the inputs that still exist, against its manifest; or the files of a model or a loop.

    Exit 1 if something differs.

    hardneg verify my-run

    hardneg verify my-model

    hardneg verify my-loop

    hardneg verify my-run --rerun
    """
    if (stored or fresh) and not again:
        raise ConfigError(f"{'--stored' if stored else '--fresh'} goes with --rerun")
    if (kind := folder_kind(run)) != "run":
        if again:
            raise ConfigError(f"--rerun goes with a run; {run} is a {kind}")
        (_model if kind == "model" else _loop)(run, quiet)
        return
    from miner.runs.run import Run

    loaded = Run(run)
    differences = [difference for difference in loaded.differences() if not (again and difference.startswith("input "))]
    _exit_on_differences(run, differences)
    if not again:
        count = len(loaded.manifest["outputs"])
        _print_note(f"{run}: {count_noun(count, 'file')} match{'es' * (count == 1)} the manifest", quiet)
        return
    from miner.config import Runtime
    from miner.runs.reproduce import rerun

    with ProgressDisplay(quiet) as display:
        runtime = Runtime.of(**{name: value for name, value in flags.items() if value is not None})
        rerun_result = rerun(loaded, stored=stored, fresh=fresh, runtime=runtime, on_progress=display)
    for note in rerun_result.notes:
        _print_note(f"{run}: {note}", quiet)
    _exit_on_differences(run, rerun_result.differences)
    _print_note(f"{run}: made again, the same {count_noun(rerun_result.rows, 'row')} byte for byte", quiet)


def _model(folder: Path, quiet: bool) -> None:
    from miner.train.training_report import differences, open_report

    _exit_on_differences(folder, list(differences(folder)))
    count = len(open_report(folder)["files"])
    _print_note(f"{folder}: {count_noun(count, 'file')} match{'es' * (count == 1)} training.json", quiet)


def _loop(folder: Path, quiet: bool) -> None:
    from miner.train.loop_files import differences, open_loop

    _exit_on_differences(folder, list(differences(folder)))
    report = open_loop(folder)
    count, rounds = len(report["files"]), count_noun(len(report["rounds"]), "round")
    matching = f"{count_noun(count, 'file')} match{'es' * (count == 1)} loop.json"
    _print_note(f"{folder}: {matching}; run and model of {rounds} are as they were", quiet)


def _exit_on_differences(run: Path, differences: list[str]) -> None:
    for difference in differences:
        typer.echo(f"{run}: {difference}", err=True)
    if differences:
        raise typer.Exit(1)


def _print_note(text: str, quiet: bool) -> None:
    if not quiet:
        typer.echo(text, err=True)
