"""The cosine to the nearest positive, against plain float64 arithmetic, for models of any length of vector."""

import numpy as np
import pytest
from worlds import SIMILARITIES, Prescribed, anchors_of, dataset_of, make

from miner.core.retrieval import _padded
from miner.evidence import EVIDENCE
from miner.sources import Dense


def measured(world, folder):
    dataset = dataset_of(world, into=folder / "dataset")
    source = Dense(dataset, Prescribed(world), folder)
    queries = np.arange(len(dataset.queries))
    rows, scores, _ = source.retrieve(queries, 60)
    positives = _padded([dataset.qrels.positives(query) for query in queries])
    bare = anchors_of(rows, scores, positives, positives)
    vectors = Prescribed(world).vectors(dataset.corpus, range(len(dataset.corpus)), "passage").astype(np.float64)
    return bare, EVIDENCE["near_positive"](dataset, source)(bare), vectors


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("style", ["normal", "grid", "far"])
def test_equals_plain_arithmetic(tmp_path, similarity, style):
    """The largest cosine to any positive, not the smallest; a zero vector is near nothing."""
    bare, near, vectors = measured(make(6, passages=40, dim=5, similarity=similarity, style=style), tmp_path)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-30)
    cosines = vectors @ vectors.T / lengths / lengths[:, None]
    for q, row in enumerate(bare.rows):
        known = bare.positives[q][bare.positives[q] >= 0]
        assert near[q] == pytest.approx(cosines[row][:, known].max(axis=1), abs=1e-6)


def test_a_positive_is_near_itself(tmp_path):
    """Cosine one, within rounding, unless its vector is zero."""
    bare, near, vectors = measured(make(6, similarity="dot"), tmp_path)
    own = (bare.rows[:, :, None] == bare.positives[:, None, :]).any(axis=2) & (np.linalg.norm(vectors, axis=1) > 0)[bare.rows]
    assert own.any()
    assert near[own] == pytest.approx(1, abs=1e-6)
