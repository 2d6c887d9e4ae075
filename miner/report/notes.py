"""What a person should know beside the numbers: what reading left out, what an approximate index misses. One sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miner.report.left_out import FILE
from miner.types import KNOWN_FROM, unread_judgements

ENOUGH_RECALL = 0.97
"""Below this an approximate index hides so many hard candidates that the choice changes."""

TEST = "test"
"""The split that the linter compares with."""

READING = {
    "rejected": "wrong rows, left out (see dataset/errors.jsonl in the run folder)",
    "queries_without_positive": "queries with judgements and no positive among them, left out",
    "queries_not_in_split": "queries without a judgement in what was read, left out",
    "repeated_judgements": "judgements that came more than once, of which the highest grade counts",
    "contradictory_judgements": "of these, judgements with another grade",
    "queries_asked_elsewhere": "queries that are asked under other ids too, whose positives count as well",
}


def notes(report: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about report["reading"] and report["retrieval"]; none where there is nothing to say."""
    yield from of_reading(report["reading"])
    yield from unread_judgements(report.get("columns", {}))
    for file, asked in report.get("asked_in", {}).items():
        yield _asked_in(file, asked)
    yield from _missing(report)
    if repeated := report.get("rows_repeated", 0):
        yield f"rows whose texts stood in an earlier row (a question under two ids, a positive there twice), left out: {repeated:,}"
    yield from _short(report)
    yield from _relaxed(report)
    yield from _above(report)
    found = report["retrieval"]
    if (recall := found.get("recall")) is not None:
        nearest = min(found["depth"], found["distinct_passages"])
        told = f"index {found['index']} finds {100 * recall:.1f} % of the {nearest} nearest, measured on a sample"
        low = f"; below {100 * ENOUGH_RECALL:.0f} % hard candidates are missed: a larger nprobe or another index helps, exact misses none"
        yield told + (low if recall < ENOUGH_RECALL else "")
    if count := report.get("not_deepened", 0):
        searched = f"the {found['depth']} candidates stored of it, and with these settings are searched to {found['max_depth']} when mined"
        yield f"queries that ran short within {searched}: {count:,}"


def of_reading(reading: Mapping[str, int]) -> Iterator[str]:
    """What was left out, and what else than the judgements asked for is known."""
    for name, sentence in READING.items():
        if count := reading.get(name, 0):
            yield f"{sentence}: {count:,}"
    for name, count in reading.items():
        if name.startswith(KNOWN_FROM) and count:
            file = name.removeprefix(KNOWN_FROM)
            yield f"positives that qrels/{file} adds to what is known, never mined (--leave-out {file.split('.')[0]} reads none): {count:,}"


def _asked_in(file: str, asked: Mapping[str, Any]) -> str:
    """A model that trains on these queries has seen them when it is tested."""
    cure = "; lint --against FOLDER names their rows, --fix leaves them out" if file.split(".", maxsplit=1)[0] == TEST else ""
    return f"queries that are asked in qrels/{file} too (such as {', '.join(asked['ids'])}){cure}: {asked['queries']:,}"


def _above(report: Mapping[str, Any]) -> Iterator[str]:
    """Negatives that a model places above the positives, on average: it is no retriever for this data, or they are no negatives."""
    gap, scores = report["hardness"]["gap"], report["scores"]
    if gap is not None and gap < 0:
        means = f"mean {scores['negative']['mean']:.4f}, of positives {scores['positive']['mean']:.4f}, mean margin {gap:.4f}"
        yield (
            f"negatives score above their positives on average ({means}): check that the model is a retriever for this data, its prompts, "
            "and that each positive is its query's; otherwise many of these negatives are unlabelled positives: see hardneg explain, audit"
        )


def _missing(report: Mapping[str, Any]) -> Iterator[str]:
    pairs, written, format_ = report["counts"]["pairs"], report["rows_written"], report["setup"]["output_format"]
    alone, left_out = report["counts"]["rows"]["none"], report.get("left_out", {}).get("pairs", 0)
    if left_out > alone:
        yield f"rows that ran short, which output format '{format_}' leaves out (see {FILE} in the run folder): {left_out:,} of {pairs:,}"
    elif alone:
        yield f"rows that found no negative and are left out (see {FILE} in the run folder): {alone:,} of {pairs:,}"
    if not written:
        yield "the training file is empty"


def _short(report: Mapping[str, Any]) -> Iterator[str]:
    """Rows that stay short because the rules hold, and the flags that would fill them."""
    setup, short = report["setup"], report["counts"]["ran_short"]["total"]
    if not short or not setup.get("firm"):
        return
    flags = " ".join(f"--filter {name}:relax=true" for name in setup["firm"])
    yield (
        f"queries with fewer than {setup['negatives']} negatives, since {' and '.join(setup['firm'])} must hold in every row: {short:,}; "
        f"mining with a --max-depth over {setup['max_depth']:,} searches them deeper, {flags} fills them with passages that break the rule"
    )


def _relaxed(report: Mapping[str, Any]) -> Iterator[str]:
    """Which rules the negatives break, how many do, and why that is allowed."""
    counts, setup = report["counts"], report["setup"]
    for name, count in counts.get("relaxed", {}).items():
        yield (
            f"negatives that break filter '{name}', which may be relaxed so that rows are full: {count:,} of {counts['chosen']:,}; "
            f"--filter {name}:relax=false leaves them out"
        )
    if "margin" in setup.get("relaxable", ()) and (above := counts.get("above_positive", 0)):
        yield (
            f"negatives that score above their positive: {above:,} of {counts['chosen']:,}; the default margin lets them in where few "
            "candidates outscore the positive or a row would be short: models trained better so (docs/decisions/0021); "
            "--filter margin:relative=0.05 lets none in"
        )
