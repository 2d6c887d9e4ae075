"""A run folder is absent or complete, tells what made it, and can be chosen from again without the model."""

import dataclasses
import gc
import json
import os
import stat
import tempfile
from pathlib import Path

import numpy as np
import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, make

from miner.analysis.explain import explain
from miner.analysis.survey import survey
from miner.analysis.sweep import sweep
from miner.comparison import compare
from miner.config import MiningConfig, Runtime
from miner.core import retrieval
from miner.errors import ConfigError, HardnegError, IntegrityError, StorageError
from miner.formats import FORMATS, read_training, recognise
from miner.read import read_inline
from miner.runs import pass_one, pass_two
from miner.runs import run as module
from miner.runs.candidate_store import blocks
from miner.runs.run import Run, export, mine

COLUMNS = ("ids", "scores", "ranks", "tiers")
FILES = {"candidates.parquet", "dataset", "manifest.json", "report.html", "report.json", "triplets.jsonl"}


def small(folder, order=None):
    """30 passages and 6 queries of the tiny model's words."""
    rng = np.random.default_rng(4)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(30)]
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7} w{i + 9}", "positives": [f"p{i}", f"p{i + 10}"]} for i in range(6)]
    if order is not None:
        shuffle = np.random.default_rng(order).permutation
        passages, queries = [passages[i] for i in shuffle(30)], [queries[i] for i in shuffle(6)]
    return read_inline(queries, passages, folder)


@pytest.fixture
def dataset(tmp_path):
    return small(tmp_path / "given")


@pytest.fixture
def config(tiny_model):
    return MiningConfig.of(model=str(tiny_model), depth=12, max_depth=12, negatives=3, columns=COLUMNS, filters=("near_positive:off",))


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), similarity=st.sampled_from(["cosine", "dot", "euclidean"]))
def test_a_file_of_triplets_is_the_oracles(tmp_path_factory, seed, similarity):
    """From files on disk to a training file: ids, ranks, tiers and order."""
    world, folder = make(seed, passages=40, similarity=similarity, splits=seed % 3 > 0), tmp_path_factory.mktemp("whole")
    config = config_of(seed, similarity=similarity, columns=COLUMNS)
    run = mine(on_disk(world, folder / "data"), config, out=folder / "out.jsonl")
    wanted, seen = [], set()
    for row in oracle.mine(world, config):
        for positive in row.positives:
            texts = [world.queries[row.query], *(world.passages[name] for name in (positive, *(name for name, *_ in row.negatives)))]
            asked, own, *others = map(oracle.normalise, texts)
            new = [(asked, own, other) not in seen for other in others]
            seen |= {(asked, own, other) for other in others}
            wanted += [(row.query, positive, name, *rest) for (name, _, *rest), first in zip(row.negatives, new, strict=True) if first]
    names = ("anchor_id", "positive_id", "negative_id", "rank", "tier")
    assert [tuple(row[name] for name in names) for row in run.rows()] == wanted
    assert run.report["rows_written"] == run.manifest["counts"]["rows"] == len(wanted)
    assert run.differences() == []


def test_a_run_folder_is_complete(dataset, config, tmp_path):
    """Every file, a manifest that hashes them, the config as resolved, nothing else beside it."""
    seen = []
    run = mine(dataset, config, out=tmp_path / "out", on_progress=lambda *told: seen.append(told))
    assert {path.name for path in run.folder.iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"given", "out"}
    assert run.config == config
    assert run.file == tmp_path / "out" / "triplets.jsonl"
    assert len(list(run.rows())) == run.manifest["counts"]["rows"] == 36
    assert run.differences() == []
    assert set(run.manifest["outputs"]) >= {"triplets.jsonl", "candidates.parquet", "report.json", "report.html", "dataset/corpus.arrow"}
    assert [name for name, _, total in seen if not total] == ["read", "load model", "encode", "retrieve", "choose and write", "report"]
    assert run.dataset.corpus.texts([0]) == dataset.corpus.texts([0])


