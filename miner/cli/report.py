"""`hardneg report`: the report of a run, a training or a loop, or the comparison of two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import ProgressDisplay, console
from miner.cli.folder_kind import folder_kind
from miner.cli.training_summary import print_loop, print_training
from miner.errors import ConfigError


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run, of a model that `hardneg train` made, or a loop.", show_default=False)],
    other: Annotated[Path | None, typer.Argument(help="A second run to compare with.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the comparison as an HTML page.", show_default=False)] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show the report of a run, a training or a loop (with pictures: report.html in its folder), or compare two runs.

    hardneg report my-run

    hardneg report my-model

    hardneg report my-loop

    hardneg report my-run my-other-run --out compared.html
    """
    from miner.runs.run import Run

    kinds = {folder_kind(folder) for folder in (run, other) if folder is not None}
    if other is not None and kinds != {"run"}:
        raise ConfigError(
            f"only two runs are compared here; of models, compare what they find: hardneg evaluate --model {run} --model {other}"
        )
    if kinds != {"run"}:
        (_training if kinds == {"model"} else _loop)(run, out, as_json)
        return
    loaded = Run(run)
    loaded.manifest  # noqa: B018 - refuses a damaged manifest
    if other is not None:
        _compare(loaded, Run(other), out, as_json, quiet)
        return
    if out is not None:
        raise ConfigError(f"--out goes with two runs; the page of one is {run / 'report.html'}")
    if as_json:
        import orjson

        typer.echo(orjson.dumps(loaded.report, option=orjson.OPT_INDENT_2).decode())
        return
    from miner.report import case_lines, table

    screen = console()
    screen.print(table(loaded.report), "")
    for line in case_lines(loaded.report):
        screen.print(line, soft_wrap=True)


def _training(model: Path, out: Path | None, as_json: bool) -> None:
    from miner.train.training_report import open_report

    stored = open_report(model)
    if out is not None:
        raise ConfigError(f"--out goes with two runs; the page of a training is {model / 'report.html'}")
    if as_json:
        import orjson

        typer.echo(orjson.dumps(stored, option=orjson.OPT_INDENT_2).decode())
        return
    print_training(console(), stored, model)


def _loop(folder: Path, out: Path | None, as_json: bool) -> None:
    from miner.train.loop_files import open_loop

    stored = open_loop(folder)
    if out is not None:
        raise ConfigError(f"--out goes with two runs; the page of a loop is {folder / 'report.html'}")
    if as_json:
        import orjson

        typer.echo(orjson.dumps(stored, option=orjson.OPT_INDENT_2).decode())
        return
    print_loop(console(), stored, folder)


def _compare(first: Any, second: Any, out: Path | None, as_json: bool, quiet: bool) -> None:
    from miner.comparison import compare, table
    from miner.io.row_writer import write_bytes
    from miner.page import runs

    second.manifest  # noqa: B018 - refuses a folder that is no run
    with ProgressDisplay(quiet) as display:
        comparison = compare(first, second, display)
    if out is not None:
        write_bytes(out, runs(comparison, (str(first.folder), str(second.folder))).encode())
    if as_json:
        import orjson

        typer.echo(orjson.dumps(comparison, option=orjson.OPT_INDENT_2).decode())
        return
    console().print(table(comparison))
    if out is not None and not quiet:
        typer.echo(f"page: {out}", err=True)
