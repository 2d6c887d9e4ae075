"""What is trained from may be no retriever, what is mined with may not; and what a dev score is taken over."""

import shutil

import pytest
from tiny import bare_model

from miner.config import Inputs, MiningConfig
from miner.errors import ModelError
from miner.train import LoopConfig, TrainConfig, loop, train

pytest.importorskip("accelerate")


def config(model, **more):
    return TrainConfig.of(**{"model": str(model), "steps": 1, "train_batch_size": 4, **more})


def test_a_language_model_is_trained_with_a_warning(tiny_rows, tmp_path):
    """The usual start; mining with what comes of it needs no setting. None where the setting says that it is meant."""
    model = bare_model(tmp_path / "model", "BertForMaskedLM")
    done = train(tiny_rows, config(model), out=tmp_path / "out")
    assert [
        note for note in done.report["warnings"] if note.startswith("the model is a masked language model (BertForMaskedLM): the mean of")
    ]
    insisting = train(tiny_rows, config(done.folder), out=tmp_path / "again")
    assert not [note for note in insisting.report["warnings"] if "the model is" in note]


def test_what_mines_refuses_it(tiny_folder, tmp_path):
    """`train` that mines first, and the loop, before they make anything."""
    model, data = bare_model(tmp_path / "model", "BertForMaskedLM"), Inputs.of(data=str(tiny_folder), split=("train",))
    with pytest.raises(ModelError, match="is a masked language model"):
        train(data, config(model), mining=MiningConfig.of(), out=tmp_path / "out")
    with pytest.raises(ModelError, match="is a masked language model"):
        loop(data, config(model), MiningConfig.of(), LoopConfig.of(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def own_folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "data")


def test_dev_says_what_it_is_taken_over(tiny_rows, tiny_model, own_folder, tmp_path):
    """Queries without a positive count as 0, as in an evaluation; training.json and a note say how many."""
    with (own_folder / "qrels" / "dev.tsv").open("a") as file:
        file.write("q00\tp1\t0\n")
    done = train(tiny_rows, config(tiny_model), out=tmp_path / "out", dev=Inputs.of(data=str(own_folder), split=("dev",)))
    assert (done.report["dev"]["queries"], done.report["dev"]["queries_without_positive"]) == (9, 1)
    assert "dev: queries without a judgement of grade 1 or more, which count as 0: 1" in done.report["warnings"]


def test_a_grade_counts_in_pairs(tiny_model, own_folder, tmp_path):
    """min_grade 2: eight pairs of grade 2 are trained on, sixteen of grade 1 are not."""
    lines = (own_folder / "qrels" / "train.tsv").read_text().splitlines()
    (own_folder / "qrels" / "train.tsv").write_text("\n".join([lines[0], *(f"{line[:-1]}2" for line in lines[1:9]), *lines[9:]]) + "\n")
    data = Inputs.of(data=str(own_folder), split=("train",))
    assert train(data, config(tiny_model, min_grade=2), out=tmp_path / "out").report["rows"]["rows"] == 8
