"""A small world that can be learnt: every query word belongs to one passage."""

import json

import pytest

from miner.formats import TrainingRow
from miner.read import read_beir


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A BEIR folder: 48 passages, 40 queries; train, dev and test."""
    folder = tmp_path_factory.mktemp("tiny") / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": f"p{i}", "text": f"w{i} w{i * 5 % 48}"}) + "\n" for i in range(48)))
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": f"q{i:02}", "text": f"w{(i * 7) % 48}"}) + "\n" for i in range(40)))
    for split, some in {"train": range(24), "dev": range(24, 32), "test": range(32, 40)}.items():
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{i:02}\tp{i}\t1\n" for i in some))
    return folder


@pytest.fixture(scope="session")
def tiny_world(tiny_folder):
    """Its train split."""
    return read_beir(str(tiny_folder), split=("train",))


@pytest.fixture(scope="session")
def tiny_rows():
    """Sixteen rows with two scored negatives each."""
    return [
        TrainingRow(f"w{i}", (f"w{i} w{i + 1}", f"w{i + 20}", f"w{i + 30} w1"), (1, 0, 0), scores=(0.9, 0.4, 0.1), ids=("a", "b", "c"))
        for i in range(16)
    ]
