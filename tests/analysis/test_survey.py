"""The survey counts what the run's own report counts, and orders what there is to review, whatever the order of the data."""

import numpy as np
import orjson
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, make

from miner.analysis.explain import explain
from miner.analysis.survey import round_edges, survey
from miner.runs.run import mine


def run_of(seed, folder, **fixed):
    world = make(seed, passages=40)
    return mine(on_disk(world, folder / "data"), config_of(seed, similarity=world.similarity, **fixed), out=folder / "run")


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_it_counts_as_the_report_does(tmp_path_factory, seed):
    run = run_of(seed, tmp_path_factory.mktemp("survey"))
    found, counts = survey(run), run.report["counts"]
    scores = found["scores"]
    assert sum(scores["kept"]) == counts["kept"]
    assert sum(scores["dropped"]) == sum(counts["dropped"].values())
    assert len(scores["edges"]) == len(scores["kept"]) + 1
    assert sum(scores["chosen"]) <= counts["chosen"]
    assert orjson.loads(orjson.dumps(found)) == found


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_the_most_suspicious_is_the_one_with_the_smallest_margin(tmp_path_factory, seed):
    """By the margins that `explain` tells of chosen candidates."""
    run = run_of(seed, tmp_path_factory.mktemp("survey"), fill="none")
    for case in survey(run)["suspicious"]:
        chosen = [one for anchor in explain(run, case["query_id"])["anchors"] for one in anchor["candidates"] if one["status"] == "chosen"]
        margins = [one["margin"] for one in chosen if one["margin"] is not None]
        assert case["passage_id"] in {one["id"] for one in chosen}
        assert case["margin"] == pytest.approx(min(margins), abs=1e-6) if margins else case["margin"] is None


def test_the_sample_is_the_same_for_everybody_and_holds_each_pair_once(tmp_path):
    run = run_of(3, tmp_path, filters=("margin:off", "nearest:off"))
    sample = survey(run)["sample"]
    assert sample == survey(run)["sample"]
    pairs = [(pair["query_id"], pair["passage_id"]) for pair in sample]
    assert pairs
    assert len(set(pairs)) == len(pairs)
    assert pairs != sorted(pairs)


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.853), (-1, 1), (-3e4, 1.7e5), (0.5, 0.5), (1e-4, 3e-4)])
def test_edges_are_round_and_hold_everything(low, high):
    edges = round_edges(low, high, 200)
    assert edges[0] <= low <= high < edges[-1]
    assert len(edges) <= 202
    assert (np.diff(edges) > 0).all()
    assert all(len(f"{edge:.6g}") <= 9 for edge in edges)
