"""Sources from the config: what is opened, what the manifest says of it, and runs without any model."""

from contextlib import ExitStack

import numpy as np
import pytest
from worlds import Prescribed, dataset_of, make

from miner.config import Inputs, MiningConfig, Runtime
from miner.core.retrieval import retrieve
from miner.errors import ConfigError, HardnegError
from miner.indexes.faiss_factory import check_name
from miner.read import read_inline
from miner.runs.candidate_store import CandidateWriter, read_blocks
from miner.runs.dry_run import plan
from miner.runs.open_source import open_source
from miner.runs.run import export, mine


@pytest.fixture
def dataset(tmp_path):
    rng = np.random.default_rng(4)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(60)]
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7} w{i + 9}", "positives": [f"p{i}"]} for i in range(12)]
    return read_inline(queries, passages, tmp_path / "given")


def test_bm25_alone_needs_no_model(dataset, tmp_path):
    """A whole run, its manifest, and an export of it."""
    config = MiningConfig.of(sources=("bm25",), filters=("near_positive:off", "nearest:off"), columns=("scores",))
    run = mine(dataset, config, out=tmp_path / "run")
    told = run.manifest["retrieval"]
    assert run.manifest["model"] is None
    assert (told["similarity"], list(told["sources"])) == ("bm25", ["bm25"])
    assert len(told["sources"]["bm25"]["content"]) == 64
    assert run.differences() == []
    again = export(run, MiningConfig.of(**(config.model_dump() | {"negatives": 2})), out=tmp_path / "again")
    assert all(np.isfinite(row["scores"]).all() for row in again.rows())
    with pytest.raises(ConfigError, match=r"sources was \('bm25:k1=0.9,b=0.4',\) when this run was mined"):
        export(run, MiningConfig.of(), out=tmp_path / "other")


def test_the_default_is_the_config_s_own_model(tiny_model, dataset, tmp_path):
    """The same bytes whether the source is named, named with its model, or left out."""
    runs = [
        mine(dataset, MiningConfig.of(**given), out=tmp_path / str(place))
        for place, given in enumerate(
            [{"model": str(tiny_model)}, {"model": str(tiny_model), "sources": ("dense",)}, {"sources": (f"dense:model={tiny_model}",)}]
        )
    ]
    assert len({run.file.read_bytes() for run in runs}) == 1
    assert runs[0].manifest["retrieval"]["sources"]["dense"]["fingerprints"] == runs[2].manifest["model"]["fingerprints"]


def test_two_sources_from_search_to_export(tiny_model, dataset, tmp_path):
    """Ranks of both in the file, each candidate's also in the stored ones; the same bytes from one thread as from two; export keeps them."""
    config = MiningConfig.of(model=str(tiny_model), sources=("dense", "bm25"), depth=20, max_depth=40, columns=("ids", "ranks", "sources"))
    runs = [mine(dataset, config, out=tmp_path / f"{threads}", runtime=Runtime.of(threads=threads)) for threads in (1, 2)]
    assert runs[0].file.read_bytes() == runs[1].file.read_bytes()
    assert list(runs[0].manifest["retrieval"]["sources"]) == ["dense", "bm25"]
    found = [word.partition(":") for row in runs[0].rows() for word in row["sources"]]
    assert {name for name, _, _ in found} == {"dense", "bm25"}
    assert all(1 <= int(rank) <= 40 for _, _, rank in found)
    again = export(runs[0], MiningConfig.of(**(config.model_dump() | {"output_format": "labeled-pair"})), out=tmp_path / "pairs.parquet")
    assert again.differences() == []
    assert {len(row["sources"]) > 0 for row in again.rows()} == {True, False}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_read_back_is_what_was_judged(tmp_path, seed):
    """Bar, background and evidence of a pool that was deepened are the same in memory and from the file; one source's rank is the rank."""
    world, config = make(seed, passages=60, queries=12), MiningConfig.of(depth=8, max_depth=30, sources=("dense", "bm25"), model="m")
    dataset = dataset_of(world, into=tmp_path / "given")
    with ExitStack() as stack:
        source = open_source(dataset, config, {"dense": Prescribed(world)}, tmp_path, lambda name: stack)
    (block,) = retrieve(dataset, source, config)
    writer = CandidateWriter(tmp_path / "candidates", dataset, {"depth": config.depth})
    writer.write(0, block)
    stored = next(read_blocks(tmp_path / "candidates"))
    assert (len(stored.within), len(stored.deep)) == (1, 1)
    for part, read in zip((*block.within, *block.deep), (*stored.within, *stored.deep), strict=True):
        for name in ("queries", "rows", "scores", "reference_scores", "noise_floors"):
            assert np.array_equal(getattr(part, name), getattr(read, name), equal_nan=True), name
        assert list(part.evidence) == list(read.evidence)
        assert all(np.array_equal(part.evidence[name], read.evidence[name], equal_nan=True) for name in part.evidence)
        own = np.where(part.evidence["rank:dense"][:, : config.depth] > 0, part.scores[:, : config.depth], np.inf)
        assert part.noise_floors.tolist() == own.min(axis=1).tolist()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            ("bm25",),
            "filter 'near_positive' compares vectors (near_positive), and source 'bm25' has none: leave it out (--filter near_positive:off --filter nearest:off), or add",
        ),
        (("bm52",), "there is no source 'bm52'; did you mean 'bm25'? There are: dense, bm25"),
        (("dense", "dense"), "source 'dense' is set twice"),
        (("dense:max_length=3",), "source 'dense' has max_length but no model"),
        (("dense:model=m,query_prompt=a,query_prompt_name=b",), "source 'dense': give query_prompt or query_prompt_name, not both"),
        (("bm25:b=2",), "source 'bm25' wants k1 >= 0 and b from 0 to 1, got k1=0.9, b=2.0"),
        ((), "sources is"),
    ],
)
def test_wrong_sources_are_told_in_one_sentence(sources, message):
    """Before any work."""
    with pytest.raises(ConfigError) as caught:
        MiningConfig.of(sources=sources)
    assert caught.value.with_flags.startswith(message)


