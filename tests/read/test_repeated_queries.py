"""A question asked under two ids, or in two splits, is one question: what is relevant to one is known of the other, and only known."""

from pathlib import Path

import numpy as np
import pytest

from miner.errors import InputError
from miner.read import read_beir, read_files, read_inline
from miner.report import notes
from miner.types import Dataset

REPORT = {
    "reading": {},
    "counts": {"pairs": 1, "chosen": 4, "rows": {"none": 0}, "ran_short": {"total": 0}},
    "hardness": {"gap": None},
    "scores": {},
    "rows_written": 1,
    "setup": {"output_format": "triplet"},
    "coverage": {"none": 0},
    "retrieval": {},
}


def known(dataset: Dataset) -> dict[str, tuple[set[str], set[str]]]:
    """Of each query the ids of its own positives, and of all that is known."""
    ids = dataset.queries.ids(range(len(dataset.queries)))
    qrels = dataset.qrels
    return {name: (set(dataset.corpus.ids(qrels.positives(q))), set(dataset.corpus.ids(qrels.relevant(q)))) for q, name in enumerate(ids)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Passages a to f; q1 and q2 ask the same, t1 asks it in test, q3 has a second positive in dev, q4 is like nobody."""
    root = tmp_path / "beir"
    (root / "qrels").mkdir(parents=True)
    (root / "corpus.jsonl").write_text("".join(f'{{"_id": "{name}", "text": "passage {name}"}}\n' for name in "abcdef"))
    asked = {"q1": "How so?", "t1": "how  so", "q2": "HOW SO!", "q3": "why", "q4": "when"}
    (root / "queries.jsonl").write_text("".join(f'{{"_id": "{name}", "text": "{text}"}}\n' for name, text in asked.items()))
    qrels = {
        "train": [("q1", "a", 1), ("q2", "b", 1), ("q3", "d", 1), ("q4", "f", 1)],
        "dev": [("q3", "e", 1), ("q3", "f", 0), ("unknown", "a", 1), ("q3", "gone", 1)],
        "test": [("t1", "c", 2)],
    }
    for split, rows in qrels.items():
        (root / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{p}\t{g}\n" for q, p, g in rows))
    return root


def test_what_is_relevant_to_the_same_question_is_known(folder: Path, tmp_path: Path) -> None:
    dataset = read_beir(folder, tmp_path / "out")
    told = {"q1": ({"a"}, {"a", "b", "c"}), "q2": ({"b"}, {"a", "b", "c"}), "q3": ({"d"}, {"d", "e"}), "q4": ({"f"}, {"f"})}
    assert known(dataset) == known(Dataset.open(tmp_path / "out")) == told
    assert dataset.reading["queries_asked_elsewhere"] == 3
    assert dataset.reading["judgements"] == 4
    assert {Path(name).name for name in dataset.inputs} == {"corpus.jsonl", "queries.jsonl", "train.tsv", "dev.tsv", "test.tsv"}


def test_questions_of_another_split_are_named(folder: Path, tmp_path: Path) -> None:
    """A model that trains on them has seen them when it is tested; the first ids, whatever their order in the files."""
    dataset = read_beir(folder, tmp_path / "out")
    told = {"dev.tsv": {"queries": 1, "ids": ["q3"]}, "test.tsv": {"queries": 2, "ids": ["q1", "q2"]}}
    assert dataset.asked_in == Dataset.open(tmp_path / "out").asked_in == told
    assert read_beir(folder, leave_out=("dev", "test")).asked_in == {}
    said = "queries that are in qrels/test.tsv too (such as q1, q2); lint --against FOLDER names their rows, --fix leaves them out: 2"
    assert said in list(notes(REPORT | {"asked_in": dataset.asked_in}))


def test_each_other_file_is_counted_and_may_be_left_out(folder: Path, tmp_path: Path) -> None:
    """What a file adds to what the split says, of questions that are mined for; a file that is left out is not opened."""
    (folder / "qrels" / "again.tsv").write_text("query-id\tcorpus-id\tscore\nt1\ta\t1\nt1\tc\t1\nt1\tc\t1\nstranger\ta\t1\n")
    with (folder / "queries.jsonl").open("a") as file:
        file.write('{"_id": "stranger", "text": "nobody else asks"}\n')
    told = {name: count for name, count in read_beir(folder).reading.items() if name.startswith("known_from:")}
    assert told == {"known_from:again.tsv": 1, "known_from:dev.tsv": 1, "known_from:test.tsv": 1}
    (folder / "qrels" / "test.tsv").write_text("no judgement\n")
    dataset = read_beir(folder, tmp_path / "out", leave_out=("test", "again"))
    assert known(dataset)["q1"] == ({"a"}, {"a", "b"})
    assert {name for name in dataset.reading if name.startswith("known_from:")} == {"known_from:dev.tsv"}
    assert {Path(name).name for name in dataset.inputs} == {"corpus.jsonl", "queries.jsonl", "train.tsv", "dev.tsv"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"leave_out": ("dev", "train_full")}, "has no split 'train_full'; it has: dev, test, train"),
        ({"leave_out": ("train",)}, "has no train.tsv but dev, test; choose with split="),
        ({"split": ("dev",), "leave_out": ("dev",)}, "split 'dev' is asked for and left out"),
        ({"leave_out": ("dev", "test", "train")}, r"qrels is left out, and there is nothing to mine for"),
    ],
)
def test_what_cannot_be_left_out_is_one_sentence(folder: Path, given: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_beir(folder, **given)


def test_files_by_name_know_no_other_splits(folder: Path, tmp_path: Path) -> None:
    files = (folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "train.tsv")
    assert known(read_files(*files))["q1"] == ({"a"}, {"a", "b"})
    elsewhere = read_files(*files, elsewhere=[folder / "qrels" / "test.tsv"], min_grade=1)
    assert known(elsewhere)["q1"] == ({"a"}, {"a", "b", "c"})


def test_rows_in_another_corpus(folder: Path) -> None:
    qrels = read_beir(folder).qrels
    moved = qrels.over(np.arange(6, dtype=np.int32)[::-1] + 10)
    assert sorted(moved.relevant(0).tolist()) == [13, 14, 15]
    assert moved.positives(0).tolist() == [15]


def test_nothing_is_kept_where_every_question_is_asked_once(tmp_path: Path) -> None:
    dataset = read_inline([{"text": "x", "positive_texts": ["a"]}, {"text": "y", "positive_texts": ["b"]}], into=tmp_path)
    assert dataset.qrels.same_questions is None
    assert not (tmp_path / "same.arrow").exists()
