"""Negatives of one row that are not copies of each other equal a walk by hand."""

import numpy as np
import pytest
from worlds import make, mined

from miner.config import MiningConfig
from miner.core.near_duplicates import exclude_near_duplicates


def by_hand(rows, usable, taken, vectors, cosine):
    chosen = np.zeros(rows.shape, dtype=bool)
    for anchor, row in enumerate(rows):
        held = [name for name in taken[anchor] if name >= 0]
        for column, name in enumerate(row):
            products = [sum(float(a) * float(b) for a, b in zip(vectors[name], vectors[other], strict=True)) for other in held]
            if usable[anchor, column] and len(held) < taken.shape[1] and not any(product >= cosine for product in products):
                chosen[anchor, column] = True
                held.append(name)
    return chosen


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.5, 0.95, 1.0])
def test_equals_a_walk_by_hand(cosine):
    """For any order, any usable ones, with slots that are taken already."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((30, 3))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    vectors[20:] = vectors[:10]
    rows = np.array([rng.permutation(30)[:20] for _ in range(60)], dtype=np.int32)
    taken = np.full((60, 4), -1, dtype=np.int32)
    taken[::3, 0] = 5
    taken[::6, 1] = 7
    usable = rng.random(rows.shape) < 0.7
    assert np.array_equal(exclude_near_duplicates(rows, usable, taken, vectors, cosine), by_hand(rows, usable, taken, vectors, cosine))


def test_copies_are_passed_over_and_the_row_stays_full():
    """Of passages with the same vector one is taken."""
    world = make(2, passages=60, queries=6, dim=1)
    given = {"filters": ("near_positive:off", "nearest:off", "margin:off"), "negatives": 4, "ladder": 0, "judged": "ignore"}
    assert all(len(row.negatives) == 4 for row in mined(world, MiningConfig.of(**given)))
    for row in mined(world, MiningConfig.of(distinct=0.95, **given)):
        signs = [np.sign(world.passage_vectors[world.passages[name]][0]) for name, *_ in row.negatives]
        assert len(signs) == len(set(signs))
