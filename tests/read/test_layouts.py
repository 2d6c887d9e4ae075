"""Which column is read as what, layout by layout; what could be read in two ways is refused by the names of both."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miner.errors import InputError
from miner.formats import FORMATS, open_training
from miner.read import read_inline, read_pairs
from miner.types import Dataset, Negatives

GOLD, HARD = "Knead the dough until it is smooth.", "Rye bread is dense."
QUERY, SHORT = "how long must dough rise", "an hour"
NO_TITLE = {"title": "", "passage_id": "7"}


def judged(dataset: Dataset) -> dict[str, int]:
    """Grades of the only query's passages."""
    assert dataset.queries.texts(range(len(dataset.queries))) == [QUERY]
    return dict(zip(dataset.corpus.texts(dataset.qrels.rows), dataset.qrels.grades.tolist(), strict=True))


def file(folder: Path, row: dict[str, Any]) -> Path:
    """One row as JSON lines."""
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return folder / "rows.jsonl"


DPR = {"question": QUERY, "answers": [SHORT], "negative_ctxs": [], "ctxs": [{"text": "retrieved", "title": ""}]}
READ: dict[str, dict[str, Any]] = {
    "dpr": {**DPR, "positive_ctxs": [{**NO_TITLE, "text": GOLD}], "hard_negative_ctxs": [{"title": "", "text": HARD}]},
    "ms marco": {"query": QUERY, "answers": [SHORT], "passages": {"is_selected": [0, 1], "passage_text": [HARD, GOLD], "url": ["", ""]}},
    "ms marco, objects": {
        "query": QUERY,
        "answers": [],
        "passages": [{"is_selected": 1, "passage_text": GOLD}, {"is_selected": 0, "passage_text": HARD}],
    },
    "flagembedding": {"query": QUERY, "pos": [GOLD], "neg": [HARD], "pos_scores": [0.9], "neg_scores": [0.1], "prompt": "p", "score": 1},
    "rlhn": {"query_id": "1", "query": QUERY, "positive_passages": [{"docid": "a", "text": GOLD}], "negative_passages": [{"text": HARD}]},
    "triplet": {"anchor": QUERY, "positive": GOLD, "negative": HARD, "answer": SHORT},
    "n-tuple": {"question": QUERY, "positive": GOLD, "negative_1": HARD, "negative_2": None},
    "labels": {"query": QUERY, "passages": [GOLD, HARD], "labels": [1, 0]},
    "labeled-list with scores": {"anchor": QUERY, "positive": [GOLD, HARD], "scores": [0.4, 0.5]},
    "ms-swift": {
        "messages": [{"role": "user", "content": QUERY}],
        "positive_messages": [[{"role": "user", "content": GOLD}]],
        "negative_messages": [[{"role": "user", "content": HARD}]],
    },
}


@pytest.mark.parametrize("layout", READ)
def test_a_trainers_layout_is_read_with_its_negatives(tmp_path: Path, layout: str) -> None:
    dataset = read_pairs(file(tmp_path, READ[layout]), min_grade=1)
    assert judged(dataset) == {GOLD: 1, HARD: 0}


@pytest.mark.parametrize("layout", READ)
def test_the_gold_passage_of_a_corpus_is_the_positive(tmp_path: Path, layout: str) -> None:
    """Whatever short answer stands beside it, and whatever the least grade: what the row calls non-relevant stays below it."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in (("g", GOLD), ("s", SHORT))))
    dataset = read_pairs(file(tmp_path, READ[layout]), corpus)
    assert judged(dataset) == {GOLD: 1, HARD: 0}


TORN = [
    ({"question": QUERY, "answer": SHORT, "context": GOLD}, "positive", ("answer", "context")),
    ({"question": QUERY, "answer": SHORT, "passage": GOLD}, "positive", ("answer", "passage")),
    ({"question": QUERY, "answer": SHORT, "document": GOLD}, "positive", ("answer", "document")),
    ({"query": QUERY, "response": GOLD, "answer": SHORT}, "positive", ("answer", "response")),
    ({"query": QUERY, "answers": [SHORT], "passages": [GOLD]}, "positive", ("answers", "passages")),
    ({"question": QUERY, "answers": {"text": [SHORT]}, "context": GOLD, "title": "t"}, "positive", ("answers", "context")),
    ({"anchor": QUERY, "positive": GOLD, "pos": [GOLD]}, "positive", ("positive", "pos")),
    ({"query": "dough", "question": QUERY, "answer": GOLD}, "query", ("query", "question")),
    ({"query": QUERY, "answer": GOLD, "doc_id": "1", "passage_id": "2"}, "positive_id", ("passage_id", "doc_id")),
]


@pytest.mark.parametrize(("row", "field", "columns"), TORN)
def test_two_columns_that_could_each_be_it_are_both_named(
    tmp_path: Path, row: dict[str, Any], field: str, columns: tuple[str, str]
) -> None:
    path = file(tmp_path, row)
    with pytest.raises(InputError) as refused:
        read_pairs(path)
    for column in columns:
        assert f"'{column}'" in str(refused.value)
        assert f"--field {field}={column}" in refused.value.with_flags
    if field == "positive" and isinstance(row[columns[1]], str):
        assert list(judged(read_pairs(path, fields={field: columns[1]}))) == [row[columns[1]]]


def test_a_later_row_with_a_rival_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"query": "a", "answer": "b"}) + "\n" + json.dumps({"query": "c", "answer": "d", "context": "e"}) + "\n")
    with pytest.raises(InputError, match="'answer' and 'context' could each be the positive"):
        read_pairs(path)


def test_scores_without_ranks_do_not_say_which_passages_are_positives(tmp_path: Path) -> None:
    path = file(tmp_path, {"anchor": QUERY, "positive": HARD, "score": 0.4})
    with pytest.raises(InputError, match=r"fields=..grade.: .-.. if all are"):
        read_pairs(path)
    assert judged(read_pairs(path, fields={"grade": "-"})) == {HARD: 1}


@pytest.mark.parametrize("columns", [(), ("ids",), ("ids", "scores", "ranks", "tiers")])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_written_is_read_back(tmp_path: Path, name: str, columns: tuple[str, ...]) -> None:
    """Single files and folders: the positive is the positive, and what was mined is judged non-relevant."""
    passages = [{"id": f"p{i}", "text": text} for i, text in enumerate((GOLD, "other", HARD))]
    dataset = read_inline([{"id": "q", "text": QUERY, "positives": ["p0"]}], passages)
    rows, scores = np.array([[2]], dtype=np.int32), np.array([[0.5]], dtype=np.float32)
    known = (np.array([[0]], dtype=np.int32), np.array([[0.9]], dtype=np.float32))
    chosen = Negatives(np.array([0]), *known, rows, scores, rows, np.zeros((1, 1), dtype=np.uint8))
    path = tmp_path / f"mined{'' if FORMATS[name].layout else FORMATS[name].kind}"
    with open_training(path, FORMATS[name], dataset) as sink:
        sink.write(FORMATS[name].write(dataset, chosen, {*columns} & FORMATS[name].optional_columns))
    if name == "beir":
        with pytest.raises(InputError, match="data="):
            read_pairs(path)
        return
    assert judged(read_pairs(path)) == {GOLD: 1, HARD: 0}
