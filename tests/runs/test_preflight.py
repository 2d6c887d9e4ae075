"""A long run tries every stage on ten queries first: mistakes of the last stage show at once, bytes and the store stay as they are."""

import tempfile

import numpy as np
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, dataset_of, make

from miner.config import MiningConfig, Runtime
from miner.encode import StoredVectors, load_encoder
from miner.errors import ConfigError, IntegrityError, StorageError
from miner.formats import FORMATS
from miner.read import read_inline
from miner.runs import pass_two as module
from miner.runs import preflight
from miner.runs.run import mine
from miner.runs.subset import sample


@pytest.fixture
def every_run(monkeypatch):
    """Small runs are rehearsed too."""
    monkeypatch.setattr(preflight, "MIN_NEW_TEXTS", 0)


@pytest.fixture
def texts(tmp_path):
    """400 passages and 40 queries of the tiny model's words."""
    rng = np.random.default_rng(1)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(400)]
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7} w{i + 9}", "positives": [f"p{i}", f"p{i + 10}"]} for i in range(40)]
    return read_inline(queries, passages, tmp_path / "given")


@pytest.mark.slow
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), name=st.sampled_from([*FORMATS]))
def test_a_rehearsal_passes_where_the_run_does(tmp_path_factory, seed, name):
    """Any world, config and format: the same training file as without one, and nothing left of it."""
    world, folder = make(seed, passages=40, splits=seed % 3 > 0), tmp_path_factory.mktemp("rehearsed")
    config = config_of(seed, output_format=name, fill="none")
    inputs = on_disk(world, folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        plain = mine(inputs, config, out=folder / "plain")
        patch.setattr(preflight, "MIN_NEW_TEXTS", 0)
        run = mine(inputs, config, out=folder / "run")
    assert "rehearse" in run.manifest["timings"]
    assert run.manifest["outputs"][run.file.name] == plain.manifest["outputs"][plain.file.name]
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(path.name for path in plain.folder.iterdir())


def test_short_runs_are_not_rehearsed(texts, tiny_model, tmp_path, monkeypatch):
    """What makes one long is what must be encoded, or very many texts."""
    config, runtime = MiningConfig.of(model=str(tiny_model)), Runtime.of(cache=tmp_path / "cache")
    monkeypatch.setattr(preflight, "MIN_NEW_TEXTS", 440)
    assert "rehearse" in mine(texts, config, runtime=runtime).manifest["timings"]
    assert "rehearse" not in mine(texts, config, runtime=runtime).manifest["timings"]
    monkeypatch.setattr(preflight, "MIN_TEXTS", 440)
    assert "rehearse" in mine(texts, config, runtime=runtime).manifest["timings"]


def test_the_store_is_read_and_left_as_it_is(texts, tiny_model, tmp_path, every_run):
    """A run that fails in its rehearsal has encoded a few texts and stored none; a second run encodes none for it."""
    config, runtime = MiningConfig.of(model=str(tiny_model)), Runtime.of(cache=tmp_path / "cache")
    stored = StoredVectors(load_encoder(config, runtime), runtime.cache)
    (tried,) = preflight.trial_vectors({"dense": stored}).values()
    rows = np.arange(50)
    first = tried.vectors(texts.corpus, rows, "passage")
    assert (tried.encoded, stored.encoded, stored.missing(texts)) == (50, 0, 440)
    assert np.abs(first - stored.vectors(texts.corpus, rows, "passage")).max() < 1e-6
    tried.vectors(texts.corpus, np.arange(60), "passage")
    assert tried.encoded == 60


@pytest.mark.parametrize("stage", ["open_training", "page", "write_json"])
def test_a_mistake_in_a_late_stage_shows_before_anything_is_encoded(texts, tiny_model, tmp_path, monkeypatch, every_run, stage):
    """With the run's own error, a note, an empty store and nothing left."""

    def fail(*_given, **_named):
        raise ConfigError("struck")

    monkeypatch.setattr(module, stage, fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ConfigError, match="struck") as caught:
        mine(texts, MiningConfig.of(model=str(tiny_model)), out=tmp_path / "out", runtime=Runtime.of(cache=tmp_path / "cache"))
    assert caught.value.__notes__ == ["found by the preflight on 10 queries, before the run began"]
    assert not list((tmp_path / "cache").rglob("keys.bin"))
    assert {path.name for path in tmp_path.iterdir()} == {"given", "cache"}


def test_a_file_that_is_not_what_was_written_is_found(texts, tiny_model, monkeypatch, every_run):
    """Rows are counted when it is read back."""
    monkeypatch.setattr(preflight, "file_rows", lambda *_: iter([{}]))
    with pytest.raises(IntegrityError, match=r"triplets.jsonl cannot be read back: 1 of the \d+ rows that were written are there"):
        mine(texts, MiningConfig.of(model=str(tiny_model)))


def test_too_little_disk_is_told_first(texts, tiny_model, tmp_path, monkeypatch, every_run):
    """How much is needed where, and how much is there."""
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(StorageError, match=r"the run needs about \d MB of disk at .*, and 0 MB are free"):
        mine(texts, MiningConfig.of(model=str(tiny_model)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_room_is_what_is_written(texts, tiny_model, tmp_path):
    """The store's growth to the byte."""
    config, runtime = MiningConfig.of(model=str(tiny_model)), Runtime.of(cache=tmp_path / "cache")
    stored = StoredVectors(load_encoder(config, runtime), runtime.cache)
    told = preflight.disk_space(texts, {"dense": stored}, config)
    assert told["scratch"] == 440 * 4 * 8
    mine(texts, config, runtime=runtime)
    assert sum(file.stat().st_size for name in ("keys.bin", "vectors.bin") for file in runtime.cache.rglob(name)) == told["store"]


def test_an_index_that_faiss_does_not_know_is_told_first(texts, tiny_model, tmp_path, every_run):
    """And one that wants more vectors than a rehearsal has is none of its business."""
    runtime = Runtime.of(cache=tmp_path / "cache")
    with pytest.raises(ConfigError, match="FAISS knows no index 'HNSW_32'") as caught:
        mine(texts, MiningConfig.of(model=str(tiny_model), index="HNSW_32"), runtime=runtime)
    assert not list((tmp_path / "cache").rglob("keys.bin"))
    assert caught
    assert mine(texts, MiningConfig.of(model=str(tiny_model), index="IVF39,Flat"), runtime=runtime).report["counts"]["chosen"]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), queries=st.integers(1, 8), passages=st.integers(1, 50))
def test_a_sample_keeps_what_is_known(tmp_path_factory, seed, queries, passages):
    """Of every drawn query the text, the judgements and what is known of the same question; the same one whatever the input order."""
    world, folder = make(seed, passages=40, queries=6, splits=True), tmp_path_factory.mktemp("sample")
    whole, other = dataset_of(world, into=folder / "a"), dataset_of(world, into=folder / "b", order=seed)
    small, again = sample(whole, folder / "small", queries, passages), sample(other, folder / "again", queries, passages)
    assert told(small) == told(again)
    assert {name: told(whole)[name] for name in told(small)} == told(small)
    assert 1 <= len(small.queries) <= queries
    assert set(small.corpus.ids(range(len(small.corpus)))) == set(again.corpus.ids(range(len(again.corpus))))
    assert len(small.queries) == 1 or len(small.corpus) <= passages
    assert len(small.corpus) >= min(passages, len(whole.corpus))


def told(dataset):
    """By query id: text, grades by passage id and text, and what is known of the question."""
    indptr, corpus = dataset.qrels.indptr, dataset.corpus
    found = {}
    for row, name in enumerate(dataset.queries.ids(range(len(dataset.queries)))):
        span = slice(indptr[row], indptr[row + 1])
        rows, grades = dataset.qrels.rows[span], dataset.qrels.grades[span].tolist()
        judged = sorted(zip(corpus.ids(rows), corpus.texts(rows), grades, strict=True))
        found[name] = (dataset.queries.texts([row])[0], judged, sorted(corpus.ids(dataset.qrels.relevant(row))))
    return found
