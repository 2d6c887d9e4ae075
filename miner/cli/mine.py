"""`hardneg mine`: from the user's files to a training file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from miner.cli import foresight
from miner.cli import options as o
from miner.cli.show import Shown, outcome
from miner.errors import ConfigError


def mine(  # the flags are the fields of the config, one for one
    data: o.Data = None,
    split: o.Split = None,
    corpus: o.Corpus = None,
    queries: o.Queries = None,
    qrels: o.Qrels = None,
    pairs: o.Pairs = None,
    field: o.Field = None,
    verdicts: o.Verdicts = None,
    query_vectors: o.QueryVectors = None,
    passage_vectors: o.PassageVectors = None,
    min_grade: o.MinGrade = None,
    on_error: o.OnError = None,
    model: o.Model = None,
    revision: o.Revision = None,
    query_prompt: o.QueryPrompt = None,
    query_prompt_name: o.QueryPromptName = None,
    passage_prompt: o.PassagePrompt = None,
    passage_prompt_name: o.PassagePromptName = None,
    max_length: o.MaxLength = None,
    dtype: o.Dtype = None,
    similarity: o.Similarity = None,
    source: o.Source = None,
    rrf_k: o.RrfK = None,
    index: o.Index = None,
    depth: o.Depth = None,
    max_depth: o.MaxDepth = None,
    evidence: o.Evidence = None,
    preset: o.Preset = None,
    filter: o.Filter = None,  # noqa: A002 - the flag's name
    anchor: o.Anchor = None,
    judged: o.Judged = None,
    false_negatives: o.FalseNegatives = None,
    negatives: o.Count = None,
    sampler: o.Sampler = None,
    distinct: o.Distinct = None,
    hub_cap: o.HubCap = None,
    ladder: o.Ladder = None,
    fill: o.Fill = None,
    seed: o.Seed = None,
    output_format: o.Format = None,
    column: o.Column = None,
    out: o.Out = None,
    kind: o.Kind = None,
    force: o.Force = False,
    resume: o.ResumeRun = None,
    config: o.Config = None,
    device: o.Device = None,
    batch_size: o.BatchSize = None,
    threads: o.Threads = None,
    cache: o.Cache = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read and check everything, try a piece; say what a run would take and give.", rich_help_panel=o.RUN
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
    flags = dict(locals())
    for name in ("out", "kind", "force", "resume", "config", "dry_run", "as_json", "quiet"):
        flags.pop(name)
    inputs, settings, runtime = o.gather(flags, config)
    if dry_run:
        _plan(inputs, settings, runtime, {"out": out, "kind": o.suffix(kind), "force": force}, as_json)
        return
    if out is None:
        raise ConfigError("say where the negatives go: --out FOLDER, --out FILE.jsonl, or --out - for stdout")
    if as_json and out == "-":
        raise ConfigError("--json and --out - both want stdout: leave one of them out")
    with Shown(quiet) as shown:
        from miner.run import mine as run_it

        run = run_it(inputs, settings, out=out, runtime=runtime, kind=o.suffix(kind), force=force, resume=resume, on_progress=shown)
        outcome(run, shown, as_json=as_json, to_stdout=out == "-")


def _plan(inputs: Any, settings: Any, runtime: Any, place: Mapping[str, Any], as_json: bool) -> None:
    """What a run would do, take and give."""
    from miner.plan import plan

    told = plan(inputs, settings, runtime, **place)
    if not as_json:
        foresight.show(told)
        return
    import orjson

    typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
