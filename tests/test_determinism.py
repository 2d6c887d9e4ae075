"""The same vectors give the same rows: input order, blocks, slices, threads and slack do not matter, however many scores are tied."""

import tempfile
from pathlib import Path

import faiss
import numpy as np
import pytest
from worlds import SIMILARITIES, STYLES, Prescribed, dataset_of, make, rows_of

from miner.config import MiningConfig
from miner.core import retrieval
from miner.indexes import exact
from miner.sources import dense

CONFIG = MiningConfig.of(
    depth=9,
    max_depth=70,
    negatives=6,
    fill="random",
    sampler="uniform:first=7",
    filters=("near_positive:off", "margin:relative=0.05,background=0.1,below=10,relax=true"),
    seed=5,
)


@pytest.fixture
def threads():
    """The number of threads, as it was before."""
    before = faiss.omp_get_max_threads()
    yield faiss.omp_set_num_threads
    faiss.omp_set_num_threads(before)


def rows(world, order=None):
    with tempfile.TemporaryDirectory() as folder:
        return rows_of(dataset_of(world, into=Path(folder), order=order), Prescribed(world), CONFIG)


def large(similarity, style):
    """Enough queries that FAISS takes its blocked way, and ties across every boundary."""
    return make(17, passages=250, queries=25, dim=5, similarity=similarity, style=style)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("style", STYLES)
def test_nothing_but_the_vectors_matters(similarity, style, threads, monkeypatch):
    """Rows, ranks, tiers and scores are the same bits for every way of cutting and ordering the work."""
    world = large(similarity, style)
    right = rows(world)
    assert sum(len(row.negatives) for row in right) > 100
    for order, block, slices, slack, count in [(1, 4096, 64, 16, 1), (2, 22, 262144, 0, 2), (None, 1, 50, 1, 2)]:
        monkeypatch.setattr(retrieval, "BLOCK", block)
        monkeypatch.setattr(exact, "PASSAGE_ROWS", slices)
        monkeypatch.setattr(dense, "SLACK", slack)
        threads(count)
        assert rows(world, order) == right


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_larger_corpus_keeps_the_scores(similarity):
    """A pair scores the same whatever else is in the corpus."""
    world, small = large(similarity, "normal"), 120
    fewer = type(world)(dict(list(world.passages.items())[:small]), world.queries, {}, *list(vars(world).values())[3:])
    for query, grades in world.grades.items():
        fewer.grades[query] = {p: g for p, g in grades.items() if p in fewer.passages} or {next(iter(fewer.passages)): 2}
    scores = [{(row.query, name): score for row in rows(each) for name, score in row.candidates} for each in (world, fewer)]
    both = scores[0].keys() & scores[1].keys()
    assert len(both) > 100
    assert all(scores[0][pair] == scores[1][pair] for pair in both)


def test_another_seed_is_another_draw():
    """And only that: what is retrieved and what is dropped stay."""
    world = large("dot", "normal")
    with tempfile.TemporaryDirectory() as folder:
        dataset = dataset_of(world, into=Path(folder))
        one, other = (rows_of(dataset, Prescribed(world), CONFIG.model_copy(update={"seed": seed})) for seed in (1, 2))
    assert [(row.candidates, row.dropped_by) for row in one] == [(row.candidates, row.dropped_by) for row in other]
    assert np.mean([a.negatives != b.negatives for a, b in zip(one, other, strict=True)]) > 0.5
