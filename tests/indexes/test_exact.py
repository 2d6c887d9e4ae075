"""Exact search equals brute force, however the passages are sliced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.indexes import Exact, exact
from miner.sources.scoring import pair_scores

SIMILARITIES = ("cosine", "dot", "euclidean")


def brute(queries, passages, similarity):
    """Scores (B, U) in float64, as the index gives them: minus the squared distance for euclidean."""
    left, right = queries.astype(np.float64), passages.astype(np.float64)
    return -((left[:, None] - right) ** 2).sum(axis=2) if similarity == "euclidean" else left @ right.T


@pytest.mark.parametrize("similarity", SIMILARITIES)
@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 70),
    asked=st.sampled_from([1, 3, 40]),
    slices=st.sampled_from([1, 7, 16, 1000]),
    share=st.floats(0, 1),
)
def test_equals_brute_force(similarity, seed, count, asked, slices, share):
    """The k best scores, best first, with their positions; slices shorter than k are merged too."""
    rng = np.random.default_rng(seed)
    queries, passages = (rng.standard_normal((n, 5)).astype(np.float32) for n in (asked, count))
    k = max(1, round(share * count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "PASSAGE_ROWS", slices)
        scores, positions = Exact(passages, similarity).nearest(queries, k)
    right = brute(queries, passages, similarity)
    assert scores.shape == positions.shape == (asked, k)
    assert np.allclose(scores, -np.sort(-right, axis=1)[:, :k], atol=1e-5)
    assert np.allclose(scores, np.take_along_axis(right, positions, axis=1), atol=1e-5)
    assert all(len(set(row)) == k for row in positions.tolist())


def test_a_matrix_on_disk_is_searched_as_it_is(tmp_path):
    """Memory-mapped, as a run has it."""
    passages = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    mapped = np.memmap(tmp_path / "m", dtype=np.float32, mode="w+", shape=(50, 4))
    mapped[:] = passages
    for here, there in zip(Exact(mapped, "dot").nearest(passages[:3], 9), Exact(passages, "dot").nearest(passages[:3], 9), strict=True):
        assert np.array_equal(here, there)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), far=st.sampled_from([0, 1, 1000]), k=st.integers(1, 49), asked=st.sampled_from([2, 40]))
def test_what_is_left_out_scores_no_higher_than_told(similarity, seed, far, k, asked):
    """By the function that scores pairs, also where all vectors are long and close together; the whole corpus leaves nothing out."""
    rng = np.random.default_rng(seed)
    queries, passages = ((far + rng.standard_normal((n, 6)).round(1)).astype(np.float32) for n in (asked, 50))
    index = Exact(passages, similarity)
    positions, outside = index.search(queries, k)
    scores = pair_scores(queries, passages, np.tile(np.arange(50), (asked, 1)), similarity)
    for b in range(asked):
        assert np.delete(scores[b], positions[b]).max() <= outside[b]
    assert np.isneginf(index.search(queries, 50)[1]).all()
