"""The report equals what a slow reading of the same world gives, however the world is cut into blocks."""

import dataclasses
import io
import math
from collections import Counter
from statistics import median

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from miner.report import Tally, case_lines, notes, summary_lines, table
from miner.report.cases import clip
from miner.report.distribution import spread
from miner.types import TEXTS_SCHEMA, Candidates, Dataset, Negatives, Qrels, Texts

FILTERS, M, DEPTH, Q, N = ["known_positive", "same_text", "margin"], 3, 6, 14, 40
seeds = given(seed=st.integers(0, 2**32))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for name, count in (("queries", Q), ("corpus", N)):
        rows = [{"id": f"{name}-{(i * 9) % count}", "text": f"text {i} " * (1 + 40 * (i == 3))} for i in range(count)]
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA) as writer:
            writer.write_table(pa.Table.from_pylist(rows, schema=TEXTS_SCHEMA))
    return Dataset(
        Texts(folder / "queries"), Texts(folder / "corpus"), Qrels(np.zeros(Q + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8))
    )


def world(seed, own=False):
    """Anchors, their candidates and what was chosen, at random, with padding in every place where there may be some."""
    rng = np.random.default_rng(seed)
    queries = np.sort(rng.integers(0, Q, Q)) if own else rng.permutation(Q)
    width = 1 if own else 3
    rows = np.stack([rng.permutation(N)[:10] for _ in queries]).astype(np.int32)
    scores = -np.sort(-rng.standard_normal((Q, 10))).astype(np.float32).round(1)
    rows[np.arange(10) >= rng.integers(2, 13, (Q, 1))] = -1
    scores[rows < 0] = np.nan
    dropped = np.where(rows < 0, 255, rng.integers(0, 4, rows.shape)).astype(np.uint8)
    positives = np.stack([rng.permutation(N)[:width] for _ in queries]).astype(np.int32)
    positives[np.arange(width) >= rng.integers(1, width + 1, (Q, 1))] = -1
    positive_scores = np.where(positives < 0, np.nan, rng.standard_normal(positives.shape)).astype(np.float32)
    positive_scores[rng.random(positives.shape) < 0.05] = np.nan
    candidates = Candidates(queries, rows, scores, positives, positive_scores, positive_scores[:, 0], scores[:, -1])
    places = np.argsort(dropped, axis=1, kind="stable")[:, :M]
    there = np.take_along_axis(rows, places, 1) >= 0
    taken = [
        np.where(there, values, empty)
        for values, empty in ((np.take_along_axis(rows, places, 1), -1), (np.take_along_axis(scores, places, 1), np.nan))
    ]
    ranks, tiers = np.where(there, places + 1, 0).astype(np.int32), np.where(there, rng.integers(0, 6, there.shape), 0).astype(np.uint8)
    ranks[tiers == 4] = 0
    return (
        candidates,
        dropped,
        Negatives(queries, positives, positive_scores, taken[0].astype(np.int32), taken[1].astype(np.float32), ranks, tiers),
    )


def part(thing, anchors):
    """The same dataclass for some anchors."""
    arrays = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    return dataclasses.replace(thing, **{name: array[anchors] for name, array in arrays.items() if isinstance(array, np.ndarray)})


def report(dataset, seed, blocks=None, own=False, similarity="cosine"):
    candidates, dropped, negatives = world(seed, own)
    tally = Tally(FILTERS, M, DEPTH, similarity)
    for anchors in blocks or [np.arange(Q)]:
        tally.add(part(candidates, anchors), dropped[anchors], part(negatives, anchors))
    return tally.result(dataset)


def lists(seed, own=False):
    """The world again as plain Python: per anchor (query, [(positive, score)], [(row, score, rank, tier)], [reason], [candidate score])."""
    candidates, dropped, negatives = world(seed, own)
    for b in range(Q):
        positives = [(p, float(s)) for p, s in zip(negatives.positives[b], negatives.positive_scores[b], strict=True) if p >= 0]
        columns = (negatives.rows[b], negatives.scores[b], negatives.ranks[b], negatives.tiers[b])
        chosen = [(int(r), float(s), int(k), int(t)) for r, s, k, t in zip(*columns, strict=True) if r >= 0]
        reasons = [int(code) for code in dropped[b] if code != 255]
        yield int(negatives.queries[b]), positives, chosen, reasons, [float(s) for s in candidates.scores[b] if not math.isnan(s)]


