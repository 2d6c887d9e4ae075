"""What a piece says about the whole."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import dataset_of, make

from miner.config import MiningConfig, Runtime
from miner.encode import StoredVectors, load_encoder
from miner.read import read_inline
from miner.runs import estimate as module
from miner.runs import pilot
from miner.runs.run import mine


@pytest.fixture
def texts(tmp_path):
    """2,000 passages of 50 words and 400 queries: a query's own word is in every tenth passage, so that many run short at depth 40."""
    draw = np.random.default_rng(0)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{w}" for w in draw.integers(0, 50, 6)) + f" {i}"} for i in range(2000)]
    queries = [{"id": f"q{i}", "text": f"w{i % 50} w{i % 49} {i}", "positives": [f"p{5 * i}"]} for i in range(400)]
    return read_inline(queries, passages, tmp_path / "given")


@pytest.fixture
def whole(texts, tiny_model, tmp_path, monkeypatch):
    """An estimate from a quarter of the data, and the run."""
    config, runtime = MiningConfig.of(model=str(tiny_model), depth=40, max_depth=200), Runtime.of(cache=tmp_path / "cache")
    stored = StoredVectors(load_encoder(config, runtime), runtime.cache)
    monkeypatch.setattr(pilot, "MAX_TEXTS", 600)
    told = module.estimate(texts, {"dense": stored}, config, runtime, elapsed={"read": 1.5}, work=tmp_path / "pilot")
    return told, mine(texts, config, runtime=runtime)


def test_a_quarter_foresees_the_whole(whole):
    """Candidates, rows, disk and the queries that run short come out near the truth; what was spent is counted in."""
    told, run = whole
    assert (told["pilot"]["queries"], told["pilot"]["passages"]) == (120, 480)
    size = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
    deepened = run.manifest["retrieval"]["queries_deepened"]
    assert 100 < deepened < 400
    assert told["queries_deepened_at_least"] == pytest.approx(deepened, rel=0.25)
    assert told["candidates"] == pytest.approx(run.report["counts"]["judged"], rel=0.2)
    assert told["rows"] == pytest.approx(run.report["rows_written"], rel=0.05)
    assert told["disk_bytes"]["run"] == pytest.approx(size, rel=0.2)
    assert told["seconds"]["read"] == 1.5
    assert told["seconds"]["all"] > 1.5


def test_seconds_go_by_what_makes_them(texts, tiny_model, tmp_path):
    """Twice the seconds for a text are twice the encoding, and a dearer search is a longer retrieval."""
    config, runtime = MiningConfig.of(model=str(tiny_model), depth=40), Runtime.of(cache=tmp_path / "cache")
    stored = StoredVectors(load_encoder(config, runtime), runtime.cache)
    piece = pilot.run_pilot(texts, {"dense": stored}, config, runtime, tmp_path / "pilot", 600, ".jsonl")
    piece = replace(piece, seconds={**piece.seconds, "encode": 3.0, "encoder": 2.0, "retrieve": 4.0})
    known = lambda each: {"dense": {"passage": pilot.Speed(2000, each), "query": pilot.Speed(400, each)}}  # noqa: E731
    slow, fast = (module._seconds(piece, texts, known(each), search, 16_000, 0) for each, search in ((0.02, 1e-6), (0.01, 0.0)))
    assert (round(slow["encode"], 3), round(fast["encode"], 3)) == (48 + 4, 24 + 4)
    assert slow["retrieve"] - fast["retrieve"] == pytest.approx(1e-6 * (400 * 2000 - 120 * 480 * 16_000 / piece.candidates))


def test_nothing_runs_short_where_nothing_is_deeper(tiny_model):
    """Without a ladder, or with all passages within depth."""
    dataset = dataset_of(make(1, passages=30))
    for settings in ({"ladder": 0, "depth": 5}, {"depth": 30}):
        assert module.short_share(None, dataset, MiningConfig.of(model=str(tiny_model), **settings)) == 0
