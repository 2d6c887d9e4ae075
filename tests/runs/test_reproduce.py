"""A run comes out again from its manifest; what has gone or changed is refused in one sentence, what differs is told exactly."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disk import on_disk
from test_run import small
from worlds import make

from miner.config import MiningConfig
from miner.errors import HardnegError, IntegrityError, ModelError
from miner.io.row_writer import sha256_of
from miner.runs.reproduce import rerun
from miner.runs.run import Run, export, mine


@pytest.fixture
def config(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    return MiningConfig.of(model=str(tmp_path / "model"), depth=12, max_depth=12, negatives=3, sampler="uniform", seed=7)


@pytest.fixture
def from_files(tmp_path):
    """Inputs on disk, vectors made before."""
    return on_disk(make(3, passages=30), tmp_path / "data")


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".parquet", ""])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_made_from_a_dataset_comes_out_again(config, tmp_path, kind, fresh):
    """From the texts the run keeps, when those it was made from have gone; with a store of its own too."""
    run = mine(small(tmp_path / "given"), config, out=tmp_path / "run", kind=kind)
    shutil.rmtree(tmp_path / "given")
    made = rerun(run, fresh=fresh)
    assert (made.differences, made.rows, made.sha256) == ([], run.manifest["counts"]["rows"], sha256_of(run.file))
    assert {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def test_a_run_made_from_files_comes_out_again(from_files, tmp_path):
    """From its inputs; an export of it too, and one beside a file of its own name."""
    run = mine(from_files, MiningConfig.of(similarity="dot", depth=10, max_depth=10), out=tmp_path / "run.jsonl")
    assert rerun(run).differences == []
    other = export(run, run.config.model_copy(update={"negatives": 2, "output_format": "n-tuple"}), out=tmp_path / "other")
    assert rerun(other).differences == []
    folders = export(run, run.config.model_copy(update={"output_format": "dpr"}), out=tmp_path / "dpr")
    assert rerun(folders).differences == []


def test_an_input_that_has_gone_or_changed_is_refused(from_files, tmp_path, config):
    """By name; the texts in the run still serve, if the model made the vectors."""
    corpus = tmp_path / "data" / "corpus.jsonl"
    inputs = from_files.model_copy(update={"query_vectors": None, "passage_vectors": None})
    run = mine(inputs, config, out=tmp_path / "run")
    before = corpus.read_text()
    corpus.write_text(before + "\n")
    with pytest.raises(IntegrityError, match=r"input .*corpus\.jsonl has changed since; .*stored=True"):
        rerun(run)
    corpus.unlink()
    with pytest.raises(IntegrityError, match=r"input .*corpus\.jsonl is no longer where it was; .*stored=True"):
        rerun(run)
    assert rerun(run, stored=True).differences == []
    (run.folder / "dataset" / "qrels.arrow").write_bytes(b"other")
    with pytest.raises(IntegrityError, match=r"qrels\.arrow is not what it was: the run cannot be made again from it"):
        rerun(run, stored=True)


def test_vectors_made_before_are_not_kept(from_files, tmp_path):
    """So that such a run needs its inputs; a vector file that has gone is named."""
    run = mine(from_files, MiningConfig.of(similarity="dot"), out=tmp_path / "run")
    with pytest.raises(IntegrityError, match="used vectors made before, which it does not keep"):
        rerun(run, stored=True)
    (tmp_path / "data" / "query.npy").unlink()
    with pytest.raises(HardnegError, match=r"query\.npy"):
        rerun(run)


def test_vectors_made_before_are_inputs_like_any_other(from_files, tmp_path):
    """A changed list of ids is found."""
    run = mine(from_files, MiningConfig.of(similarity="dot"), out=tmp_path / "run")
    assert run.differences() == []
    with (tmp_path / "data" / "passage.ids").open("a") as file:
        file.write("more\n")
    assert run.differences() == [f"input {tmp_path / 'data' / 'passage.ids'} has changed since"]


def test_a_model_that_has_gone_or_changed_is_refused(config, tmp_path):
    """Not the name counts but what is in it."""
    run = mine(small(tmp_path / "given"), config, out=tmp_path / "run")
    weights = next((tmp_path / "model").rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"is not the one that made .*run: weights, tokenizer or settings have changed since"):
        rerun(run)
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ModelError, match="there is no model folder"):
        rerun(run)


def test_a_model_in_memory_is_handed_over_again(config, tmp_path):
    """Without it the run says so; with it the bytes are the same."""
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(config.model, device="cpu")
    run = mine(small(tmp_path / "given"), config.model_copy(update={"model": None}), model=loaded, out=tmp_path / "run")
    with pytest.raises(ModelError, match="was made with a model that was handed over in memory"):
        rerun(run)
    assert rerun(run, model=loaded).differences == []


def tampered(run, **changes):
    """The run as if it had been made by another config."""
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest["config"] |= changes
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    return Run(run.folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 8}, ["rows differ, the first one: row ", "pass 1: the same candidates with the same scores"]),
        (
            {"negatives": 2},
            ["36 rows became 24", "rows differ, the first one: row 3, in positive, negative: ", "pass 1: the same candidates"],
        ),
        ({"depth": 11, "max_depth": 11}, ["rows differ", "pass 1: 6 queries have other candidates"]),
        ({"columns": ["ranks"]}, ["36 rows differ, the first one: row 1, in rank: None became", "pass 1: the same"]),
    ],
)
def test_what_differs_is_told_exactly(config, tmp_path, change, said):
    """How many rows, the first of them, and which pass."""
    run = mine(
        small(tmp_path / "given"),
        config.model_copy(
            update={"filters": MiningConfig.of(filters=("near_positive:off", "margin:relative=0.05,background=0.3,relax=true")).filters}
        ),
        out=tmp_path / "run",
    )
    found = rerun(tampered(run, **change)).differences
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True)), found


def test_scores_that_moved_are_told(config, tmp_path):
    """Candidates alike, scores not: by how much."""
    run = mine(small(tmp_path / "given"), config.model_copy(update={"columns": ("scores",)}), out=tmp_path / "run")
    (block,) = (run.folder / "candidates.parquet").glob("*.parquet")
    table = pq.read_table(block)
    moved = [[float(np.float32(x) + np.float32(0.25)) for x in row] for row in table["scores"].to_pylist()]
    pq.write_table(table.set_column(table.column_names.index("scores"), "scores", pa.array(moved, type=pa.list_(pa.float32()))), block)
    found = rerun(tampered(run, seed=8)).differences
    assert found[-1] == "pass 1: 0 queries have other candidates, 6 others have other scores (by 0.25 at most)"


def test_what_went_to_standard_output_cannot_be_compared(config, tmp_path, capfdbinary):
    """It says so."""
    run = mine(small(tmp_path / "given"), config, out="-")
    with pytest.raises(IntegrityError, match="went to standard output: there is no training file to compare with"):
        rerun(run)
    assert capfdbinary.readouterr().out