@seeds
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("own", [False, True])
def test_counts_equal_a_slow_reading(own, seed, dataset):
    anchors, counts = list(lists(seed, own)), report(dataset, seed, own=own)["counts"]
    reasons = Counter(code for anchor in anchors for code in anchor[3])
    assert counts["dropped"] == {name: reasons[code] for code, name in enumerate(FILTERS, start=1)}
    assert sum(counts["dropped"].values()) + counts["kept"] == counts["judged"] == reasons.total()
    found = [len(chosen) for _, positives, chosen, *_ in anchors for _ in positives]
    assert counts["rows"] == {"all": found.count(M), "any": len(found) - found.count(0), "none": found.count(0)}
    assert (counts["pairs"], counts["queries"]) == (len(found), len({anchor[0] for anchor in anchors}))
    tiers = Counter(tier for anchor in anchors for *_, tier in anchor[2])
    assert counts["tiers"] == {str(tier): tiers[tier] for tier in range(6)}
    assert counts["chosen"] == tiers.total()
    short = {dataset.queries.ids([query])[0] for query, _, chosen, *_ in anchors if len(chosen) < M}
    assert counts["ran_short"] == {"total": len(short), "ids": sorted(short)}


def margins(anchors):
    for _, positives, chosen, *_ in anchors:
        known = [score for _, score in positives if not math.isnan(score)]
        yield from (min(known) - score for _, score, *_ in chosen if known)


@seeds
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("own", [False, True])
def test_scores_and_hardness_equal_a_slow_reading(own, seed, dataset):
    anchors, result = list(lists(seed, own)), report(dataset, seed, own=own)
    values = list(margins(anchors))
    scores = result["scores"]
    assert scores["negative"]["count"] == sum(len(anchor[2]) for anchor in anchors)
    assert scores["margin"]["mean"] == pytest.approx(np.mean(values)) == result["hardness"]["gap"]
    assert scores["margin"]["std"] == pytest.approx(np.std(values))
    assert (scores["margin"]["min"], scores["margin"]["max"]) == (min(values), max(values))
    assert scores["margin"]["quantiles"]["50"] == pytest.approx(median(values))
    assert sum(scores["margin"]["histogram"]["counts"]) == len(values)
    assert result["hardness"]["triplet_error"] == sum(value < 0 for value in values) / len(values)
    masses = [
        1 - math.exp(positive / 0.05) / sum(math.exp(score / 0.05) for score in [positive, *(score for _, score, *_ in chosen)])
        for _, positives, chosen, *_ in anchors
        for _, positive in positives
        if chosen and not math.isnan(positive)
    ]
    assert result["hardness"]["gradient_mass"] == pytest.approx(np.mean(masses))


@seeds
@settings(max_examples=40, deadline=None)
def test_ranks_and_hubs_equal_a_slow_reading(seed, dataset):
    chosen, result = [one for anchor in lists(seed) for one in anchor[2]], report(dataset, seed)
    ranks = [rank for _, _, rank, _ in chosen if rank]
    assert result["ranks"]["median"] == median(ranks)
    assert result["ranks"]["unranked"] == len(chosen) - len(ranks)
    for step in result["ranks"]["histogram"]:
        assert step["count"] == sum(step["first"] <= rank <= (step["last"] or math.inf) for rank in ranks)
    uses = Counter(row for row, *_ in chosen)
    ids = dict(zip(uses, dataset.corpus.ids(list(uses)), strict=True))
    most = sorted(((-count, ids[row]) for row, count in uses.items()))[:10]
    texts = dict(zip(ids.values(), dataset.corpus.texts(list(ids)), strict=True))
    assert result["hubs"]["most_used"] == [{"id": name, "text": clip(texts[name]), "uses": -count} for count, name in most]
    pairs = sum(abs(a - b) for a in uses.values() for b in uses.values())
    assert result["hubs"]["gini"] == pytest.approx(pairs / (2 * len(uses) * uses.total()))
    assert result["hubs"]["top_percent_share"] == max(uses.values()) / uses.total()


