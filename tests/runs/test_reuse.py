"""A run that replaces one made from the same takes its candidates over: nothing is searched twice, and no byte differs."""

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from disk import on_disk
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st
from worlds import config_of, make

from miner.config import MiningConfig, Runtime
from miner.encode.model import Encoder
from miner.errors import InputError, StorageError
from miner.io import folder_tree
from miner.read import read_inline
from miner.runs import manifest, pass_one, pass_two
from miner.runs.run import export, mine
from miner.sources import Dense


@pytest.fixture
def at(tmp_path, tiny_model):
    """What `mine` takes, and a way to call it again with other settings."""
    rng = np.random.default_rng(2)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(60)]
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7}", "positives": [f"p{i}"]} for i in range(20)]
    given, runtime = read_inline(queries, passages, tmp_path / "given"), Runtime.of(cache=tmp_path / "cache")

    def again(out=None, resume=None, **settings):
        config = MiningConfig.of(**{"model": str(tiny_model), "negatives": 2, **settings})
        resume = False if out else resume
        return mine(given, config, out=out or tmp_path / "out", runtime=runtime, force=True, resume=resume)

    return again


@pytest.fixture
def searched(monkeypatch):
    """How often pass 1 was made."""
    made, real = [], pass_one.first_pass
    monkeypatch.setattr(pass_one, "first_pass", lambda *given: (made.append(1), real(*given)))
    return made


def told(run):
    """The manifest without times, and without the page that shows them."""
    outputs = {name: made for name, made in run.manifest["outputs"].items() if name != "report.html"}
    return {name: value for name, value in run.manifest.items() if name not in ("timings", "created_at", "seal")} | {"outputs": outputs}


def chosen(run):
    """The manifest without what is stored beside for other settings: candidates, further evidence."""
    stored = {**told(run), "retrieval": {**run.manifest["retrieval"], "evidence": None}}
    outputs = {name: made for name, made in stored["outputs"].items() if name not in ("candidates.parquet", "vectors.npy", "report.json")}
    return stored | {"outputs": outputs, "report": {**run.report, "retrieval": None}}


@pytest.mark.parametrize("more", [{}, {"distinct": 0.9}])
def test_the_same_again_takes_the_candidates_over(at, searched, more):
    """The manifest says the same, and the outputs are whole."""
    first = told(at(**more))
    second = at(**more)
    assert len(searched) == 1
    assert told(second) == first
    assert second.differences() == []


@pytest.mark.parametrize("other", [{"seed": 1}, {"sampler": "uniform"}, {"output_format": "n-tuple"}])
def test_what_only_chooses_takes_them_over_too(at, searched, other):
    """And gives what a run of its own gives."""
    at()
    second = at(**other)
    assert len(searched) == 1
    assert told(second)["outputs"] == told(at(resume=False, **other))["outputs"]
    assert len(searched) == 2


@pytest.mark.parametrize("other", [{"depth": 30}, {"max_depth": 50}, {"min_grade": 2}])
def test_other_candidates_are_searched_anew(at, searched, other):
    """Whatever could make another candidate."""
    at()
    try:
        at(**other)
    except InputError:
        assert other == {"min_grade": 2}
        return
    assert len(searched) == 2


OTHERS = [
    {"filters": ("margin:relative=0.2",)},
    {"filters": ("margin:off", "percentile:beta=0.5")},
    {"filters": ("near_text",)},
    {"filters": ("containment:overlap=0.5", "nearest:off")},
    {"filters": ("max_score:score=0.5",)},
    {"filters": ("ranks:skip=3,last=20",)},
    {"filters": ("margin:off", "near_positive:off", "nearest:off")},
    {"preset": "percpos"},
    {"preset": "hard"},
    {"anchor": "own"},
    {"negatives": 5},
    {"negatives": 1},
    {"ladder": 0},
    {"ladder": 1, "fill": "random"},
    {"judged": "ignore"},
    {"sampler": "uniform:first=8", "seed": 3},
    {"sampler": "diverse"},
    {"distinct": 0.5},
    {"hub_cap": 2},
    {"output_format": "labeled-list", "columns": ("ids", "scores"), "negatives": 3},
]


@pytest.fixture
def watched(monkeypatch):
    """What was searched (query, depth) and how many texts were encoded."""
    pairs, texts, real, encode = [], [], Dense.retrieve, Encoder.encode

    def retrieve(self, queries, depth):
        pairs.extend((int(query), depth) for query in queries)
        return real(self, queries, depth)

    def encoded(self, given, *rest, **more):
        texts.extend(given)
        return encode(self, given, *rest, **more)

    monkeypatch.setattr(Dense, "retrieve", retrieve)
    monkeypatch.setattr(Encoder, "encode", encoded)
    return pairs, texts


@pytest.mark.slow
def test_twenty_other_settings_search_nothing_again(at, watched, tmp_path):
    """One after the other over one run: no text is encoded, no (query, depth) is searched twice; the file is that of a run made anew."""
    small, (pairs, texts) = {"depth": 12, "max_depth": 40}, watched
    at(**small)
    assert (len(texts) > 0, {depth for _, depth in pairs}) == (True, {12, 40})
    texts.clear()
    for other in OTHERS:
        again = at(**{**small, **other})
        assert (texts, len(pairs), again.differences()) == ([], len(set(pairs)), []), other
        have = list(pairs)
        assert at(tmp_path / "anew", **{**small, **other}).file.read_bytes() == again.file.read_bytes(), other
        texts.clear()
        pairs[:] = have


