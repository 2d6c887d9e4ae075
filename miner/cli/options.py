"""The flags, once: name, environment variable, help. A test holds them against the fields of the config.

`gather` merges flags, environment and config file into Inputs, MiningConfig and Runtime.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli.completion import completer
from miner.cli.verb_flags import PREFIX, RARE
from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

if TYPE_CHECKING:
    from miner.config import Inputs, MiningConfig, Runtime

READ, MODEL, RETRIEVE, CHOOSE, WRITE, RUN = "What to read", "Model", "Retrieving", "Judging and choosing", "Writing", "Running"
ALIASES = {
    "filter": "filters",
    "column": "columns",
    "source": "sources",
    "judge": "judges",
    "field": "fields",
    "measure": "measures",
    "learning_rate": "learning_rates",
    "change": "changes",
    "variation": "variations",
}
"""Flags that may be repeated carry a singular name."""


def option(name: str, text: str, panel: str, *, short: str = "", rare: bool = False) -> Any:
    """A typer option with its environment variable; of a flag with two sides, `on/--off`, that of the first. rare: --help leaves it out."""
    variable = f"{PREFIX}{name.partition('/')[0].replace('-', '_').upper()}"
    if rare:
        RARE.add(variable)
    names = [f"--{name}", *([short] if short else [])]
    completion = completer(name)
    return typer.Option(*names, help=text, rich_help_panel=panel, envvar=variable, show_default=False, autocompletion=completion)


KINDS = {"datasets": "", **{name: f".{name}" for name in ("jsonl", "jsonl.gz", "jsonl.zst", "json", "parquet")}}
"""Kinds of a training file, each with the end of its name."""

Words = list[str] | None
Data = Annotated[str | None, option("data", "BEIR folder: corpus.jsonl, queries.jsonl, qrels/*.tsv", READ)]
Split = Annotated[Words, option("split", "qrels files of the folder to mine for [train, or the only one]", READ)]
LeaveOut = Annotated[
    Words,
    option("leave-out", "qrels files of the folder that are not read; positives of all other files are known positives", READ, rare=True),
]
Corpus = Annotated[
    Words,
    option("corpus", "passages: JSONL, CSV, TSV, Parquet (.gz, .zst too), a folder of such files, saved datasets folder, hf:NAME", READ),
]
Queries = Annotated[Words, option("queries", "queries, in any of the same forms", READ)]
Qrels = Annotated[Words, option("qrels", "judgements: query-id, corpus-id, score", READ)]
Pairs = Annotated[Words, option("pairs", "rows of query and positive(s), in any of the same forms, or a trainer's format", READ)]
Field = Annotated[Words, option("field", "your column names: query=question, positive=answer, grade=score …; negative=- reads none", READ)]
Verdicts = Annotated[
    Words,
    option("verdicts", "verdicts on pairs: rows of query_id, passage_id, verdict (false_negative, true_negative, unsure)", READ),
]
QueryVectors = Annotated[str | None, option("query-vectors", "your own query vectors: X.npy, with the ids in X.ids", READ, rare=True)]
PassageVectors = Annotated[str | None, option("passage-vectors", "your own passage vectors: X.npy, with the ids in X.ids", READ, rare=True)]
MinGrade = Annotated[int | None, option("min-grade", "smallest grade that counts as relevant [1]", READ, rare=True)]
OnError = Annotated[str | None, option("on-error", "on an invalid row: fail, or skip it and write it to errors.jsonl [fail]", READ)]

Model = Annotated[str | None, option("model", "sentence-transformers model: a folder, or a hub name", MODEL)]
Revision = Annotated[str | None, option("revision", "the model's revision on the hub", MODEL, rare=True)]
AllowCode = Annotated[
    Words,
    option("allow-code", "a model whose own code may run: NAME@COMMIT of the hub, or FOLDER@SHA256 of its code [none]", MODEL, rare=True),
]
QueryPrompt = Annotated[str | None, option("query-prompt", "text put before every query", MODEL)]
QueryPromptName = Annotated[str | None, option("query-prompt-name", "one of the model's own prompts, for queries", MODEL, rare=True)]
PassagePrompt = Annotated[str | None, option("passage-prompt", "text put before every passage", MODEL)]
PassagePromptName = Annotated[str | None, option("passage-prompt-name", "one of the model's own prompts, for passages", MODEL, rare=True)]
MaxLength = Annotated[int | None, option("max-length", "tokens read of each text [the model's own]", MODEL)]
TruncateDim = Annotated[int | None, option("truncate-dim", "dimensions kept of each vector of a Matryoshka model [all]", MODEL, rare=True)]
Pooling = Annotated[
    str | None,
    option(
        "pooling", "vectors of a model that names no pooling, such as a language model: mean, cls or lasttoken [refused]", MODEL, rare=True
    ),
]
Dtype = Annotated[str | None, option("dtype", "float32, float16 or bfloat16 [float32]", MODEL, rare=True)]
Similarity = Annotated[str | None, option("similarity", "cosine, dot or euclidean [the model's own]", MODEL, rare=True)]

Source = Annotated[
    Words,
    option(
        "source", "where candidates come from; scores are those of the first: dense, dense:model=PATH, bm25[:k1=K,b=B] [dense]", RETRIEVE
    ),
]
RrfK = Annotated[int | None, option("rrf-k", "several sources are pooled by 1 / (K + rank) [60]", RETRIEVE, rare=True)]
Index = Annotated[
    str | None,
    option("index", "exact, or a FAISS factory string with its search settings, such as IVF1024,Flat:nprobe=64 [exact]", RETRIEVE),
]
Recall = Annotated[
    float | None,
    option("recall", "share of the nearest to find, such as 0.98: chooses the setting of --index, or without it the index", RETRIEVE),
]
Depth = Annotated[int | None, option("depth", "candidates retrieved per query [200]", RETRIEVE)]
MaxDepth = Annotated[int | None, option("max-depth", "candidates retrieved per short query [1000]", RETRIEVE, rare=True)]

Preset = Annotated[
    str | None,
    option("preset", "default, safe, hard, percpos, bge, st-compat or noisy-positives; other flags win over it [default]", CHOOSE),
]
Filter = Annotated[
    Words, option("filter", "add, change or drop one: margin:relative=0.1, ranks:skip=10, near_positive:off [the preset's]", CHOOSE)
]
Judge = Annotated[
    Words,
    option(
        "judge",
        "a second judge scores candidates and positives again: cross-encoder:model=FOLDER[,first=50], bi-encoder:model=FOLDER; "
        "then --filter margin:by=cross-encoder,relative=0.05 [none]",
        CHOOSE,
    ),
]
ScoresBy = Annotated[
    str | None,
    option("scores-by", "the second judge whose scores the rows hold, as a teacher's [the scores of the search]", WRITE, rare=True),
]
Evidence = Annotated[
    Words,
    option("evidence", "further evidence to measure, for a later export; what the filters need is always measured", RETRIEVE, rare=True),
]
Anchor = Annotated[
    str | None,
    option("anchor", "reference score of a row: of the query's weakest positive, or of the row's own [weakest]", CHOOSE, rare=True),
]
Judged = Annotated[
    str | None,
    option(
        "judged",
        "passages judged non-relevant: prefer, trust (exempt from filters that estimate relevance) or ignore [prefer]",
        CHOOSE,
        rare=True,
    ),
]
FalseNegatives = Annotated[
    str | None,
    option(
        "false-negatives",
        "a passage with the verdict false_negative: drop it, or adopt it as a positive of its query [drop]",
        CHOOSE,
        rare=True,
    ),
]
Count = Annotated[int | None, option("negatives", "negatives per query; with --anchor own, per pair [4]", CHOOSE)]
Sampler = Annotated[
    str | None,
    option("sampler", "top, uniform, softmax, ambiguous, stratified, diverse or disagreement; as in softmax:temperature=0.1 [top]", CHOOSE),
]
Distinct = Annotated[
    float | None,
    option("distinct", "two passages with this cosine or more are not negatives of one row, such as 0.95 [off]", CHOOSE, rare=True),
]
HubCap = Annotated[
    str | None,
    option("hub-cap", "largest number of rows that one passage may be a negative of: a number, or auto [off]", CHOOSE, rare=True),
]
Ladder = Annotated[
    int | None,
    option(
        "ladder",
        "highest fallback level of a short query: 0 none, 1 max depth, 2 reference score raised, 3 no ceiling [3]",
        CHOOSE,
        rare=True,
    ),
]
Fill = Annotated[str | None, option("fill", "negatives for a row that is still short: none, random or repeat [none]", CHOOSE, rare=True)]
Variation = Annotated[
    Words,
    option(
        "variation",
        "further negatives made from the text of a row's negatives: delete, reorder, una, or paraphrase (in Python); as in "
        "delete:share=0.1,count=1, or delete:off",
        CHOOSE,
        rare=True,
    ),
]
Seed = Annotated[int | None, option("seed", "seed of all draws [0]", CHOOSE)]

OUTPUT_FORMATS = (
    "triplet, n-tuple, labeled-pair, labeled-list, flagembedding, tevatron-v1, tevatron-v2, dpr, colbert, pylate, ms-swift, nemo, "
    "msmarco, gpl, beir or trec"
)
Format = Annotated[str | None, option("output-format", f"{OUTPUT_FORMATS} [triplet]", WRITE)]
Column = Annotated[Words, option("column", "add columns: ids, scores, ranks, tiers (fallback levels), sources, extra", WRITE)]
Out = Annotated[
    str | None, option("out", "a run folder, a file (.jsonl .jsonl.gz .jsonl.zst .json .parquet), or - for stdout [needed]", WRITE)
]
Kind = Annotated[
    str | None,
    option(
        "kind",
        "file type of the training file in a run folder: jsonl, jsonl.gz, jsonl.zst, json, parquet, datasets [the format's own]",
        WRITE,
        rare=True,
    ),
]
Force = Annotated[bool, option("force", "replace an earlier run", WRITE)]

MEASURE = "Measuring"
Models = Annotated[Words, option("model", "model folder, or LABEL=FOLDER; one label several times: the seeds of one method", MODEL)]
RunFiles = Annotated[Words, option("run", "a TREC run file, or LABEL=FILE: the ranking of any other system, measured alike", MODEL)]
Measures = Annotated[Words, option("measure", "ndcg, mrr, map, recall, precision, f1, judged, each with a cut: ndcg@10", MEASURE)]
SelfMatch = Annotated[
    str | None,
    option("self-match", "a passage that is the query itself: left out by id (as BEIR does) or by text, or keep [id]", MEASURE, rare=True),
]
Permutations = Annotated[int | None, option("permutations", "sign vectors of the randomisation test [10000]", MEASURE, rare=True)]
Resamples = Annotated[int | None, option("resamples", "draws of the bootstrap [2000]", MEASURE, rare=True)]
Target = Annotated[float | None, option("target", "dev score; report the training steps that each model needed to reach it", MEASURE)]

Resume = Annotated[
    bool | None,
    option("resume/--fresh", "resume an interrupted run, or delete it and begin again [refuse where there is one]", RUN),
]
ResumeRun = Annotated[
    bool | None,
    option(
        "resume/--fresh",
        "resume from the blocks of an interrupted run (refuse if their settings differ), or begin again and reuse nothing "
        "[resume if the settings agree]",
        RUN,
    ),
]
Config = Annotated[Path | None, option("config", "YAML, TOML or JSON file with any of these settings, or a run's manifest.json", RUN)]
Device = Annotated[str | None, option("device", "cpu, cuda, mps … [the best there is]", RUN)]
BatchSize = Annotated[int | None, option("batch-size", "texts per forward pass [32; 1024 for a static model]", RUN)]
Threads = Annotated[int | None, option("threads", "processor threads [all]", RUN, rare=True)]
Cache = Annotated[Path | None, option("cache", "folder of the embedding store [~/.cache/hardneg]", RUN)]
Json = Annotated[bool, option("json", "print the result as JSON on stdout", RUN)]
Quiet = Annotated[bool, option("quiet", "no progress, no summary", RUN, short="-q")]


def gather(flags: Mapping[str, Any], config_file: Path | None) -> tuple[Inputs, MiningConfig, Runtime]:
    """Read a config file; flags and environment override it. Each setting goes to the model with that field."""
    from miner.config import Inputs, MiningConfig, Runtime

    inputs, config, runtime = gather_with(flags, config_file, Inputs, MiningConfig, Runtime)
    return inputs, config, runtime


def gather_with(flags: Mapping[str, Any], config_file: Path | None, *models: Any) -> tuple[Any, ...]:
    """The same for any config models, one instance of each. A field that two models share goes to both."""
    from miner.cli.config_file import read_layers
    from miner.config.layers import Layers

    below = read_layers(config_file) if config_file else Layers()
    if "allow_code" in below.typed:
        raise ConfigError(
            f"{config_file}: allow_code is no setting of a file, which may be another's: give --allow-code or HARDNEG_ALLOW_CODE"
        )
    parts = _by_model(overlay_flags(flags, below.typed, stored=below.stored), models, config_file)
    return tuple(model.of(**part) for model, part in zip(models, parts, strict=True))


def protected_paths(config_file: Path | None) -> tuple[Path, ...]:
    """Files beside the data that a result must not replace."""
    return (config_file,) if config_file else ()


def check_protected_paths(config_file: Path | None, out: Path | None, *, force: bool) -> None:
    """ConfigError if the folder to be replaced contains the config file."""
    if config_file and out and force and Path(os.path.realpath(out)) in Path(os.path.realpath(config_file)).parents:
        raise ConfigError(f"{config_file} is read by this run, and --out would replace it: choose another --out")


def _by_model(values: Mapping[str, Any], models: Sequence[Any], config_file: Path | None) -> list[dict[str, Any]]:
    """The values of each model's fields. ConfigError for a name that is a field of none; only a config file can hold one."""
    names = [name for model in models for name in model.model_fields]
    if unknown := [name for name in values if name not in names]:
        raise ConfigError(f"{config_file}: {unknown_name('setting', unknown[0], list(dict.fromkeys(names)))}")
    return [{name: value for name, value in values.items() if name in model.model_fields} for model in models]