@seeds
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("own", [False, True])
def test_cases_equal_a_slow_reading(own, seed, dataset):
    anchors, result = list(lists(seed, own)), report(dataset, seed, own=own)
    beyond, strict, reasons = [], {}, {}
    for query, positives, chosen, codes, scores in anchors:
        name = dataset.queries.ids([query])[0]
        beyond += [(s, name, dataset.corpus.ids([p])[0]) for p, s in positives if len(scores) >= DEPTH and s < scores[DEPTH - 1]]
        if (found := sum(tier == 0 for *_, tier in chosen)) < M:
            strict[name] = min(found, strict.get(name, M))
            reasons.setdefault(name, Counter()).update(code for code in codes if code)
    cases = result["suspicious"]["examples"]
    assert [(np.float32(case["score"]), case["query_id"], case["positive_id"]) for case in cases] == sorted(beyond)[:20]
    assert result["suspicious"]["total"] == len(beyond)
    queries, passages = (
        dict(zip(side.ids(range(len(side))), side.texts(range(len(side))), strict=True)) for side in (dataset.queries, dataset.corpus)
    )
    assert all(
        (case["query"], case["positive"]) == (clip(queries[case["query_id"]]), clip(passages[case["positive_id"]])) for case in cases
    )
    assert all(case["query"] == clip(queries[case["id"]]) for case in result["starved"]["examples"])
    assert [(case["found"], case["id"]) for case in result["starved"]["examples"]] == sorted(
        (count, name) for name, count in strict.items()
    )[:20]
    for case in result["starved"]["examples"]:
        counts = [reasons[case["id"]][code] for code in range(1, 4)]
        assert case["reason"] == (FILTERS[counts.index(max(counts))] if any(counts) else None)


@given(seed=st.integers(0, 2**32), cuts=st.sets(st.integers(1, Q - 1)), order=st.permutations(range(Q)))
@settings(max_examples=60, deadline=None)
def test_neither_the_cuts_nor_the_order_of_anchors_can_be_seen(seed, cuts, order, dataset):
    whole = orjson.dumps(report(dataset, seed))
    assert orjson.dumps(report(dataset, seed, np.split(np.arange(Q), sorted(cuts)))) == whole
    assert orjson.dumps(report(dataset, seed, np.split(np.array(order), sorted(cuts)))) == whole


def test_example_rows_show_the_weakest_positive_and_the_negatives_cut_to_length(dataset):
    examples = report(dataset, 3)["examples"]
    assert len(examples) == Q
    by_query = {dataset.queries.ids([query])[0]: (positives, chosen) for query, positives, chosen, *_ in lists(3)}
    for example in examples:
        positives, chosen = by_query[example["query_id"]]
        scores = [score for _, score in positives if not math.isnan(score)]
        assert example["positive"]["score"] == (pytest.approx(min(scores)) if scores else None)
        assert [(n["rank"], n["tier"]) for n in example["negatives"]] == [(rank, tier) for *_, rank, tier in chosen]
        assert all(len(text) <= 300 for text in [example["query"], example["positive"]["text"], *(n["text"] for n in example["negatives"])])


def test_nothing_at_all_is_a_report_too(dataset):
    empty = Tally(FILTERS, M, DEPTH, "cosine").result(dataset)
    assert empty["counts"]["judged"] == empty["scores"]["margin"]["count"] == 0
    assert empty["coverage"] == {"all": None, "any": None, "none": None}
    assert "0 queries" in summary_lines(empty)[0]
    Console(file=io.StringIO()).print(table(empty))


def test_gradient_mass_is_for_cosines_only(dataset):
    assert report(dataset, 1, similarity="dot")["hardness"]["gradient_mass"] is None


def test_the_terminal_shows_every_filter_with_its_count(dataset):
    result = report(dataset, 1)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(result))
    text = console.export_text() + "\n".join(summary_lines(result))
    for name, count in result["counts"]["dropped"].items():
        assert any(f"− {name}" in line and str(count) in line for line in text.splitlines())