def test_other_code_searches_anew(at, searched, monkeypatch):
    """A working copy changes without another version."""
    at()
    monkeypatch.setattr(manifest, "source_hash", lambda: "other")
    at()
    assert len(searched) == 2


def damage(run):
    """One byte of a block."""
    block = next((run.folder / "candidates.parquet").iterdir())
    block.write_bytes(block.read_bytes()[:-1] + b"?")


def edit(run):
    """The manifest says another thing of its candidates."""
    file = run.folder / "manifest.json"
    file.write_text(json.dumps({**run.manifest, "retrieval": {}}))


def lose(run):
    """No candidates."""
    for block in (run.folder / "candidates.parquet").iterdir():
        block.unlink()


def unseal(run):
    """An edited manifest without its seal."""
    told = {name: value for name, value in run.manifest.items() if name != "seal"}
    (run.folder / "manifest.json").write_text(json.dumps({**told, "retrieval": None}))


def point(run):
    """A block that lies elsewhere."""
    block = next((run.folder / "candidates.parquet").iterdir())
    moved = block.rename(run.folder.parent / "elsewhere")
    block.symlink_to(moved)


@pytest.mark.parametrize("harm", [damage, edit, lose, unseal, point])
def test_a_run_that_is_not_whole_is_no_source(at, searched, harm):
    """It is made anew, whole."""
    first = at()
    outputs = first.manifest["outputs"]
    harm(first)
    second = at()
    assert len(searched) == 2
    assert second.differences() == []
    assert second.manifest["outputs"].keys() == outputs.keys()
    assert second.manifest["outputs"]["triplets.jsonl"] == outputs["triplets.jsonl"]


def test_an_export_is_a_source_as_well(at, searched, tmp_path):
    """Its candidates are the run's, whatever it chose of them."""
    run = at()
    export(run, MiningConfig.of(**{**run.config.model_dump(), "negatives": 1}), out=tmp_path / "out2")
    (tmp_path / "out2").rename(tmp_path / "moved")
    run.folder.rename(tmp_path / "gone")
    (tmp_path / "moved").rename(tmp_path / "out")
    assert at().report["counts"]
    assert len(searched) == 1


def test_a_dataset_with_other_positives_is_searched_anew(tmp_path, tiny_model, searched):
    """The smallest grade that counts may be the dataset's own."""
    passages = [{"id": f"p{i}", "text": f"w{i} w{i + 1}"} for i in range(30)]
    queries = [{"id": f"q{i}", "text": f"w{i}", "positives": [f"p{i}", f"p{i + 1}"]} for i in range(5)]
    plain = read_inline(queries, passages, tmp_path / "given")
    stricter = replace(plain, qrels=replace(plain.qrels, min_grade=2))
    config, place = MiningConfig.of(model=str(tiny_model)), {"out": tmp_path / "out", "force": True}
    for data in (plain, stricter):
        mine(data, config, runtime=Runtime.of(cache=tmp_path / "cache"), **place)
    assert len(searched) == 2


def test_an_export_that_dies_leaves_no_blocks_to_an_interrupted_run(at, tmp_path, monkeypatch):
    """Over what an interrupted run left: those blocks are gone, and nobody goes on with the export's."""
    run = at()
    real, part = pass_two.second_pass, tmp_path / ".other.part"

    def die(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(pass_two, "second_pass", die)
    with pytest.raises(KeyboardInterrupt):
        mine(run.dataset, run.config.model_copy(update={"depth": 20}), out=tmp_path / "other", runtime=Runtime.of(cache=tmp_path / "cache"))
    assert list(part.glob("candidates.parquet/block-*"))
    with pytest.raises(KeyboardInterrupt):
        export(run, run.config, out=tmp_path / "other")
    assert not part.exists()
    monkeypatch.setattr(pass_two, "second_pass", real)


def test_a_copy_that_breaks_off_is_not_gone_on_with(at, searched, tmp_path, monkeypatch):
    """Where the file system has no hard links and the disk is full."""
    at()

    def full(source, target):
        if not target.name.startswith("block-"):
            return real(source, target)
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")

    real = os.link
    with monkeypatch.context() as patch:
        patch.setattr(folder_tree.os, "link", full)
        patch.setattr(folder_tree.shutil, "copyfile", full)
        with pytest.raises(StorageError):
            at()
    assert len(searched) == 1
    assert not (tmp_path / ".out.part").exists()
    assert at().differences() == []


@pytest.mark.slow
@settings(max_examples=15)
@drawn_from(seed=st.integers(0, 2**32), other=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.3]))
def test_any_run_over_any_other_is_what_it_is_alone(tmp_path_factory, seed, other, share):
    """Some settings changed between the two: whatever is taken over, no byte of what is chosen and counted differs."""
    folder, rng = tmp_path_factory.mktemp("over"), np.random.default_rng([seed, other])
    inputs, first, drawn = on_disk(make(seed, passages=40), folder / "data"), config_of(seed), config_of(other)
    changed = {name: getattr(drawn, name) for name in type(drawn).model_fields if rng.random() < share}
    second = MiningConfig.of(**{**first.model_dump(), **changed, "max_depth": max(first.max_depth, first.negatives, drawn.negatives)})
    mine(inputs, first.model_copy(update={"max_depth": second.max_depth}), out=folder / "out")
    over, alone = mine(inputs, second, out=folder / "out", force=True), mine(inputs, second, out=folder / "alone")
    assert chosen(over) == chosen(alone)
