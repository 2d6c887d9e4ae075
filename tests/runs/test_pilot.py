"""A pilot measures speeds and tries a piece; the store is left as it is."""

import time

import numpy as np
import pytest

from miner.config import MiningConfig, Runtime
from miner.encode import StoredVectors, load_encoder
from miner.read import read_inline
from miner.runs import pilot
from miner.runs.pilot import Speed


@pytest.fixture
def texts(tmp_path):
    """300 passages and 150 queries of 1 to 30 words."""
    line = lambda i: " ".join(f"w{(i * k) % 50}" for k in range(1, 2 + i % 30))  # noqa: E731
    passages = [{"id": f"p{i}", "text": f"{line(i)} {i}"} for i in range(300)]
    queries = [{"id": f"q{i}", "text": f"{line(i)} ? {i}", "positives": [f"p{i}"]} for i in range(150)]
    return read_inline(queries, passages, tmp_path / "given")


@pytest.fixture
def stored(tiny_model, tmp_path):
    config, runtime = MiningConfig.of(model=str(tiny_model)), Runtime.of(cache=tmp_path / "cache")
    return StoredVectors(load_encoder(config, runtime), runtime.cache)


def test_a_speed_is_that_of_the_encoder(texts, stored, monkeypatch):
    """Of an encoder that takes two milliseconds a text; texts go from the longest to the shortest, and none is stored."""
    seen = []

    def slow(asked, side):
        seen.append([len(text) for text in asked])
        time.sleep(0.002 * len(asked))
        return np.zeros((len(asked), stored.dim), dtype=np.float32)

    monkeypatch.setattr(stored.encoder, "encode", slow)
    monkeypatch.setattr(pilot, "SPEED_SECONDS", 0.2)
    found = pilot.encoding_speeds(stored, texts)
    assert {side: speed.texts for side, speed in found.items()} == {"passage": 300, "query": 150}
    assert all(0.002 <= speed.seconds < 0.004 for speed in found.values())
    assert [len(each) for each in seen] == [16, 64, 256, 16, 64, 150]
    assert all(each == sorted(each, reverse=True) for each in seen)
    assert stored.missing(texts) == 450


def test_what_is_stored_costs_nothing(texts, stored):
    """Speeds are told for what is missing."""
    stored.vectors(texts.corpus, np.arange(300), "passage")
    found = pilot.encoding_speeds(stored, texts)
    assert found["passage"] == Speed(0, 0.0)
    assert found["query"].texts == 150


@pytest.mark.parametrize(("seconds", "size"), [(1.0, 96), (6 / 300, 300), (0.0, 450)])
def test_a_piece_is_as_large_as_its_time(texts, seconds, size):
    """Never less than 96 texts, never more than there are."""
    assert pilot.subset_texts({"dense": {"passage": Speed(450, seconds)}}, texts) == size


def test_a_piece_goes_through_both_passes(texts, stored, tmp_path):
    """Every stage is timed, and the store stays empty."""
    config, runtime = MiningConfig.of(model=stored.encoder.name, depth=20), Runtime.of(cache=tmp_path / "cache")
    piece = pilot.run_pilot(texts, {"dense": stored}, config, runtime, tmp_path / "pilot", 200, ".jsonl")
    assert (len(piece.dataset.queries), len(piece.dataset.corpus)) == (40, 160)
    assert {"encode", "encoder", "retrieve", "choose and write", "report", "second pass"} <= set(piece.seconds)
    assert piece.candidates >= 40 * 20
    assert piece.file.is_file()
    assert stored.missing(texts) == 450


def test_a_search_costs_time_for_every_source(texts, stored, tmp_path):
    """A word index beside vectors costs more than vectors alone; without either it costs nothing."""
    runtime = Runtime.of(cache=tmp_path / "cache", threads=1)
    alone = MiningConfig.of(model=stored.encoder.name, depth=20)
    config = MiningConfig.of(model=stored.encoder.name, sources=("dense", "bm25"), depth=20)
    piece = pilot.run_pilot(texts, {"dense": stored}, config, runtime, tmp_path / "pilot", 450, ".jsonl")
    assert pilot.search_costs(piece, {"dense": stored}, config, runtime, 1) > 0
    assert pilot.search_costs(piece, {}, alone, runtime, 1) == 0
