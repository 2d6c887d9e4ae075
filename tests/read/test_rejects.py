"""A rejected row is written as it stands in the file, also where its fault shows only when all was read."""

import json
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from miner.read import read_files, read_inline, read_pairs

HEADS = {"corpus.jsonl": b'{"_id": "d1", "text": "one"}\n', "corpus.csv": b"id,text\nd1,one\n", "corpus.tsv": b"id\ttext\nd1\tone\n"}
AGAIN = {
    "corpus.jsonl": b'{"title":"T",  "_id": "d1","text": "two", "n": 1.0}',
    "corpus.csv": b'd1,"two, ""quoted"""',
    "corpus.tsv": b'd1\t"two',
}


def noted(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "errors.jsonl").read_bytes().splitlines()]


def asked(root: Path) -> tuple[Path, Path]:
    (root / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "first?"}\n')
    (root / "train.tsv").write_bytes(b"query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return root / "queries.jsonl", root / "train.tsv"


@pytest.mark.parametrize("name", HEADS)
def test_a_repeated_id_shows_its_own_line(tmp_path: Path, name: str) -> None:
    """Whatever the kind of file: spaces, order and quotes are the user's."""
    (tmp_path / name).write_bytes(HEADS[name] + AGAIN[name] + b"\n" + AGAIN[name].replace(b"two", b"three") + b"\n")
    read_files(tmp_path / name, *asked(tmp_path), tmp_path / "out", on_error="skip")
    rows = [note["row"] for note in noted(tmp_path / "out")]
    assert rows == [AGAIN[name].decode(), AGAIN[name].replace(b"two", b"three").decode()]


def test_a_repeated_id_of_a_table_shows_all_its_columns(tmp_path: Path) -> None:
    """As JSON, since a table has no lines."""
    rows = [{"id": "d1", "title": None, "text": "one", "n": 1}, {"id": "d1", "title": "T", "text": "two", "n": 2}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "corpus.parquet")
    read_files(tmp_path / "corpus.parquet", *asked(tmp_path), tmp_path / "out", on_error="skip")
    (note,) = noted(tmp_path / "out")
    assert (note["line"], json.loads(str(note["row"]))) == (2, rows[1])


def test_an_unknown_id_shows_its_own_line(tmp_path: Path) -> None:
    """With the grade as it was written."""
    (tmp_path / "corpus.jsonl").write_bytes(HEADS["corpus.jsonl"])
    queries, qrels = asked(tmp_path)
    qrels.write_bytes(qrels.read_bytes() + b"q1\td9\t1.0\n")
    read_files(tmp_path / "corpus.jsonl", queries, qrels, tmp_path / "out", on_error="skip")
    assert [note["row"] for note in noted(tmp_path / "out")] == ["q1\td9\t1.0"]


def test_an_id_with_another_text_shows_its_own_row(tmp_path: Path) -> None:
    """Of a query and of a positive, each once, in pairs and in memory."""
    lines = ['{"qid": 1, "query": "a", "positive": [{"id": "x", "text": "t"}]}', '{"qid": 1,"query":"b", "positive": "u"}',
             '{"qid": 2, "query": "c", "positive": [{"text": "other", "id": "x"}, {"text": "third", "id": "x"}]}']  # fmt: skip
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    read_pairs(tmp_path / "pairs.jsonl", into=tmp_path / "out", on_error="skip")
    assert [(note["line"], note["row"]) for note in noted(tmp_path / "out")] == [(2, lines[1]), (3, lines[2])]
    queries = [{"id": "1", "text": text, "positive_texts": ["p"]} for text in "ab"]
    read_inline(iter(queries), into=tmp_path / "held", on_error="skip")
    (note,) = noted(tmp_path / "held")
    assert (note["line"], json.loads(str(note["row"]))) == (1, queries[1])


def test_what_can_be_read_only_once_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe: the reason stands without the row."""
    os.mkfifo(tmp_path / "corpus.jsonl")
    content = HEADS["corpus.jsonl"] + AGAIN["corpus.jsonl"] + b"\n"
    threading.Thread(target=(tmp_path / "corpus.jsonl").write_bytes, args=(content,)).start()
    read_files(tmp_path / "corpus.jsonl", *asked(tmp_path), tmp_path / "out", on_error="skip")
    (note,) = noted(tmp_path / "out")
    assert (note["line"], note["row"]) == (2, "")
    assert str(note["reason"]).startswith("duplicate id 'd1'")
