"""`hardneg loop`: rounds of mining, training, evaluating and mining again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.show import Shown
from miner.cli.train import dev_inputs
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.train import Loop

NEGATIVES = 3
"""One positive to three negatives, the balance of the founding papers."""


def loop(  # the flags are the fields of the configs, one for one
    data: o.Data = None,
    split: o.Split = None,
    corpus: o.Corpus = None,
    queries: o.Queries = None,
    qrels: o.Qrels = None,
    pairs: o.Pairs = None,
    field: o.Field = None,
    verdicts: o.Verdicts = None,
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
    preset: o.Preset = None,
    filter: o.Filter = None,  # noqa: A002 - the flag's name
    anchor: o.Anchor = None,
    judged: o.Judged = None,
    false_negatives: o.FalseNegatives = None,
    negatives: Annotated[int | None, o.option("negatives", "negatives per row [3]", o.CHOOSE)] = None,
    sampler: o.Sampler = None,
    distinct: o.Distinct = None,
    hub_cap: o.HubCap = None,
    ladder: o.Ladder = None,
    rounds: o.Rounds = None,
    start: o.Start = None,
    retain: o.Retain = None,
    only_wrong: o.OnlyWrong = None,
    wrong: o.Wrong = None,
    easy: o.Easy = None,
    notebook: o.NotebookSize = None,
    epsilon: o.Epsilon = None,
    wait: o.Wait = None,
    same: o.Same = None,
    hold_out: o.HoldOut = None,
    loss: o.Loss = None,
    batch_sampler: o.BatchSampler = None,
    change: o.Changes = None,
    use_negatives: o.UseNegatives = None,
    train_batch_size: o.TrainBatchSize = None,
    accumulate: o.Accumulate = None,
    steps: o.Steps = None,
    epochs: o.Epochs = None,
    learning_rate: o.Rates = None,
    warmup: o.Warmup = None,
    schedule: o.Schedule = None,
    weight_decay: o.WeightDecay = None,
    precision: o.Precision = None,
    dev: o.Dev = None,
    dev_split: o.DevSplit = None,
    eval_every: o.EvalEvery = None,
    patience: o.Patience = None,
    dev_measure: o.DevMeasure = None,
    seed: o.Seed = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the loop: rounds, notebook, best model.", show_default=False)] = None,
    force: o.Force = False,
    resume: o.Resume = False,
    config: o.Config = None,
    device: o.Device = None,
    batch_size: o.BatchSize = None,
    threads: o.Threads = None,
    cache: o.Cache = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Mine, train, evaluate, mine again with the trained model, until dev no longer gains. Interrupted anywhere, --resume goes on.

    hardneg loop --data my-beir-folder --dev my-beir-folder --model my-model --steps 200 --out my-loop
    """
    flags = dict(locals())
    for name in ("dev", "dev_split", "out", "force", "resume", "config", "as_json", "quiet"):
        flags.pop(name)
    if out is None:
        raise ConfigError("say where the rounds go: --out FOLDER")
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.train import LoopConfig, TrainConfig

    known = o.read_config(config) if config else {}
    if negatives is None and "negatives" not in known:
        flags["negatives"] = NEGATIVES
    inputs, mining, runtime, training, rules = o.gather_with(flags, config, Inputs, MiningConfig, Runtime, TrainConfig, LoopConfig)
    with Shown(quiet) as shown:
        from miner.train import loop as loop_it

        how: dict[str, Any] = {"runtime": runtime, "resume": resume, "force": force, "on_progress": shown}
        done = loop_it(inputs, training, mining, rules, out=out, dev=dev_inputs(dev, dev_split), **how)
        _say(done, shown, as_json=as_json)


def _say(done: Loop, shown: Shown, *, as_json: bool) -> None:
    from rich.table import Table

    shown.stop()
    told = done.told
    heads = ("round", "dev", "overlap", "retained", "refreshed", "evicted", "refused", "positive's rank", "gap", "false negatives")
    table = Table(*heads, box=None)
    for each in told["rounds"]:
        overlap = "–" if each["jaccard"] is None else f"{each['jaccard']:.0%}"
        dev = "–" if each["dev"] is None else f"{each['dev']:.4f}"
        wrong = "–" if each["false_negatives"] is None else f"{each['false_negatives']:.2%}"
        mark = f"{each['round']}{' *' if each['round'] == told['best'] else ''}"
        counts = (f"{each[name]:,}" for name in ("retained", "refreshed", "evicted", "refused"))
        table.add_row(mark, dev, overlap, *counts, f"{each['positive_rank']['mean']:.1f}", f"{each['gap']:.3f}", wrong)
    shown.console.print(table)
    shown.console.print(f"stopped: {told['stopped']}; * is kept")
    for message in dict.fromkeys(message for each in told["rounds"] for message in each["warnings"]):
        shown.console.print(f"note: {message}", soft_wrap=True)
    shown.console.print(f"model          {done.model}", soft_wrap=True)
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"folder": str(done.folder), **told}, option=orjson.OPT_INDENT_2).decode())
