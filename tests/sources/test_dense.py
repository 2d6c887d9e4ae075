"""The dense source: one position per distinct text in id order, and the exact best whatever the index proposes first."""

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import SIMILARITIES, Prescribed, dataset_of, make

from miner.indexes import Exact
from miner.sources import Dense
from miner.sources.dense import distinct


def source_of(world, folder, index="exact"):
    dataset = dataset_of(world, into=folder / "dataset")
    return dataset, Dense(dataset, Prescribed(world), folder, index)


class Grudging(Exact):
    """An exact index that is as unhelpful as rounding allows: wrong order, wrong choice at the boundary."""

    def __init__(self, source, seed):
        super().__init__(source.passages, source.similarity)
        self._rng, self.asked = np.random.default_rng(seed), []

    def nearest(self, queries, k):
        """Scores off by a quarter of the doubt, so that near ties come in any order."""
        self.asked.append(k)
        left, right = queries.astype(np.float64), self._vectors.astype(np.float64)
        scores = left @ right.T
        if self._similarity == "euclidean":
            scores = 2 * scores - (left**2).sum(axis=1)[:, None] - (right**2).sum(axis=1)
        off = scores + (self._rng.random(scores.shape) - 0.5) * 0.5 * self._doubt(queries)[:, None]
        best = np.argsort(-off, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(off, best, axis=1).astype(np.float32), best


@pytest.mark.slow
@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    similarity=st.sampled_from(SIMILARITIES),
    style=st.sampled_from(["grid", "equal", "far"]),
    depth=st.integers(1, 12),
    slack=st.sampled_from([0, 1, 16]),
)
def test_the_best_are_exact_whatever_is_proposed(tmp_path_factory, seed, similarity, style, depth, slack):
    """Rounding at the boundary never lets a worse passage in, nor breaks a tie other than by id."""
    world = make(seed, passages=60, queries=4, dim=4, similarity=similarity, style=style)
    dataset, source = source_of(world, tmp_path_factory.mktemp("dense"))
    source.index = Grudging(source, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("miner.sources.dense.SLACK", slack)
        rows, scores, _ = source.retrieve(np.arange(4), depth)
    for place, query in enumerate(dataset.queries.ids(range(4))):
        best = oracle.ranked(world, query, list(world.grades[query]), 1)[:depth]
        assert dataset.corpus.ids(rows[place]) == [candidate.id for candidate in best]
        assert scores[place].tolist() == [candidate.score for candidate in best]


@pytest.mark.parametrize(("style", "turns"), [("normal", 1), ("equal", 3)])
def test_only_doubtful_queries_are_asked_again(tmp_path, style, turns):
    """Where the boundary is clear the first proposal is enough; where too many scores are equal the search goes on to the end."""
    world = make(1, passages=200, queries=3, dim=16, similarity="dot", style=style)
    _, source = source_of(world, tmp_path)
    source.index = Grudging(source, 1)
    source.retrieve(np.arange(3), 30)
    assert source.index.asked == [46, 92, len(source.passages)][:turns]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), order=st.integers(0, 9))
def test_distinct_texts_in_id_order(tmp_path_factory, seed, order):
    """Of equal texts the smallest id stands for all; positions follow the ids."""
    world = make(seed, passages=30)
    dataset = dataset_of(world, into=tmp_path_factory.mktemp("distinct"), order=order)
    rows, position = distinct(dataset.corpus)
    names = dataset.corpus.ids(range(30))
    smallest = {}
    for name in oracle.by_id(names):
        smallest.setdefault(world.passages[name], name)
    assert [names[row] for row in rows] == oracle.by_id(smallest.values())
    assert [names[rows[at]] for at in position] == [smallest[world.passages[name]] for name in names]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_positives_are_on_the_scale_of_candidates(tmp_path, similarity):
    """A passage has one score, whether it is asked for or found; -1 gives NaN."""
    world = make(5, similarity=similarity)
    _, source = source_of(world, tmp_path)
    rows, scores, _ = source.retrieve(np.arange(5), 20)
    assert np.array_equal(source.score(np.arange(5), rows), scores)
    assert np.isnan(source.score(np.arange(5), np.full((5, 1), -1))).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_unit_length_for_cosine_only(tmp_path, similarity):
    """A zero vector stays zero, and scores zero or its distance, never NaN."""
    world = make(8, similarity=similarity, style="grid")
    world.passage_vectors[next(iter(world.passage_vectors))][:] = [0.0] * 3
    _, source = source_of(world, tmp_path)
    lengths = np.linalg.norm(source.passages, axis=1)
    assert (lengths == 0).any()
    assert np.allclose(lengths[lengths > 0], 1) == (similarity == "cosine")
    assert np.isfinite(source.retrieve(np.arange(5), 50)[1]).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_above_counts_what_outscores_the_bar(tmp_path, similarity):
    """In a corpus no larger than the sample the count is right."""
    world = make(9, passages=60, similarity=similarity)
    _, source = source_of(world, tmp_path)
    _, scores, _ = source.retrieve(np.arange(5), 60)
    middle = (scores[:, 10] + scores[:, 11]) / 2
    assert source.above(np.arange(5), middle).tolist() == (scores > middle[:, None]).sum(axis=1).tolist()


def test_an_index_that_finds_fewer_pads(tmp_path):
    """-1 and NaN behind the last candidate found."""
    world = make(4, passages=200, queries=6, dim=8)
    _, source = source_of(world, tmp_path, "IVF8,Flat")
    rows, scores, _ = source.retrieve(np.arange(6), 40)
    assert (rows[:, -1] == -1).any()
    assert np.array_equal(rows < 0, np.isnan(scores))
    assert (np.diff((rows < 0).astype(int), axis=1) >= 0).all()