def test_queries_pairs_negatives_and_rows_are_counted_under_their_names(dataset):
    """A row is a line of the training file, a pair a query with one positive."""
    result = report(dataset, 1)
    counts = result["counts"]
    first, second, *_ = summary_lines({**result, "rows_written": 1234})
    for text in (f"{counts['queries']} queries, {counts['pairs']} pairs, {counts['chosen']} negatives", "; 1,234 rows"):
        assert text in first
    assert " of pairs have all " in second
    left_out = {"rows_written": 5, "reading": {}, "retrieval": {"recall": None}, "left_out": {"pairs": counts["pairs"]}}
    made = {**result, **left_out, "setup": {**result["setup"], "output_format": "n-tuple"}}
    (note,) = [note for note in notes(made) if "left_out.jsonl" in note]
    assert note.startswith("pairs with too few negatives, which output format 'n-tuple' leaves out")


def test_the_terminal_shows_cases_with_texts_on_one_line(dataset):
    """Three of a kind; a report of before shows ids alone."""
    result = report(dataset, 1)
    hub = result["hubs"]["most_used"][0] | {"text": "a\x1b[1m\n[b] " + "x" * 90}
    cases = {"suspicious": {"examples": result["suspicious"]["examples"] * 4}, "starved": {"examples": [{"id": "q", "found": 1}]}}
    *suspicious, short, line = case_lines({**cases, "hubs": {"most_used": [hub]}})
    first = result["suspicious"]["examples"][0]
    assert len(suspicious) == 3
    assert all(text in suspicious[0] for text in (f"({first['query_id']})  →  ", f"({first['positive_id']})"))
    assert short.split() == ["short", "query", "1", "negatives", "q"]
    assert line.endswith(f"{hub['uses']} uses  a [1m [b] {'x' * 49}… ({hub['id']})")


def test_equal_scores_have_a_histogram(dataset):
    for value in (0.0, 1.0, -1e30, 1e-40):
        assert sum(spread(np.full(5, value, np.float32))["histogram"]["counts"]) == 5


def test_negatives_above_their_positives_are_said_in_words(dataset):
    """On average: below a mean margin of 0, with both means."""
    made = {**report(dataset, 1), "rows_written": 5, "reading": {}, "retrieval": {"recall": None}}
    made["setup"] = {**made["setup"], "output_format": "labeled-pair"}
    said = [note for note in notes({**made, "hardness": {**made["hardness"], "gap": -0.0086}}) if "on average" in note]
    assert said[0].startswith("negatives score above their positives on average (mean 0.5098, of positives -0.1521, mean margin -0.0086)")
    assert not [note for note in notes({**made, "hardness": {**made["hardness"], "gap": None}}) if "on average" in note]


def test_notes_say_what_was_left_out_and_what_an_index_misses(dataset):
    """Nothing where all is well; a sentence with its count for everything else, shown in the terminal."""
    made = {**report(dataset, 1), "rows_written": 5, "reading": {"rejected": 0}, "retrieval": {"recall": None}}
    made["setup"] = {**made["setup"], "output_format": "labeled-pair"}
    made["counts"] = {**made["counts"], "rows": {"all": 5, "any": 5, "none": 0}, "relaxed": {}}
    made["hardness"] = {**made["hardness"], "gap": 0.0}
    assert list(notes(made)) == []
    made |= {"reading": {"rejected": 3}, "retrieval": {"recall": 0.5, "index": "IVF4,Flat", "depth": 200, "distinct_passages": 40}}
    told = list(notes(made))
    assert told[0] == "wrong rows of the input, left out (see dataset/errors.jsonl in the run folder): 3"
    assert told[1].startswith("index IVF4,Flat finds 50.0 % of the 40 nearest, measured on a sample; below 97 %")
    made["reading"] = {"known_from:test.tsv": 0, "known_from:train_full.tsv": 1200}
    assert next(notes(made)).startswith(
        "positives that qrels/train_full.tsv adds to the known positives; they are never negatives (--leave-out train_full "
    )
    assert next(notes(made)).endswith(": 1,200")
    made["reading"] = {"rejected": 3}
    made["retrieval"]["recall"] = 0.99
    assert list(notes(made))[1] == "index IVF4,Flat finds 99.0 % of the 40 nearest, measured on a sample"
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table({**made, "notes": told}))
    assert told[0] in console.export_text()
