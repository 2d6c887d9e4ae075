"""Scores are stored by the content of both texts: made once, in the same blocks after a kill, shared by data sets."""

import numpy as np
import pytest

from miner.errors import ModelError
from miner.judges import stored_scores
from miner.judges.stored_scores import StoredScores, pair_keys
from miner.read import read_inline


class Counting:
    """Scores a pair by its lengths, and keeps the blocks that it was asked for."""

    name = "counting"

    def __init__(self, fails_at=None):
        self.blocks, self.fails_at = [], fails_at

    def describe(self):
        return {"judge": "counting", "fingerprint": "0" * 64, "model": {"name": "counting"}}

    def score(self, queries, passages):
        if len(self.blocks) == self.fails_at:
            raise KeyboardInterrupt
        self.blocks.append(list(zip(queries, passages, strict=True)))
        return np.array([len(query) + 100 * len(passage) for query, passage in zip(queries, passages, strict=True)], dtype=np.float32)


@pytest.fixture
def dataset(tmp_path):
    passages = [{"id": f"p{i}", "text": "x" * (i % 5 + 1)} for i in range(10)]
    return read_inline([{"id": f"q{i}", "text": "w" * (i + 1), "positives": ["p0"]} for i in range(4)], passages, tmp_path / "data")


QUERIES, ROWS = np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4)


def test_a_pair_is_scored_once(dataset, tmp_path):
    """Passages 0 and 5 have the same text; a second call, and another object, score nothing."""
    model = Counting()
    scores = StoredScores(model, tmp_path).scores(dataset, QUERIES, ROWS)
    lengths = [len(text) for text in dataset.corpus.texts(np.arange(10))]
    assert scores.tolist() == [query + 1 + 100 * lengths[row] for query, row in zip(QUERIES, ROWS, strict=True)]
    assert sum(map(len, model.blocks)) == 20
    assert np.array_equal(StoredScores(Counting(fails_at=0), tmp_path).scores(dataset, QUERIES, ROWS), scores)


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_a_killed_judge_goes_on_with_the_same_blocks(dataset, tmp_path, monkeypatch, fails_at):
    """Blocks before the kill stay; those after it hold the same pairs as without it."""
    monkeypatch.setattr(stored_scores, "BLOCK_PAIRS", 4)
    whole, killed, resumed = Counting(), Counting(fails_at), Counting()
    StoredScores(whole, tmp_path / "whole").scores(dataset, QUERIES, ROWS)
    with pytest.raises(KeyboardInterrupt):
        StoredScores(killed, tmp_path / "cut").scores(dataset, QUERIES, ROWS)
    StoredScores(resumed, tmp_path / "cut").scores(dataset, QUERIES, ROWS)
    assert killed.blocks + resumed.blocks == whole.blocks


def test_a_score_that_is_no_number_is_refused(dataset, tmp_path):
    """The message names the pair; nothing of the block is stored."""
    model = Counting()
    model.score = lambda queries, passages: np.full(len(queries), np.nan, dtype=np.float32)
    with pytest.raises(ModelError, match=r"judge 'counting' gives NaN or infinity for query 'q3' and passage 'p\d'"):
        StoredScores(model, tmp_path).scores(dataset, QUERIES, ROWS)
    assert np.isfinite(StoredScores(Counting(), tmp_path).scores(dataset, QUERIES, ROWS)).all()


def test_the_key_is_of_both_texts_in_their_roles(tmp_path):
    """(a, b) is another pair than (b, a)."""
    passages = [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]
    queries = [{"id": "1", "text": "a", "positives": ["1"]}, {"id": "2", "text": "b", "positives": ["1"]}]
    keys = pair_keys(read_inline(queries, passages, tmp_path / "d"), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert len(np.unique(keys, axis=0)) == 4
