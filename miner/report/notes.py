"""What a person should know beside the numbers: what reading left out, what an approximate index misses. One sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miner.types import KNOWN_FROM

ENOUGH_RECALL = 0.97
"""Below this an approximate index hides so many hard candidates that the choice changes."""

WHOLE_ROWS = ("n-tuple", "pylate")
"""Formats that have no place for a row that ran short."""

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
    yield from _missing(report)
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
    if format_ in WHOLE_ROWS and written < pairs:
        yield f"rows that ran short, which output format '{format_}' leaves out: {pairs - written:,} of {pairs:,}"
    elif alone := round((report["coverage"]["none"] or 0) * pairs):
        yield f"rows that found no negative: {alone:,} of {pairs:,}"
    if not written:
        yield "the training file is empty"
