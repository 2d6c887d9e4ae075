"""`hardneg verdicts`: a judge's scores as a file of verdicts, which `export --verdicts` and a later `mine --verdicts` use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import options as o
from miner.cli.numbers import count_noun
from miner.errors import ConfigError


def verdicts(
    run: Annotated[Path, typer.Argument(help="A run folder with second judges.", show_default=False)],
    by: Annotated[str, typer.Option("--by", help="The judge, by its name: cross-encoder, bi-encoder-2.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The file of verdicts to write, JSONL.", show_default=False)],
    relevant_above: Annotated[
        float | None, typer.Option("--relevant-above", help="A candidate that scores higher is a false negative.", show_default=False)
    ] = None,
    negative_below: Annotated[
        float | None, typer.Option("--negative-below", help="One that scores lower is a true negative.", show_default=False)
    ] = None,
    force: o.Force = False,
) -> None:
    """Write a judge's scores as verdicts on pairs, in the form that reviewers use. `hardneg calibrate` finds thresholds.

    hardneg verdicts my-judged-run --by cross-encoder --relevant-above 0.9 --negative-below 0.1 --out verdicts.jsonl

    hardneg export my-judged-run --verdicts verdicts.jsonl --false-negatives adopt --out relabelled
    """
    from miner.analysis.judge_verdicts import judge_verdicts
    from miner.io.row_writer import write_bytes

    if out.exists() and not force:
        raise ConfigError(f"{out} exists already: give --force to replace it, or another --out")
    found = list(judge_verdicts(run, by, relevant_above=relevant_above, negative_below=negative_below))
    write_bytes(out, b"".join(verdict.line() for verdict in found))
    relevant = sum(verdict.verdict == "false_negative" for verdict in found)
    counts = f"{relevant:,} false negatives, {len(found) - relevant:,} true negatives"
    typer.echo(f"{count_noun(len(found), 'verdict')} in {out}: {counts}", err=True)
