"""One function scores a pair: right to rounding, and the same bits in whatever company the pair is scored."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.sources.scoring import order_keys, pair_scores, to_unit

SIMILARITIES = ("cosine", "dot", "euclidean")


def draw(seed, queries, passages, dim, k):
    rng = np.random.default_rng(seed)
    left, right = (rng.standard_normal((n, dim)).astype(np.float32) * np.float32(10.0 ** rng.integers(-3, 4)) for n in (queries, passages))
    return left, right, rng.integers(-1, passages, (queries, k))


drawn = st.builds(
    draw, st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 30), st.sampled_from([1, 2, 3, 7, 8, 31, 64, 384]), st.integers(1, 12)
)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@settings(max_examples=40)
@given(given=drawn)
def test_equals_plain_arithmetic(similarity, given):
    """Inner product, or minus the distance, in float64, within float32 rounding; NaN where there is no passage."""
    queries, passages, positions = given
    scores = pair_scores(queries, passages, positions, similarity)
    left, right = queries.astype(np.float64)[:, None], passages.astype(np.float64)[positions]
    wanted = -np.sqrt(((left - right) ** 2).sum(axis=2)) if similarity == "euclidean" else (left * right).sum(axis=2)
    size = np.linalg.norm(left, axis=2) + np.linalg.norm(right, axis=2)
    bound = 2e-7 * queries.shape[1] * (size if similarity == "euclidean" else size**2) + 1e-30
    assert scores.dtype == np.float32
    assert np.array_equal(np.isnan(scores), positions < 0)
    assert (np.abs(scores - wanted) <= bound)[positions >= 0].all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@settings(max_examples=40)
@given(given=drawn)
def test_a_pair_has_one_score(similarity, given):
    """Alone, in another batch, in another order, in memory-mapped or sliced arrays: the same bits."""
    queries, passages, positions = given
    scores = pair_scores(queries, passages, positions, similarity)
    backwards = pair_scores(queries[::-1], passages, positions[::-1, ::-1], similarity)[::-1, ::-1]
    assert scores.tobytes() == backwards.tobytes()
    for b, k in zip(*np.nonzero(positions >= 0), strict=True):
        row = positions[b, k]
        alone = pair_scores(queries[b : b + 1], passages[row : row + 1], np.array([[0]]), similarity)
        assert alone.tobytes() == scores[b, k].tobytes()


def test_a_row_of_any_size_becomes_one_of_length_one():
    """Its length is taken in float64: squares that float32 has no room for count; a zero vector stays one."""
    vectors = np.array([[3e25, 4e25], [3e-25, -4e-25], [0, 0]], dtype=np.float32)
    to_unit(vectors)
    assert np.allclose(vectors, [[0.6, 0.8], [0.6, -0.8], [0, 0]], rtol=1e-6, atol=0)


def test_zero_has_one_bit_pattern():
    """-0.0 and 0.0 are one score."""
    queries, passages = np.array([[1, 0]], dtype=np.float32), np.array([[0, 1], [-0.0, -1], [1, 0]], dtype=np.float32)
    for similarity in SIMILARITIES:
        scores = pair_scores(queries, passages, np.array([[0, 1, 2]]), similarity)
        assert not np.signbit(scores[scores == 0]).any()


def test_a_passage_that_is_not_there_is_an_error():
    """Never a read beyond the matrix; nothing asked is nothing scored."""
    queries, passages = np.ones((1, 2), dtype=np.float32), np.ones((3, 2), dtype=np.float32)
    for wrong in (3, -2):
        with pytest.raises(IndexError, match="of 3 passages"):
            pair_scores(queries, passages, np.array([[0, wrong]]), "dot")
    assert pair_scores(queries, passages, np.empty((1, 0), dtype=np.int64), "dot").shape == (1, 0)


SPECIAL = [0.0, 1e-45, -1e-45, 1.0, -1.0, math.inf, -math.inf, 0.1, np.float32(0.1) + np.float32(1e-8)]


@settings(max_examples=100)
@given(pairs=st.lists(st.tuples(st.sampled_from(SPECIAL) | st.floats(width=32, allow_nan=False), st.integers(-1, 2**31 - 1)), min_size=1))
def test_order_keys_sort_by_score_then_position(pairs):
    """Score falling, position rising, padding last."""
    scores = np.array([[score if position >= 0 else math.nan for score, position in pairs]], dtype=np.float32) + np.float32(0)
    positions = np.array([[position for _, position in pairs]])
    order = np.argsort(order_keys(scores, positions), axis=1, kind="stable")[0]
    plain = sorted(range(len(pairs)), key=lambda i: (positions[0, i] < 0, 0 if positions[0, i] < 0 else -scores[0, i], positions[0, i]))
    assert [positions[0, i] for i in order] == [positions[0, i] for i in plain]
