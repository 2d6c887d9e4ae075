"""Two runs compared: every number again by hand, from the training rows and from what `explain` tells of each pair."""

import io
import json
from collections import Counter

import numpy as np
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import World
from rich.console import Console
from worlds import config_of, make

from miner.analysis.explain import explain
from miner.comparison import compare, table
from miner.comparison.printout import lines, omission
from miner.config import MiningConfig
from miner.page import runs
from miner.runs.run import export, mine


def two_worlds(seed):
    """A world, and one in which a few passages and queries are gone, others are new, and the vectors of some have moved."""
    first = make(seed, passages=40, queries=6)
    rng = np.random.default_rng(seed)
    kept = [name for name in first.passages if rng.random() < 0.9 or any(name in judged for judged in first.grades.values())]
    asked = list(first.queries)[:-1]
    moved = {text: [x + 0.3 * float(rng.standard_normal()) for x in vector] for text, vector in first.passage_vectors.items()}
    passages = {name: first.passages[name] for name in kept} | {"brand new": first.passages[kept[0]] + " more"}
    moved[passages["brand new"]] = moved[first.passages[kept[0]]]
    queries = {name: first.queries[name] for name in asked}
    return first, World(passages, queries, {q: first.grades[q] for q in asked}, moved, first.query_vectors, first.similarity)


def two_runs(seed, folder):
    """Both mined, by configs of their own, with ids and ranks in their rows."""
    for number, world in enumerate(two_worlds(seed)):
        config = config_of(
            seed + number, similarity=world.similarity, columns=("ids", "ranks"), output_format="triplet", fill="none", min_grade=1
        )
        yield mine(on_disk(world, folder / f"data{number}"), config, out=folder / f"run{number}")


def chosen(run):
    """{query: [passages, in the order of the first anchor that chose each]}."""
    places = {}
    for query in run.dataset.queries.ids(range(len(run.dataset.queries))):
        found = {}
        for anchor in explain(run, query)["anchors"]:
            for one in anchor["candidates"]:
                if one["status"] == "chosen":
                    found[one["id"]] = min(one["place"], found.get(one["id"], 99))
        places[query] = found
    return places


def fate(run, query, passage):
    if passage not in set(run.dataset.corpus.ids(range(len(run.dataset.corpus)))):
        return "not in its corpus"
    seen = [one for anchor in explain(run, query)["anchors"] for one in anchor["candidates"] if one["id"] == passage]
    if not seen:
        return "not retrieved"
    reasons = [one["dropped_by"] for one in seen]
    order = list(run.config.active_filters)
    return "kept, others chosen" if None in reasons else f"dropped by {max(reasons, key=order.index)}"