def test_a_file_name_puts_the_run_beside_the_file(dataset, config, tmp_path):
    """F.jsonl and F.run; the manifest finds the file from there."""
    run = mine(dataset, config, out=tmp_path / "deep" / "hard.jsonl.gz")
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"hard.jsonl.gz", "hard.run"}
    assert {path.name for path in run.folder.iterdir()} == FILES - {"triplets.jsonl"}
    assert run.file == tmp_path / "deep" / "hard.jsonl.gz"
    assert run.differences() == []
    (tmp_path / "deep" / "hard.jsonl.gz").unlink()
    assert run.differences() == ["../hard.jsonl.gz is missing"]


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ""])
def test_the_same_rows_in_every_kind_of_file(dataset, config, tmp_path, kind):
    """A folder's training file takes any of them."""
    run = mine(dataset, config, out=tmp_path / "out", kind=kind)
    assert run.file == tmp_path / "out" / f"triplets{kind}"
    assert list(run.rows()) == list(mine(dataset, config).rows())
    assert run.differences() == []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_exported_whole_and_verified(dataset, config, tmp_path, name):
    """Each in its own file or folder of the run, hashed in the manifest, and read back with no format named."""
    first = mine(dataset, config)
    made = export(first, config.model_copy(update={"output_format": name, "columns": ()}), out=tmp_path / "out")
    shape = FORMATS[name]
    assert made.file == tmp_path / "out" / (name if shape.layout else f"triplets{shape.kind}")
    assert made.differences() == []
    assert made.file.name in made.manifest["outputs"]
    assert len(list(made.rows())) == made.manifest["counts"]["rows"] > 0
    assert recognise(made.file) == recognise(made.folder) == name
    assert {row.query for row in read_training(made.folder)} <= {row.query for row in read_training(first.folder)}
    broken = next(file for file in [made.file, *made.file.rglob("*")] if file.is_file())
    broken.write_bytes(broken.read_bytes() + b" ")
    assert made.differences()[0].startswith(f"{made.file.name} has changed")


@pytest.mark.parametrize("shape", [{}, {"kind": ""}, {"kind": ".parquet"}, {"output_format": "beir"}])
def test_a_run_is_on_the_disk_before_it_is_seen(dataset, config, tmp_path, monkeypatch, shape):
    """Every file and folder of it was synced as it stands, and the folder it appears in after that: a power cut leaves it whole or absent."""
    config = config.model_copy(update={"columns": (), "output_format": shape.get("output_format", config.output_format)})
    synced, real = {}, os.fsync

    def fsync(handle):
        told = os.fstat(handle)
        synced[told.st_ino] = told.st_size if stat.S_ISREG(told.st_mode) else None
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    run = mine(dataset, config, out=tmp_path / "deep" / "out", kind=shape.get("kind"))
    for path in [tmp_path / "deep", run.folder, *run.folder.rglob("*")]:
        assert synced.get(path.stat().st_ino, "never") == (path.stat().st_size if path.is_file() else None), path


def test_a_format_of_several_files_wants_a_folder(dataset, config, tmp_path):
    """Neither a stream, nor one file, nor one kind; nothing is read or written before it is said."""
    several = config.model_copy(update={"output_format": "colbert", "columns": ()})
    for out in ("-", tmp_path / "a.jsonl"):
        with pytest.raises(
            ConfigError, match="output format 'colbert' is a folder of several files: out= names a folder to put it in, not"
        ):
            mine(dataset, several, out=out)
    with pytest.raises(ConfigError, match="several files, each of its own kind: leave kind= out"):
        mine(dataset, several, out=tmp_path / "a", kind=".parquet")
    assert {path.name for path in tmp_path.iterdir()} == {"given"}


def test_standard_output_carries_the_rows(dataset, config, capfdbinary):
    """Nothing else is on it."""
    mine(dataset, config, out="-")
    written = capfdbinary.readouterr().out
    assert [json.loads(line) for line in written.splitlines()] == list(mine(dataset, config).rows())


