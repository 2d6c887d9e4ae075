"""Flags that several verbs take, in groups: a verb names the groups, and gets what was given of them as one mapping."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from miner.cli import options as o
from miner.cli import training_options as t

Flags = dict[str, Any]
"""{flag: value, None where it was not given}."""
Group = Mapping[str, Any]

DATA: Group = {
    "data": o.Data,
    "split": o.Split,
    "leave_out": o.LeaveOut,
    "corpus": o.Corpus,
    "queries": o.Queries,
    "qrels": o.Qrels,
    "pairs": o.Pairs,
    "field": o.Field,
    "min_grade": o.MinGrade,
    "on_error": o.OnError,
}
VECTORS: Group = {"query_vectors": o.QueryVectors, "passage_vectors": o.PassageVectors}
VERDICTS: Group = {"verdicts": o.Verdicts}
MODEL: Group = {"model": o.Model, "revision": o.Revision}
TEXTS: Group = {
    "query_prompt": o.QueryPrompt,
    "query_prompt_name": o.QueryPromptName,
    "passage_prompt": o.PassagePrompt,
    "passage_prompt_name": o.PassagePromptName,
    "max_length": o.MaxLength,
    "truncate_dim": o.TruncateDim,
    "pooling": o.Pooling,
}
SCALE: Group = {"dtype": o.Dtype, "similarity": o.Similarity}
RETRIEVE: Group = {
    "source": o.Source,
    "rrf_k": o.RrfK,
    "index": o.Index,
    "recall": o.Recall,
    "depth": o.Depth,
    "max_depth": o.MaxDepth,
    "evidence": o.Evidence,
}
CHOOSE: Group = {
    "preset": o.Preset,
    "filter": o.Filter,
    "judge": o.Judge,
    "anchor": o.Anchor,
    "judged": o.Judged,
    "false_negatives": o.FalseNegatives,
    "negatives": o.Count,
    "sampler": o.Sampler,
    "distinct": o.Distinct,
    "hub_cap": o.HubCap,
    "ladder": o.Ladder,
}
VARY: Group = {"variation": o.Variation}
SHAPE: Group = {"fill": o.Fill, "output_format": o.Format, "column": o.Column, "scores_by": o.ScoresBy}
TRAIN: Group = {
    "loss": t.Loss,
    "batch_sampler": t.BatchSampler,
    "change": t.Changes,
    "use_negatives": t.UseNegatives,
    "train_batch_size": t.TrainBatchSize,
    "drop_last": t.DropLast,
    "accumulate": t.Accumulate,
    "steps": t.Steps,
    "epochs": t.Epochs,
    "learning_rate": t.Rates,
    "warmup": t.Warmup,
    "schedule": t.Schedule,
    "weight_decay": t.WeightDecay,
    "precision": t.Precision,
    "eval_every": t.EvalEvery,
    "patience": t.Patience,
    "dev_measure": t.DevMeasure,
    "watch": t.Watch,
    "watch_rows": t.WatchRows,
}
ROUNDS: Group = {
    "rounds": t.Rounds,
    "start": t.Start,
    "keep": t.Keep,
    "retain": t.Retain,
    "only_wrong": t.OnlyWrong,
    "wrong": t.Wrong,
    "easy": t.Easy,
    "notebook": t.NotebookSize,
    "notebook_ratio": t.NotebookRatio,
    "epsilon": t.Epsilon,
    "wait": t.Wait,
    "same": t.Same,
    "hold_out": t.HoldOut,
}
MEASURE: Group = {
    "measure": o.Measures,
    "self_match": o.SelfMatch,
    "permutations": o.Permutations,
    "resamples": o.Resamples,
    "target": o.Target,
}
SEED: Group = {"seed": o.Seed}
RUNTIME: Group = {"device": o.Device, "batch_size": o.BatchSize, "threads": o.Threads, "cache": o.Cache, "allow_code": o.AllowCode}

Verb = Callable[..., None]


def takes(*groups: Group) -> Callable[[Verb], Verb]:
    """Give a verb the flags of these groups beside its own; it gets them as its first argument. Its own flag of a name wins."""
    shared = {name: annotation for group in groups for name, annotation in group.items()}

    def wrap(verb: Verb) -> Verb:
        verb_parameters = list(inspect.signature(verb, eval_str=True).parameters.values())[1:]
        names = {parameter.name for parameter in verb_parameters}
        mine = {name: annotation for name, annotation in shared.items() if name not in names}

        @wraps(verb)
        def called(**arguments: Any) -> None:
            verb({name: arguments.pop(name) for name in mine}, **arguments)

        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(name, keyword, default=None, annotation=annotation) for name, annotation in mine.items()]
        parameters = [*added, *(parameter.replace(kind=keyword) for parameter in verb_parameters)]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect and typer read
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return wrap
