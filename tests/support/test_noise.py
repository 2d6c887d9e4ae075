"""Noise depends on seed, query id and passage id, on each of them, and on nothing else."""

import numpy as np
import oracle
from hypothesis import given
from hypothesis import strategies as st

from miner.support import noise

ids = st.lists(st.text(max_size=5), min_size=1, max_size=6)


@given(seed=st.integers(0, 2**63 - 1), queries=ids, passages=ids)
def test_equals_plain_whole_numbers(seed, queries, passages):
    """The vectorised mixer is the plain one, pair by pair."""
    drawn = noise.uniform(seed, noise.keys(queries), np.tile(noise.keys(passages), (len(queries), 1)))
    assert drawn.tolist() == [[oracle.noise(seed, query, passage) for passage in passages] for query in queries]


def test_known_values():
    """These never change: a seed in an old manifest means the same draw for ever."""
    drawn = noise.uniform(7, noise.keys(["q1", "q2"]), np.tile(noise.keys(["p1", "é"]), (2, 1)))
    assert drawn.tolist() == [[0.48042885011021635, 0.41370873218041565], [0.7803909774919167, 0.23546139694672757]]


def test_every_part_counts():
    """Another seed, query or passage is another number; inside (0, 1); evenly spread."""
    keys = [noise.keys(f"{side}{i}" for i in range(200)) for side in "qp"]
    both = [noise.uniform(seed, keys[0], np.tile(keys[1], (200, 1))) for seed in (0, 1)]
    values = np.stack(both)
    assert len(np.unique(values)) == values.size
    assert 0 < values.min() < values.max() < 1
    assert abs(np.histogram(values, 10, (0, 1))[0] - 8000).max() < 5 * np.sqrt(8000)
    assert abs(np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(both[0][0], both[0][1])[0, 1]) < 0.3