def test_a_temporary_run_goes_with_its_object(dataset, config):
    """Without out, nothing is left when nobody holds the run."""
    run = mine(dataset, config)
    folder = run.folder
    assert run.differences() == []
    del run
    gc.collect()
    assert not folder.exists()


def test_force_replaces_a_run_and_nothing_else(dataset, config, tmp_path):
    """Without force an earlier run stands; with it the new one takes its place whole."""
    for out in (tmp_path / "out", tmp_path / "f.jsonl"):
        before = mine(dataset, config, out=out)
        with pytest.raises(ConfigError, match="exists already; choose another out=, or replace it with force=True"):
            mine(dataset, config, out=out)
        assert before.differences() == []
        again = mine(dataset, config.model_copy(update={"negatives": 1}), out=out, force=True)
        assert len(list(again.rows())) == 12
        assert again.differences() == []
    assert {path.name for path in tmp_path.iterdir()} == {"given", "out", "f.jsonl", "f.run"}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("out", ["mine", "mine.jsonl"])
def test_a_folder_that_is_no_run_is_never_touched(dataset, config, tmp_path, out, force):
    """The user's own folder is refused, with force too."""
    theirs = tmp_path / ("mine" if out == "mine" else "mine.run")
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    with pytest.raises((ConfigError, StorageError), match="mine"):
        mine(dataset, config, out=tmp_path / out, force=force)
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {"given", theirs.name}


def test_an_empty_folder_is_taken(dataset, config, tmp_path):
    """As mkdir -p leaves it."""
    (tmp_path / "out").mkdir()
    assert mine(dataset, config, out=tmp_path / "out").differences() == []


