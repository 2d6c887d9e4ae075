"""`hardneg mine`: from the user's files to a training file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from miner.cli import dry_run as dry_run_view
from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay, print_summary
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.runs.dry_run import Plan


@f.takes(f.DATA, f.VECTORS, f.VERDICTS, f.MODEL, f.TEXTS, f.SCALE, f.RETRIEVE, f.CHOOSE, f.VARY, f.SHAPE, f.SEED, f.RUNTIME)
def mine(
    flags: f.Flags,
    out: o.Out = None,
    kind: o.Kind = None,
    force: o.Force = False,
    resume: o.ResumeRun = None,
    config: o.Config = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check all inputs, and estimate time, memory, disk and result from a pilot. Write nothing.",
            rich_help_panel=o.RUN,
        ),
    ] = False,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Mine hard negatives and write a training file.

    hardneg mine --data scifact --model all-MiniLM-L6-v2 --out scifact-run

    hardneg mine --pairs faq.csv --field query=question --field positive=answer --model ./my-model --out triplets.jsonl

    hardneg mine --config scifact-run/manifest.json --out again
    """
    inputs, settings, runtime = o.gather(flags, config)
    if dry_run:
        from miner.runs.dry_run import plan

        _print_plan(plan(inputs, settings, runtime, out=out, kind=o.suffix(kind), force=force), as_json=as_json)
        return
    if out is None:
        raise ConfigError("say where the negatives go: --out FOLDER, --out FILE.jsonl, or --out - for stdout")
    if as_json and out == "-":
        raise ConfigError("--json and --out - both want stdout: leave one of them out")
    with ProgressDisplay(quiet, reading=False) as display:
        from miner.runs.run import mine as run_mine

        run = run_mine(
            inputs,
            settings,
            runtime=runtime,
            resume=resume,
            out=out,
            kind=o.suffix(kind),
            force=force,
            spare=o.protected_paths(config),
            on_progress=display,
        )
        print_summary(run, display, as_json=as_json, to_stdout=out == "-")
        if "retrieve" not in run.manifest["timings"] and not quiet:
            typer.echo(
                "candidates are those of the run that was replaced, since the settings and inputs of the search are the same "
                "(--fresh searches again)",
                err=True,
            )


def _print_plan(estimate: Plan, *, as_json: bool) -> None:
    if not as_json:
        dry_run_view.show(estimate)
        return
    import orjson

    typer.echo(orjson.dumps(estimate, option=orjson.OPT_INDENT_2).decode())