@settings(max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_overlap_gained_and_lost_are_those_counted_by_hand(tmp_path_factory, seed):
    """Jaccard, overlap at n, and what became of each pair in the other run."""
    first, second = two_runs(seed, tmp_path_factory.mktemp("two"))
    told, sides = compare(first, second), [chosen(first), chosen(second)]
    common = sorted(set(sides[0]) & set(sides[1]))
    assert (told["queries"]["first"], told["queries"]["second"], told["queries"]["common"]) == (*map(len, sides), len(common))
    jaccards = [len(a & b) / len(a | b) for a, b in (({*sides[0][q]}, {*sides[1][q]}) for q in common) if a | b]
    assert told["overlap"]["jaccard"]["mean"] == (pytest.approx(np.mean(jaccards)) if jaccards else None)
    assert told["overlap"]["shared"] == sum(len({*sides[0][q]} & {*sides[1][q]}) for q in common)
    for n, value in told["overlap"]["at"].items():
        tops = [[{p for p, place in side[q].items() if place <= int(n)} for q in common] for side in sides]
        shares = [len(a & b) / max(len(a), len(b)) for a, b in zip(*tops, strict=True) if a or b]
        assert value == (pytest.approx(np.mean(shares)) if shares else None)
    for name, here, there, run in (("lost", 0, 1, second), ("gained", 1, 0, first)):
        pairs = [(q, p) for q in common for p in sides[here][q] if p not in sides[there][q]]
        assert told[name] == {"pairs": len(pairs), "there": dict(Counter(fate(run, *pair) for pair in pairs))}
    assert json.loads(json.dumps(told, allow_nan=False))["overlap"] == told["overlap"]


@settings(max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_scores_and_ranks_moved_as_counted_by_hand(tmp_path_factory, seed):
    """Of positives that both have, and of negatives that both retrieved."""
    first, second = two_runs(seed, tmp_path_factory.mktemp("two"))
    told, sides, known = compare(first, second), [chosen(first), chosen(second)], [{}, {}]
    scores = [{}, {}]
    for side, run in enumerate((first, second)):
        for query in set(sides[0]) & set(sides[1]):
            for anchor in explain(run, query)["anchors"]:
                scores[side] |= {(query, one["id"]): one["score"] for one in anchor["candidates"]}
                for one in anchor["positives"]:
                    better = sum(other["score"] > one["score"] for other in anchor["candidates"])
                    known[side][query, one["id"]] = (one["score"], better + 1 if better < len(anchor["candidates"]) else 0)
    both = known[0].keys() & known[1].keys()
    moved = [known[1][pair][0] - known[0][pair][0] for pair in both]
    assert told["scores"]["positives"]["mean"] == pytest.approx(np.mean(moved), abs=1e-6)
    order = [[known[side][pair][1] or 10**9 for pair in both] for side in (0, 1)]
    assert told["positives"]["better"] == sum(after < before for before, after in zip(*order, strict=True))
    assert told["positives"]["worse"] == sum(after > before for before, after in zip(*order, strict=True))
    assert told["positives"]["retrieved"] == [sum(rank < 10**9 for rank in side) for side in order]
    taken = {(q, p) for side in sides for q in side if q in sides[0] and q in sides[1] for p in side[q]}
    pairs = [pair for pair in taken if pair in scores[0] and pair in scores[1]]
    assert told["scores"]["negatives"]["count"] == len(pairs)
    if pairs:
        assert told["scores"]["negatives"]["mean"] == pytest.approx(np.mean([scores[1][p] - scores[0][p] for p in pairs]), abs=1e-6)


@pytest.fixture
def pair(tmp_path):
    """A run and a stricter choice from it."""
    run = mine(on_disk(make(3, passages=40, queries=6), tmp_path / "data"), MiningConfig.of(depth=15, negatives=3), out=tmp_path / "one")
    strict = MiningConfig.of(**run.config.model_dump() | {"filters": ("margin:relative=0.5", "same_text:off"), "negatives": 2})
    return run, export(run, strict, out=tmp_path / "two")


def test_a_run_is_like_itself(pair):
    """Nothing gained, nothing lost, nothing moved, nothing made differently."""
    told = compare(pair[0], pair[0])
    assert (told["overlap"]["same"], told["overlap"]["jaccard"]["mean"], told["config"], told["examples"]) == (1.0, 1.0, {}, [])
    assert told["gained"]["pairs"] == told["lost"]["pairs"] == 0
    assert (told["scores"]["positives"]["min"], told["scores"]["positives"]["max"]) == (0, 0)
    assert "Score drift" not in runs(told, ("a", "b"))


def test_what_did_not_change_is_left_out_and_named_in_one_line(pair):
    """Of a run and itself every number; of two runs those that are equal."""
    told = compare(pair[0], pair[0])
    assert told["unchanged"] == [
        *("gained", "lost", "scores of negatives", "scores of positives", "ranks of positives"),
        *told["counts"],
        *(f"− {name}" for name in told["dropped"]),
    ]
    assert [line.split()[0] for line in lines(told)] == ["6", "negatives:", "100.0"]
    (line,) = omission(told)
    assert line.startswith("left out, since both runs have the same or none: gained, lost, scores of negatives, ")
    assert "complete pairs, " in line
    changed = compare(*pair)
    assert {"queries", "scores of positives"} <= set(changed["unchanged"])
    assert not {"negatives", "lost"} & set(changed["unchanged"])
    page = runs(changed, ("a", "b"))
    assert ("<td>queries</td>" in page, "<td>negatives</td>" in page, "Left out, since both runs" in page) == (False, True, True)


def test_what_differs_is_told_setting_by_setting(pair):
    """Filters one by one, other settings by name, both reports side by side."""
    told = compare(*pair)
    assert told["config"]["negatives"] == [3, 2]
    assert told["config"]["filter same_text"] == ["on", "off"]
    assert set(told["config"]) - {"version faiss-simd"} == {"negatives", "filter same_text", "filter margin"}
    assert told["counts"]["negatives"] == [run.report["counts"]["chosen"] for run in pair]
    assert told["dropped"]["same_text"] == [pair[0].report["counts"]["dropped"]["same_text"], None]


def test_an_approximate_index_is_named_with_what_it_does_to_ranks(tmp_path):
    """Its setting and recall are among the differences, and a sentence says why positives rank better; screen and page show it."""
    data = on_disk(make(3, passages=300, queries=60, dim=8), tmp_path / "data")
    one, two = (
        mine(data, MiningConfig.of(depth=20, index=index), out=tmp_path / name)
        for name, index in (("exact", "exact"), ("ivf", "IVF16,Flat:nprobe=1"))
    )
    result = compare(one, two)
    recall = two.manifest["retrieval"]["recall"]
    assert result["config"]["index searched"] == ["exact", "IVF16,Flat:nprobe=1"]
    assert result["config"]["recall of the index"] == [1.0, recall]
    (note,) = result["notes"]
    assert note.startswith(f"index IVF16,Flat:nprobe=1 of the second run misses candidates (recall {recall:.3f}), and ranks count")
    assert note in [*lines(result)]
    assert note in runs(result, ("a", "b"))
    assert compare(one, one)["notes"] == []


def test_screen_and_page_show_it(pair):
    """Every fate, every difference, texts escaped."""
    told = compare(*pair)
    told["examples"][0]["query"] = "<b>bold</b>"
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(table(told))
    shown, page = console.export_text(), runs(told, ("one", "<two>"))
    for text in [*told["lost"]["there"], *told["config"], "Jaccard"]:
        assert text in shown
        assert text in page
    assert "<two>" not in page
    assert "<b>bold" not in page
    assert page.startswith("<!doctype html>")
