"""Pairs with a grade are judgements: what is judged non-relevant is no positive, whoever wrote the file."""

import json
from pathlib import Path

import numpy as np
import pytest

from miner.config import Inputs
from miner.errors import InputError
from miner.formats import FORMATS
from miner.io.row_writer import open_sink
from miner.read import read, read_inline, read_pairs
from miner.types import Dataset, Negatives


def judged(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Grades by the texts of query and passage."""
    found: dict[str, dict[str, int]] = {}
    for query, text in enumerate(dataset.queries.texts(range(len(dataset.queries)))):
        span = slice(int(dataset.qrels.indptr[query]), int(dataset.qrels.indptr[query + 1]))
        grades = dataset.qrels.grades[span].tolist()
        found[text] = dict(zip(dataset.corpus.texts(dataset.qrels.rows[span]), grades, strict=True))
    return found


@pytest.mark.parametrize("column", ["label", "score", "grade", "relevance", "rel"])
def test_a_grade_that_is_asked_for_makes_a_pair_a_judgement(tmp_path: Path, column: str) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(f"query,answer,{column}\na,yes,1\na,no,0\na,very,3\nb,nothing,0\n")
    dataset = read_pairs(file, fields={"grade": column})
    assert judged(dataset) == {"a": {"yes": 1, "no": 0, "very": 3}}
    assert sorted(dataset.corpus.texts(range(len(dataset.corpus)))) == ["no", "nothing", "very", "yes"]
    assert dataset.reading["queries_without_positive"] == 1
    strict = read(Inputs(pairs=str(file), fields={"grade": column}), min_grade=2)
    assert strict.corpus.texts(strict.qrels.positives(0)) == ["very"]


def test_a_pair_without_a_grade_is_a_positive_whatever_the_least_grade(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("query,answer\na,yes\n")
    dataset = read_pairs(file, min_grade=2)
    assert dataset.corpus.texts(dataset.qrels.positives(0)) == ["yes"]


@pytest.mark.parametrize("columns", [set(), {"ids"}])
@pytest.mark.parametrize("name", ["labeled-pair", "labeled-list"])
def test_our_own_labelled_files_are_read_back_as_they_were_meant(tmp_path: Path, name: str, columns: set[str]) -> None:
    passages = [{"id": f"p{i}", "text": f"passage {i}"} for i in range(4)]
    dataset = read_inline([{"id": "q", "text": "what?", "positives": ["p0"]}], passages)
    rows, scores = np.array([[2, 3]], dtype=np.int32), np.array([[0.5, 0.4]], dtype=np.float32)
    known = (np.array([[0]], dtype=np.int32), np.array([[0.9]], dtype=np.float32))
    chosen = Negatives(np.array([0]), *known, rows, scores, rows, np.zeros((1, 2), dtype=np.uint8))
    with open_sink(tmp_path / "mined.jsonl") as sink:
        sink.write(FORMATS[name].write(dataset, chosen, columns))
    again = read_pairs(tmp_path / "mined.jsonl")
    assert judged(again) == {"what?": {"passage 0": 1, "passage 2": 0, "passage 3": 0}}
    assert (again.queries.ids([0]) == ["q"]) == ("ids" in columns)


@pytest.mark.parametrize("column", ["label", "score", "grade", "relevance", "rel"])
def test_a_column_that_nobody_asked_for_is_no_judgement(tmp_path: Path, column: str) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(f"query,answer,{column}\na,yes,1\na,no,0\nb,nothing,0.5\n")
    dataset = read_pairs(file)
    assert judged(dataset) == {"a": {"yes": 1, "no": 1}, "b": {"nothing": 1}}
    assert dataset.columns == {str(file): {"query": "query", "answer": "positive", column: "other"}}


ROWS = [
    (
        {"anchor": "a", "positive": "x", "label": 0.83},
        'grade 0.83 is no whole number; if \'label\' is no judgement, say so: fields={"grade": "-"}',
    ),
    ({"anchor": "a", "positive": "x", "label": None}, "missing 'label'"),
    ({"query": "a", "positive": ["x", "y"], "labels": [1]}, "'labels' has 1 values for 2 passages"),
    ({"query": "a", "positive": ["x", "y"], "labels": None}, "missing 'labels'"),
    ({"anchor": "a", "positive": "x", "label": "good"}, "grade 'good' is no whole number"),
]


@pytest.mark.parametrize(("row", "reason"), ROWS)
def test_a_grade_that_is_none_is_refused_with_its_line(tmp_path: Path, row: dict[str, object], reason: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError) as failed:
        read_pairs(file)
    assert failed.value.where == f"{file}:1"
    assert reason in str(failed.value)


def test_a_column_that_only_looks_like_grades_may_be_named_as_none(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"query": "a", "positive": "x", "score": 0.83, "votes": 2}\n')
    dataset = read_pairs(file, fields={"grade": "-"})
    assert judged(dataset) == {"a": {"x": 1}}
    assert dataset.qrels.extras == ['{"score":0.83,"votes":2}']
    assert judged(read_pairs(file, fields={"grade": "votes"})) == {"a": {"x": 2}}


def test_scores_beside_negatives_are_no_grades(tmp_path: Path) -> None:
    file = tmp_path / "triplets.jsonl"
    file.write_text('{"anchor": "a", "positive": "x", "negative": "y", "label": 0, "scores": [0.9, 0.5]}\n')
    assert judged(read_pairs(file)) == {"a": {"x": 1, "y": 0}}
    assert judged(read_pairs(file, fields={"negative": "-"})) == {"a": {"x": 1}}
