"""What a run would take and give is told before it begins, and nothing stays on disk."""

import os

import pytest
from disk import on_disk
from tiny import bare_model
from worlds import make

from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError, InputError, StorageError
from miner.runs.dry_run import plan
from miner.runs.run import mine


@pytest.fixture
def world(tmp_path):
    on_disk(make(3, passages=20), tmp_path / "data")
    return Inputs.of(data=str(tmp_path / "data"))


@pytest.fixture
def config(tiny_model):
    return MiningConfig.of(model=str(tiny_model))


def test_counts_and_an_empty_folder(world, config, tmp_path):
    """Everything is counted; neither a run nor a vector is left."""
    told = plan(world, config, Runtime.of(cache=tmp_path / "cache"), out=tmp_path / "out")
    some = make(3, passages=20)
    assert (told["passages"], told["queries"]) == (20, 5)
    assert told["texts_to_encode"] == len(set(some.passages.values())) + len(set(some.queries.values()))
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "cache"}
    assert not list((tmp_path / "cache").rglob("keys.bin"))
    assert set(told["free_bytes"]) == {"run", "store"}


def test_the_whole_as_its_own_piece_is_foreseen_exactly(world, config, tmp_path):
    """Where the piece is all there is, candidates and rows are those of the run, and the disk is within a tenth."""
    runtime = Runtime.of(cache=tmp_path / "cache")
    told = plan(world, config, runtime)["estimate"]
    run = mine(world, config, out=tmp_path / "out", runtime=runtime)
    assert told["candidates"] == run.report["counts"]["judged"]
    assert (told["rows"], told["full_rows_share"]) == (run.report["rows_written"], run.report["coverage"]["all"])
    size = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
    assert abs(told["disk_bytes"]["run"] / size - 1) < 0.1
    assert told["seconds"]["all"] == pytest.approx(sum(value for name, value in told["seconds"].items() if name != "all"), abs=0.1)


@pytest.mark.parametrize("out", ["there", "there.jsonl"])
def test_a_place_that_is_taken_is_told(world, config, tmp_path, out):
    """As the run would, unless it may be replaced."""
    run = mine(world, config, out=tmp_path / ("there" if out == "there" else "there.jsonl"))
    with pytest.raises(ConfigError, match="exists already"):
        plan(world, config, Runtime.of(), out=tmp_path / out)
    assert plan(world, config, Runtime.of(), out=tmp_path / out, force=True, foresee=False)["queries"] == 5
    assert run.differences() == []


def test_a_place_that_cannot_be_is_told(world, config, tmp_path):
    """A kind that a format has not, a file where a folder should be, a folder nobody may write in."""
    with pytest.raises(ConfigError, match="leave kind= out"):
        plan(world, config.model_copy(update={"output_format": "colbert"}), Runtime.of(), out=tmp_path / "x", kind=".jsonl")
    with pytest.raises(StorageError, match="is no folder"):
        plan(world, config, Runtime.of(), out=tmp_path / "data" / "corpus.jsonl" / "x")
    (tmp_path / "locked").mkdir(mode=0o500)
    if not os.access(tmp_path / "locked", os.W_OK):
        with pytest.raises(StorageError, match="is not writable"):
            plan(world, config, Runtime.of(), out=tmp_path / "locked" / "x")


def test_verdicts_are_read(world, config, tmp_path):
    """The filter they switch on is told, and a file that is none about these data is refused."""
    said = tmp_path / "said.jsonl"
    query, passage = next(iter(make(3, passages=20).queries)), next(iter(make(3, passages=20).passages))
    said.write_text(f'{{"query_id": "{query}", "passage_id": "{passage}", "verdict": "false_negative"}}\n', encoding="utf-8")
    heard = world.model_copy(update={"verdicts": (str(said),)})
    assert "verdict" in plan(heard, config, Runtime.of(), foresee=False)["filters"]
    said.write_text('{"query_id": "nobody", "passage_id": "nothing", "verdict": "unsure"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="no verdict is about these data"):
        plan(heard, config, Runtime.of())


def test_the_index_is_planned_and_refused_as_the_run_would(world, config):
    """What the search will be is in the plan, by source; what FAISS cannot build over so many passages ends the dry run."""
    told = plan(world, config.model_copy(update={"index": "IVF4,Flat:nprobe=2", "recall": 0.9}), Runtime.of())
    assert (told["indexes"]["dense"]["index"], told["indexes"]["dense"]["settings"], told["recall"]) == (
        "IVF4,Flat:nprobe=2",
        {"nprobe": 2},
        0.9,
    )
    with pytest.raises(ConfigError, match=r"FAISS cannot build index 'IVF64,Flat' over \d+ vectors"):
        plan(world, config.model_copy(update={"index": "IVF64,Flat"}), Runtime.of(), foresee=False)


@pytest.mark.parametrize("kind", ["cross-encoder", "bi-encoder"])
def test_judges_are_estimated(kind, world, tiny_model, tmp_path):
    """Pairs of positives and of `first` candidates of each query, more where queries are short; nothing is scored for good."""
    judge = (
        str(bare_model(tmp_path / "cross", "BertForSequenceClassification", num_labels=1)) if kind == "cross-encoder" else str(tiny_model)
    )
    judges = (f"{kind}:model={judge},first=3,most=5",)
    config = MiningConfig.of(model=str(tiny_model), judges=judges, filters=(f"max_score:by={kind},score=0.9",))
    told = plan(world, config, Runtime.of(device="cpu"))
    estimate = told["estimate"]["judges"][kind]
    assert estimate["pairs_at_least"] == told["pairs"] + 3 * told["queries"]
    assert estimate["pairs_at_most"] == told["pairs"] + 5 * told["queries"]
    assert told["estimate"]["seconds"]["judge"] >= 0
    assert (estimate["pairs_per_second"] is None) is (kind == "bi-encoder")
    assert not [*Runtime.of().cache.glob("scores/*/keys.bin")]