@pytest.mark.parametrize("where", ["first_pass", "second_pass", "_finish", "open_vectors", "open_source", "page", "_in_order"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("out", ["out", "out.jsonl", None])
def test_a_failure_leaves_nothing_behind(dataset, config, tmp_path, monkeypatch, where, error, out):
    """Wherever it strikes, and an earlier run under the same name stands; only blocks of candidates stay, for the next to go on with."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = out and mine(dataset, config.model_copy(update={"depth": 7}), out=tmp_path / out)
    names = {path.name for path in tmp_path.iterdir()}

    def fail(*_given):
        raise error("struck")

    monkeypatch.setattr(next(owner for owner in (pass_one, pass_two, module) if hasattr(owner, where)), where, fail)
    with pytest.raises(error, match="struck"):
        mine(dataset, config, out=out and tmp_path / out, force=True)
    after_blocks = out and where not in ("first_pass", "open_vectors", "open_source")
    part = tmp_path / ".out.part" if out == "out" else tmp_path / ".out.run.part"
    assert {path.name for path in tmp_path.iterdir()} == names | ({part.name} if after_blocks else set())
    assert not after_blocks or {path.name for path in part.iterdir()} == {"candidates.parquet", "started.json", "blocks.sha256", "lock"}
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not before or Run(before.folder).differences() == []


def test_the_bytes_do_not_depend_on_the_order_of_the_input(config, tmp_path):
    """Passages and queries in another order, encoded anew: the same training file, byte for byte."""
    files = []
    for order in (None, 1, 2):
        runtime = Runtime.of(cache=tmp_path / f"cache{order}")
        files.append(mine(small(tmp_path / f"d{order}", order), config, out=tmp_path / f"{order}.jsonl", runtime=runtime).file.read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": "uniform:first=5", "seed": 3},
        {"negatives": 6, "fill": "repeat"},
        {"anchor": "own", "output_format": "n-tuple"},
        {"filters": ("ranks:skip=2", "margin:absolute=0.1"), "ladder": 2, "fill": "random"},
        {"filters": ("same_text:off", "near_positive:cosine=0.5"), "output_format": "labeled-list"},
    ],
)
def test_choosing_again_equals_mining_again(dataset, config, tmp_path, monkeypatch, change):
    """Pass 2 alone gives the bytes of both passes, without a model; the result is a run of its own."""
    first = mine(dataset, config, out=tmp_path / "first")
    changed = MiningConfig.of(**(config.model_dump() | change))
    right = mine(dataset, changed, out=tmp_path / "right.jsonl")
    monkeypatch.setattr(module, "open_vectors", None)
    again = export(first, changed, out=tmp_path / "again.jsonl")
    assert again.file.read_bytes() == right.file.read_bytes()
    assert again.config == changed
    assert again.differences() == first.differences() == []
    told = ("model", "files", "retrieval", "counts")
    assert [again.manifest[name] for name in told] == [right.manifest[name] for name in told]


@pytest.mark.parametrize(
    "change",
    [{"depth": 5}, {"max_depth": 50}, {"index": "Flat"}, {"similarity": "dot"}, {"min_grade": 2}, {"query_prompt": "q: "}, {"model": None}],
)
def test_choosing_again_cannot_change_the_first_pass(dataset, config, tmp_path, change):
    """What pass 1 has used up is refused by name; nothing is written."""
    run = mine(dataset, config)
    name = next(iter(change))
    with pytest.raises(ConfigError, match=f"{name} was .* when this run was mined, and cannot become .* without mining again"):
        export(run, MiningConfig.of(**(config.model_dump() | change)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["containment", "near_text"])
def test_what_follows_from_the_texts_is_measured_when_it_is_asked_for(dataset, config, tmp_path, name):
    """An export with such a filter equals mining with it, though the run did not store it."""
    wanted = config.with_filters(name)
    first, right = mine(dataset, config, out=tmp_path / "first"), mine(dataset, wanted, out=tmp_path / "right")
    assert export(first, wanted, out=tmp_path / "again").file.read_bytes() == right.file.read_bytes()


def test_evidence_that_was_not_measured_is_told(dataset, config, tmp_path):
    """Who needs what, and what to do about it; mined with --evidence it is there."""
    wanted = config.with_filters("duplicate_question")
    run = mine(dataset, config, out=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"^filter 'duplicate_question' needs 'duplicate_question', which was not .* evidence=..dup"):
        export(run, wanted, out=tmp_path / "again")
    asked = MiningConfig.of(**{**config.model_dump(), "evidence": ("duplicate_question",)})
    run = mine(dataset, asked, out=tmp_path / "asked")
    assert export(run, MiningConfig.of(**{**wanted.model_dump(), "evidence": asked.evidence}), out=tmp_path / "again").report["counts"][
        "chosen"
    ]


@pytest.mark.parametrize("change", [{"sampler": "diverse:first=5"}, {"distinct": 0.5}, {"distinct": 0.9, "hub_cap": 1}])
def test_what_compares_passages_needs_their_vectors(dataset, config, tmp_path, change):
    """A run keeps them if somebody asked, and an export equals mining; else what to do is told, before anything is written."""
    wanted = MiningConfig.of(**{**config.model_dump(), **change})
    right = mine(dataset, wanted, out=tmp_path / "right")
    assert "vectors.npy" in right.manifest["outputs"]
    bare = mine(dataset, config, out=tmp_path / "bare")
    with pytest.raises(ConfigError, match=r"^(sampler 'diverse'|distinct) needs 'vectors', which was not .* evidence=..vectors"):
        export(bare, wanted, out=tmp_path / "none")
    asked = {**config.model_dump(), "evidence": ("vectors",)}
    again = export(
        mine(dataset, MiningConfig.of(**asked), out=tmp_path / "asked"), MiningConfig.of(**{**asked, **change}), out=tmp_path / "again"
    )
    assert again.file.read_bytes() == right.file.read_bytes()
    assert not again.differences()


def test_the_hub_cap_is_in_the_report(dataset, config, tmp_path):
    """With what it did; without one the report says nothing of it."""
    run = mine(dataset, MiningConfig.of(**{**config.model_dump(), "hub_cap": 2}), out=tmp_path / "run")
    assert run.report["hubs"]["cap"] == 2
    assert run.report["hubs"]["most_used"][0]["uses"] <= 2
    assert "cap" not in mine(dataset, config).report["hubs"]


def test_a_run_outlives_the_data_and_the_run_it_came_from(dataset, config, tmp_path):
    """An export needs neither: it holds what it needs."""
    first = mine(dataset, config, out=tmp_path / "first")
    again = export(first, config, out=tmp_path / "again")
    for path in sorted((tmp_path / "first").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert again.differences() == []
    assert list(export(again, config).rows()) == list(again.rows())
    with pytest.raises(IntegrityError, match="is no run folder"):
        _ = Run(tmp_path / "first").manifest


def test_an_input_that_changed_is_told(tmp_path):
    """The manifest knows the files by content."""
    inputs = on_disk(make(3), tmp_path / "data")
    run = mine(inputs, MiningConfig.of(similarity="dot"), out=tmp_path / "out")
    corpus = tmp_path / "data" / "corpus.jsonl"
    corpus.write_text(corpus.read_text() + "\n")
    assert run.differences() == [f"input {corpus} has changed since"]
    assert run.manifest["inputs"]["data"] == str(tmp_path / "data")


def test_blocks_made_at_the_same_time_are_the_same(dataset, config, tmp_path, monkeypatch):
    """One thread or many, whatever the blocks: the same training file; the same blocks give the same candidate files."""
    runs = {}
    for block, threads in [(4096, 1), (2, 1), (2, 3)]:
        monkeypatch.setattr(retrieval, "BLOCK", block)
        runs[block, threads] = mine(dataset, config, out=tmp_path / f"{block}-{threads}", runtime=Runtime.of(threads=threads))
    files = [run.file.read_bytes() for run in runs.values()]
    assert files[0] == files[1] == files[2]
    some, others = ([file.read_bytes() for file in blocks(runs[2, threads].folder / "candidates.parquet")] for threads in (1, 3))
    assert len(some) == 3
    assert some == others


def test_a_wrong_kind_is_refused(dataset, config, tmp_path):
    """Before anything is read."""
    with pytest.raises(ConfigError, match=r"a training file ends in \.jsonl, .* or is a datasets folder \(''\), not '\.xml'"):
        mine(dataset, config, out=tmp_path / "out", kind=".xml")
    with pytest.raises(HardnegError, match=r"the name '.*' has no known suffix"):
        mine(dataset, config, out=tmp_path / "out.xml")
    assert {path.name for path in tmp_path.iterdir()} == {"given"}


def test_a_loaded_model_may_be_handed_in(dataset, config):
    """The object instead of its name gives the same rows."""
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(config.model, device="cpu")
    given = mine(dataset, config.model_copy(update={"model": None}), model=loaded)
    assert list(given.rows()) == list(mine(dataset, config).rows())
    assert given.manifest["model"]["name"] == "in memory"


def test_folders_of_runs_are_given_as_paths_or_text(dataset, config, tmp_path):
    """Relative ones too."""
    run = mine(dataset, config, out=str(tmp_path / "out"))
    assert isinstance(run.folder, Path)
    assert Run(tmp_path / "out").config == config


def test_an_export_says_what_mining_would_search_deeper(tmp_path):
    """Queries short within the stored list, as many as a run with these settings deepens beyond those that are deep already."""
    data = on_disk(make(11, passages=60, queries=12, dim=4), tmp_path / "data")
    config = MiningConfig.of(similarity="cosine", depth=8, max_depth=40, negatives=3, filters=("near_positive:off", "margin:off"))
    first = mine(data, config, out=tmp_path / "first")
    strict = config.with_filters("margin:relative=0.3,background=0.3,below=0")
    mined, again, same = mine(data, strict), export(first, strict), export(first, config)
    missing = mined.manifest["retrieval"]["queries_deepened"] - first.manifest["retrieval"]["queries_deepened"]
    assert missing > 0
    assert again.report["not_deepened"] == missing
    assert any(f"would search these queries to 40: {missing}" in note for note in again.report["notes"])
    assert not any("when mined" in note for run in (mined, same) for note in run.report["notes"])


def test_judgements_changed_in_memory_count(tmp_path, tiny_model):
    """A dataset with other judgements than its folder holds is mined as it is, and the folder stays as it was."""
    dataset = small(tmp_path / "given")
    before = {path.name: path.read_bytes() for path in (tmp_path / "given").rglob("*") if path.is_file()}
    rows = dataset.qrels.rows.copy()
    rows[0] = next(row for row in range(len(dataset.corpus)) if row not in dataset.qrels.positives(0))
    changed = dataclasses.replace(dataset, qrels=dataclasses.replace(dataset.qrels, rows=rows))
    run = mine(changed, MiningConfig.of(model=str(tiny_model), depth=12, max_depth=12))
    assert run.dataset.qrels.equals(changed.qrels)
    assert not run.dataset.qrels.equals(dataset.qrels)
    assert {path.name: path.read_bytes() for path in (tmp_path / "given").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.98])
def test_damaged_candidates_are_named_where_they_lie(dataset, config, tmp_path, cut):
    """The run's own file, not the place where the export is made."""
    run = mine(dataset, MiningConfig.of(**config.model_dump(exclude={"distinct"}), distinct=0.95), out=tmp_path / "out")
    (file,) = blocks(run.folder / "candidates.parquet")
    whole = file.read_bytes()
    place = int(len(whole) * cut)
    file.write_bytes(whole[:place] + bytes(64) + whole[place + 64 :])
    with pytest.raises(IntegrityError) as failed:
        export(run, run.config, out=tmp_path / "again")
    assert str(failed.value).startswith(f"{file.parent} has changed since the run was made: ")
    file.write_bytes(whole)
    (run.folder / "vectors.npy").write_bytes(b"no array")
    with pytest.raises(IntegrityError) as failed:
        export(run, run.config, out=tmp_path / "again")
    assert str(failed.value).startswith(f"{run.folder / 'vectors.npy'} has changed since the run was made: ")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("name", ["candidates.parquet", "dataset/corpus.arrow"])
def test_nothing_is_chosen_from_what_was_edited(dataset, config, tmp_path, name):
    """A score in a readable block, a letter in a text: every verb that reads them refuses, and export seals nothing."""
    run = mine(dataset, config, out=tmp_path / "out")
    file = next(iter(blocks(run.folder / name))) if name == "candidates.parquet" else run.folder / name
    if name == "candidates.parquet":
        table = pq.read_table(file)
        scores = pa.array([[0.5] * len(each) for each in table["scores"].to_pylist()], table.schema.field("scores").type)
        pq.write_table(table.set_column(table.schema.get_field_index("scores"), "scores", scores), file)
    else:
        file.write_bytes(file.read_bytes().replace(b"w1", b"w2", 1))
    asked = run.dataset.queries.ids([0])[0]
    verbs = (lambda: export(run, config, out=tmp_path / "a"), lambda: explain(run, asked), lambda: sweep(run), lambda: survey(run))
    for verb in (*verbs, lambda: compare(run, run)):
        with pytest.raises(IntegrityError, match=f"{name} has changed since the run was made"):
            verb()
    assert not (tmp_path / "a").exists()


def test_verdicts_are_not_replaced_by_what_is_made_of_them(dataset, config, tmp_path):
    """Nor any other file that the caller wants to keep."""
    run, said = mine(dataset, config, out=tmp_path / "out"), tmp_path / "said.jsonl"
    said.write_text('{"query_id": "q0", "passage_id": "p1", "verdict": "unsure"}\n')
    for how in ({"verdicts": [said]}, {"spare": [said]}):
        with pytest.raises(ConfigError, match=r"said\.jsonl is read by this run, and out= would replace it"):
            export(run, config, out=said, force=True, **how)
    assert "unsure" in said.read_text()


@pytest.mark.parametrize("text", ["{", "[]", "{}", "\xff"])
def test_a_damaged_report_is_said_in_one_sentence(tmp_path, text):
    run = mine(on_disk(make(3), tmp_path / "data"), config_of(3), out=tmp_path / "out")
    (run.folder / "report.json").write_text(text, encoding="latin-1")
    with pytest.raises(StorageError, match=r"report\.json is damaged: it is not the report of a run"):
        Run(run.folder).report  # noqa: B018 - reading it is the test
