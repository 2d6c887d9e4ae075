"""Notes beside the numbers, one sentence each: rows left out while reading, recall of an approximate index, relaxed filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miner.report.judge_tally import judge_lines
from miner.report.left_out import FILE
from miner.types import KNOWN_FROM, unread_judgements

MIN_RECALL = 0.97
"""With a lower recall an approximate index misses so many hard candidates that the negatives change."""

SETTINGS = {"IVF": "nprobe", "IMI": "nprobe", "HNSW": "efSearch"}
"""By kind of index, the search setting that finds more of the nearest when it is larger."""

EXACT = "exact"
"""The index that leaves nothing out."""

OWN_POSITIVES = {"known_positive", "self_match", "same_text"}
"""Filters that drop what is the positive or the query itself."""

TEST_SPLIT = "test"
"""The split that the linter compares training rows with."""

READING = {
    "rejected": "wrong rows of the input, left out (see dataset/errors.jsonl in the run folder)",
    "queries_without_positive": "queries with judgements and no positive among them, left out",
    "queries_not_in_split": "queries without a judgement in what was read, left out",
    "repeated_judgements": "judgements that came more than once, of which the highest grade counts",
    "contradictory_judgements": "of these, judgements with another grade",
    "lists_in_text": "lists written as text, each read as one passage (a column of lists is called positives or negatives)",
    "queries_asked_elsewhere": "queries whose text has other ids too; the positives of all of them count",
}


def notes(report: Mapping[str, Any]) -> Iterator[str]:
    """The notes of a report; none where nothing is unusual."""
    yield from reading_notes(report["reading"])
    yield from unread_judgements(report.get("columns", {}))
    for file, overlap in report.get("asked_in", {}).items():
        yield _shared_queries(file, overlap)
    yield from _missing(report)
    if repeated := report.get("rows_repeated", 0):
        yield f"rows with the texts of an earlier row (a question under two ids, a positive twice), left out: {repeated:,}"
    yield from _short(report)
    yield from _relaxed(report)
    yield from _above(report)
    retrieval = report["retrieval"]
    yield from _recall(retrieval)
    yield from judge_lines(report.get("judges", {}), report["setup"].get("filters", ()))
    if count := report.get("not_deepened", 0):
        searched = f"the {retrieval['depth']} candidates stored; `hardneg mine` would search these queries to {retrieval['max_depth']}"
        yield f"short queries within {searched}: {count:,}"


def _recall(retrieval: Mapping[str, Any]) -> Iterator[str]:
    """What an approximate index finds, and what would find more; that exact search finds all where a recall was asked for."""
    recall, index, target = retrieval.get("recall"), retrieval.get("index"), retrieval.get("recall_target")
    nearest = min(retrieval["depth"], retrieval["distinct_passages"]) if recall is not None or target is not None else 0
    if index == EXACT and target is not None:
        yield f"recall {target:g} was asked for, and exact search finds all of the {nearest} nearest: recall is 1"
    if recall is None or index == EXACT:
        return
    sentence = f"index {index} finds {100 * recall:.1f} % of the {nearest} nearest, measured on a sample"
    if "recall_interval" in retrieval:
        low, high = (f"{100 * bound:.1f}" for bound in retrieval["recall_interval"])
        sentence += f" of {retrieval['recall_queries']} queries (95 % interval {low} to {high} %)"
    if target is not None:
        yield f"{sentence}; {100 * target:g} % was asked for, and its setting was chosen on other queries"
    elif recall < MIN_RECALL:
        yield f"{sentence}; below {100 * MIN_RECALL:.0f} % hard candidates are missed: {_advice(index)}"
    else:
        yield sentence


def _advice(index: str | None) -> str:
    """The flags that find more of the nearest."""
    factory = str(index).partition(":")[0]
    knob = next((knob for kind, knob in SETTINGS.items() if kind in factory), None)
    larger = f"--index {factory}:{knob}=N with a larger {knob}" if knob else "another --index"
    return f"--recall 0.98 chooses a setting that finds 98 %, {larger} finds more, --index exact all"


def reading_notes(reading: Mapping[str, int]) -> Iterator[str]:
    """What was left out while reading, and the positives that other splits add."""
    for name, sentence in READING.items():
        if count := reading.get(name, 0):
            yield f"{sentence}: {count:,}"
    for name, count in reading.items():
        if name.startswith(KNOWN_FROM) and count:
            file = name.removeprefix(KNOWN_FROM)
            yield (
                f"positives that qrels/{file} adds to the known positives; they are never negatives "
                f"(--leave-out {file.split('.')[0]} reads none): {count:,}"
            )


def _shared_queries(file: str, overlap: Mapping[str, Any]) -> str:
    """Training queries that are test queries too: a model trained on them is tested on known queries."""
    advice = "; lint --against FOLDER names their rows, --fix leaves them out" if file.split(".", maxsplit=1)[0] == TEST_SPLIT else ""
    return f"queries that are in qrels/{file} too (such as {', '.join(overlap['ids'])}){advice}: {overlap['queries']:,}"


def _above(report: Mapping[str, Any]) -> Iterator[str]:
    """Negatives that score above the positives on average: the model is unfit for the data, or many negatives are unlabelled positives."""
    gap, scores = report["hardness"]["gap"], report["scores"]
    if gap is not None and gap < 0:
        means = f"mean {scores['negative']['mean']:.4f}, of positives {scores['positive']['mean']:.4f}, mean margin {gap:.4f}"
        yield (
            f"negatives score above their positives on average ({means}): check that the model is a retriever for this data, its prompts, "
            "and that each positive is its query's; otherwise many of these negatives are unlabelled positives: see hardneg explain, audit"
        )


def _missing(report: Mapping[str, Any]) -> Iterator[str]:
    pairs, written, format_ = report["counts"]["pairs"], report["rows_written"], report["setup"]["output_format"]
    without_negatives, left_out = report["counts"]["rows"]["none"], report.get("left_out", {}).get("pairs", 0)
    if left_out > without_negatives:
        yield (
            f"pairs with too few negatives, which output format '{format_}' leaves out (see {FILE} in the run folder): "
            f"{left_out:,} of {pairs:,}"
        )
    elif without_negatives:
        yield f"pairs that found no negative and are left out (see {FILE} in the run folder): {without_negatives:,} of {pairs:,}"
    if not written:
        yield "the training file is empty"


def _short(report: Mapping[str, Any]) -> Iterator[str]:
    """Short rows that filters without relaxation leave, and the flags that would fill them; or that most rows are short."""
    setup, counts = report["setup"], report["counts"]
    short, firm = counts["ran_short"]["total"], setup.get("firm")
    if not short:
        return
    sentence = f"queries with fewer than {setup['negatives']} negatives"
    if firm:
        flags = " ".join(_relax_flag(name, "true") for name in firm)
        yield (
            f"{sentence}, since {' and '.join(firm)} must hold in every row: {short:,}{_drops(counts)}; "
            f"mining with {_deeper(setup)}, {''.join(f'{hint}, ' for hint in _fills(setup, counts))}{flags} fills them with passages that "
            "break the rule"
        )
        if setup.get("fill") == "random":
            yield _random_fills(setup, counts)
    elif counts["rows"]["any"] > 2 * counts["rows"]["all"]:
        passages = report["retrieval"].get("distinct_passages", 0)
        reason = f"there are {passages:,} different passages" if setup.get("max_depth", 0) >= passages > 0 else _deeper(setup)
        yield f"{sentence}, most of all: {short:,} of {counts['queries']:,}; {', '.join([reason, *_fills(setup, counts)])}"


def _relax_flag(rule: str, value: str) -> str:
    """The flag that says whether a rule may be relaxed. rule: its key, which names the second judge that it goes by."""
    return f"--filter '{rule},relax={value}'" if ":" in rule else f"--filter {rule}:relax={value}"


def _deeper(setup: Mapping[str, Any]) -> str:
    """The flag that searches short queries deeper."""
    deepest = setup.get("max_depth", 0)
    if setup.get("ladder") == 0 and deepest > setup["depth"]:
        return f"--ladder 1 searches them to {deepest:,}"
    return f"a --max-depth over {deepest:,} searches them deeper"


def _fills(setup: Mapping[str, Any], counts: Mapping[str, Any]) -> Iterator[str]:
    """What --fill would do for short rows, where the format has a column for fallback levels and rows are not filled already."""
    if not setup.get("fits_fill") or setup.get("fill") != "none":
        return
    if setup["relaxable"]:
        yield f"--fill random draws from the passages that {' and '.join(setup['relaxable'])} dropped"
    if counts["rows"]["any"] > counts["rows"]["all"]:
        yield "--fill repeat repeats the negatives of rows that have some"


def _random_fills(setup: Mapping[str, Any], counts: Mapping[str, Any]) -> str:
    """That random passages are retrieved ones, so that a rule which must hold leaves no others than before."""
    return (
        f"negatives that --fill random added: {counts['tiers']['4']:,}; it draws from the passages retrieved for a query, at most "
        f"{setup['max_depth']:,}, and {' and '.join(setup['firm'])} must hold for them too"
    )


def _drops(counts: Mapping[str, Any]) -> str:
    """The filters that dropped most, own positives aside: the rule that must hold may not be the one that emptied the rows."""
    drops = {name: count for name, count in counts.get("dropped", {}).items() if count and name not in OWN_POSITIVES}
    most = sorted(drops, key=lambda name: -drops[name])[:3]
    return f" (candidates dropped: {', '.join(f'{name} {drops[name]:,}' for name in most)})" if most else ""


def _relaxed(report: Mapping[str, Any]) -> Iterator[str]:
    """The filters that negatives fail because a fallback level relaxed them, and how many fail."""
    counts, setup = report["counts"], report["setup"]
    for name, count in counts.get("relaxed", {}).items():
        yield (
            f"negatives that break filter '{name}', which may be relaxed so that rows are full: {count:,} of {counts['chosen']:,}; "
            f"{_relax_flag(name, 'false')} leaves them out"
        )
    if "margin" in setup.get("relaxable", ()) and (above := counts.get("above_positive", 0)):
        yield (
            f"negatives that score above their positive: {above:,} of {counts['chosen']:,}; a margin with relax=true lets them in "
            "where a row would be short, the default one where few candidates outscore the positive too, since models trained on them are "
            "better (docs/decisions/0021); "
            "--filter margin:relative=0.05 lets none in"
        )