def test_the_settings_of_a_further_encoder():
    """Its own knobs alone; quotes keep the spaces of a prompt."""
    config = MiningConfig.of(
        model="first", query_prompt="q", dtype="float16", sources=("dense", 'dense:model=second,passage_prompt="passage: "')
    )
    parts = config.active_sources
    assert list(parts) == ["dense", "dense-2"]
    assert parts["dense"].settings() == {}
    other = config.model_copy(update=parts["dense-2"].settings())
    assert (other.model, other.query_prompt, other.passage_prompt, other.dtype) == ("second", None, "passage: ", "float32")


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ({}, {"model": "./nowhere"}, r"there is no model folder '\./nowhere'"),
        ({}, {"sources": ("bm25", "dense:model=./nowhere")}, r"there is no model folder '\./nowhere'"),
        ({"query_vectors": "q.npy", "passage_vectors": "p.npy"}, {}, r"q\.npy: cannot be read as a numpy matrix"),
        (
            {},
            {"model": "./nowhere"},
            r"there is no model folder '\./nowhere'.*; and there is no file pairs\.jsonl, which was to hold the pairs$",
        ),
        ({}, {"revision": "main"}, r"a revision names a version of a model on the hub, and '.*' is a folder: leave revision= out"),
        (
            {},
            {"index": "IVX1024,Flat"},
            r"FAISS knows no index 'IVX1024,Flat': .*; write exact, or a factory string such as IVF1024,Flat or HNSW32$",
        ),
    ],
)
@pytest.mark.parametrize("verb", [lambda data, config: mine(data, config), lambda data, config: plan(data, config, Runtime.of())])
def test_what_cannot_be_opened_is_refused_before_anything_is_read(tiny_model, monkeypatch, given, settings, message, verb):
    """A million passages take seconds to read, and a wrong name none."""
    monkeypatch.setattr("miner.runs.run.read", lambda *_: pytest.fail("it was read"))
    monkeypatch.setattr("miner.runs.dry_run.read", lambda *_: pytest.fail("it was read"))
    config = MiningConfig.of(**{"model": str(tiny_model), **settings})
    with pytest.raises(HardnegError, match=message):
        verb(Inputs.of(pairs="pairs.jsonl", **given), config)


def test_indexes_that_faiss_knows_are_not_refused():
    """Of whatever dims."""
    for name in ("IVF1024,Flat", "HNSW32", "PQ96", "IVF256,PQ48x4fs,RFlat", "OPQ16_64,IVF32,PQ16", "SQ8", "LSH"):
        check_name(name)
