"""The sentence about a name that does not exist: the most similar one that does, or what another program's name is called here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

SETTING, PRESET, SAMPLER, FORMAT, VERB = "setting", "preset", "sampler", "output format", "verb"

ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    SETTING: {
        "num_negatives": "--negatives",
        "negative_number": "--negatives",
        "k": "--depth",
        "top_k": "--depth",
        "range_max": "--depth",
        "range_min": "--filter 'ranks:skip=N'",
        "range_for_sampling": "--filter 'ranks:skip=N'",
        "trust_remote_code": "--allow-code NAME@REVISION",
        "matryoshka_dim": "--truncate-dim",
        "matryoshka": "--truncate-dim",
        "dims": "--truncate-dim",
        "dim": "--truncate-dim",
        "margin_relative": "--filter 'margin:relative=X'",
        "absolute_margin": "--filter 'margin:absolute=X'",
        "relative_margin": "--filter 'margin:relative=X'",
        "margin": "--filter 'margin:relative=X'",
        "max_score": "--filter 'max_score:score=X'",
        "min_score": "--filter 'min_score:score=X'",
        "sampling_strategy": "--sampler",
        "use_faiss": "--index",
        "nprobe": "--index IVF1024,Flat:nprobe=N",
        "ef_search": "--index HNSW32:efSearch=N",
        "output": "--out",
        "output_file": "--out",
        "model_name_or_path": "--model",
        "embedder_name_or_path": "--model",
        "input_file": "--pairs",
        "candidate_pool": "--corpus",
        "anchor_column_name": "--field query=COLUMN",
        "positive_column_name": "--field positive=COLUMN",
        "query_instruction": "--query-prompt",
        "passage_instruction": "--passage-prompt",
        "max_seq_length": "--max-length",
    },
    PRESET: {
        "nv_retriever": "percpos",
        "topk_percpos": "percpos",
        "flagembedding": "bge",
        "hn_mine": "bge",
        "sentence_transformers": "st-compat",
    },
    SAMPLER: {"random": "uniform"},
    FORMAT: {kind: f"--kind {kind}" for kind in ("jsonl", "jsonl.gz", "jsonl.zst", "json", "parquet", "datasets")},
    VERB: {
        "version": "hardneg --version",
        "help": "hardneg --help",
        "compare": "report",
        "finetune": "train",
        "check": "lint",
        "list": "ls",
        "delete": "rm",
    },
}
"""What sentence-transformers, FlagEmbedding and FAISS call things, and the name here, by kind of name."""


def similar_name(kind: str, name: str, names: Collection[str]) -> str:
    """What was probably meant: 'name', or the flag or form that does what another program's name does. Empty: nothing is near."""
    by_spelling = {_spelling(each): each for each in names}
    ours = ELSEWHERE.get(kind, {}).get(_spelling(name), "")
    if ours in names or " " in ours or ours.startswith("-"):
        return ours if " " in ours or ours.startswith("-") else f"'{ours}'"
    near = get_close_matches(_spelling(name), by_spelling, 1)
    return f"'{by_spelling[near[0]]}'" if near else ""


def other_form(name: str, value: str) -> str:
    """What another program's name of a setting, with a value, is as a filter here: `relative_margin`, 0.05 → `margin:relative=0.05`."""
    before, quote, spec = ELSEWHERE[SETTING].get(_spelling(name), "").partition("'")
    part, equals, _ = spec.partition("=")
    return f"{part}={value}" if before == "--filter " and quote and equals and value else ""


def unknown_name(kind: str, name: str, names: Collection[str]) -> str:
    """`there is no preset 'saef'; did you mean 'safe'? There are: default, safe, …`."""
    near = similar_name(kind, name, names)
    return f"there is no {kind} '{name}'{f'; did you mean {near}? There' if near else '; there'} are: {', '.join(names)}"


def _spelling(name: str) -> str:
    """Letters alone count: `Near-Positive` is `near_positive`."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")