def overlay_flags(
    flags: Mapping[str, Any], typed: Mapping[str, Any], fixed: Collection[str] = (), stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Flags override a config file, which overrides a manifest."""
    from miner.config.layers import Layers, overlay

    return overlay(_values(flags), Layers(stored or {}, typed), fixed)


def _values(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the flags give, by the names of the config's fields."""
    values: dict[str, Any] = {}
    for flag, value in flags.items():
        name = ALIASES.get(flag, flag)
        if value is None or value == []:
            continue
        if name == "fields":
            from miner.cli.config_file import unique_pairs

            values[name] = unique_pairs("--field", map(_pair, value))
        elif name in ("columns", "split", "leave_out", "evidence", "measures", "learning_rates", "watch"):
            values[name] = [part for item in value for part in item.split(",")]
        else:
            values[name] = value
    return values


def _pair(item: str) -> tuple[str, str]:
    field, equals, column = item.partition("=")
    if not equals or not field or not column:
        raise ConfigError(f"--field wants OURS=YOURS, as in query=question, not '{item}'")
    return field, column


def suffix(kind: str | None) -> str | None:
    """`jsonl.gz` → `.jsonl.gz`; `datasets` → "" (a folder)."""
    if kind is not None and kind not in KINDS:
        raise ConfigError(unknown_name("--kind", kind, KINDS))
    return None if kind is None else KINDS[kind]
