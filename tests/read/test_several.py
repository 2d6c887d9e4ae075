"""Several files as one: every row keeps its file and line, every file its own columns; folders of pieces, lists, and other ways to write a table."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from miner.errors import InputError
from miner.read import read_beir, read_files, read_pairs
from miner.types import columns_line, unread_judgements

ROWS = [{"_id": f"p{i}", "text": f"text {i}"} for i in range(6)]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    """Rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_files_of_pairs_are_read_one_after_the_other(tmp_path: Path) -> None:
    first = lines(tmp_path / "a.jsonl", [{"query": "a", "positive": "x"}])
    (tmp_path / "b.csv").write_text("question,answer\nb,y\na,z\n")
    corpus = [lines(tmp_path / "c0.jsonl", ROWS[:3]), lines(tmp_path / "c1.jsonl", [{"id": "q", "contents": "more"}])]
    dataset = read_pairs([first, tmp_path / "b.csv"], corpus)
    assert (len(dataset.queries), len(dataset.corpus), len(dataset.qrels.rows)) == (2, 7, 3)
    assert dataset.columns[str(tmp_path / "b.csv")] == {"question": "query", "answer": "positive"}
    assert dataset.columns[str(corpus[1])] == {"id": "id", "contents": "text"}
    assert set(dataset.inputs) == {str(path) for path in (first, tmp_path / "b.csv", *corpus)}


def test_a_wrong_row_names_its_own_file(tmp_path: Path) -> None:
    pairs = lines(tmp_path / "pairs.jsonl", [{"query": "a", "positive": "x"}])
    corpus = [lines(tmp_path / "c0.jsonl", ROWS[:3]), lines(tmp_path / "c1.jsonl", [ROWS[3], ROWS[1]])]
    with pytest.raises(InputError, match=r"c1.jsonl:2: duplicate id 'p1', first at .*c0.jsonl:2"):
        read_pairs(pairs, corpus)
    dataset = read_pairs(pairs, corpus, tmp_path / "out", on_error="skip")
    noted = json.loads((tmp_path / "out" / "errors.jsonl").read_text())
    assert (noted["file"], noted["line"], noted["row"]) == (str(corpus[1]), 2, json.dumps(ROWS[1]))
    assert (len(dataset.corpus), dataset.reading["rejected"]) == (5, 1)


@pytest.mark.parametrize("kind", ["parquet", "jsonl.gz"])
def test_a_folder_of_pieces_is_one_table(tmp_path: Path, kind: str) -> None:
    for name, rows in (("corpus", ROWS), ("queries", [{"_id": "q", "text": "a"}, {"_id": "r", "text": "b"}])):
        (tmp_path / name).mkdir()
        for place, part in enumerate((rows[::2], rows[1::2])):
            path = tmp_path / name / f"{name}-0000{place}-of-00002.{kind}"
            if kind == "parquet":
                pq.write_table(pa.Table.from_pylist(part), path)
            else:
                path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in part).encode()))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\tp1\t1\n")
    assert (len(read_beir(tmp_path).corpus), len(read_beir(tmp_path).queries)) == (6, 1)
    next((tmp_path / "corpus").glob("*-00001-*")).unlink()
    with pytest.raises(InputError, match="holds 1 of 2 pieces of corpus-00000-of-00002"):
        read_beir(tmp_path)
    (tmp_path / "corpus" / "other.jsonl").touch()
    with pytest.raises(InputError, match="holds more than one table"):
        read_beir(tmp_path)


TABLES = {
    "flat.json": json.dumps([{"query": "a", "answer": "x, y"}, {"query": "b", "answer": "z"}]),
    "pretty.json": "\ufeff" + json.dumps([{"query": "a", "answer": "x, y"}, {"query": "b", "answer": "z"}], indent=2),
    "lines.json": '{"query": "a", "answer": "x, y"}\n{"query": "b", "answer": "z"}\n',
    "semicolons.csv": "query;answer\na;x, y\nb;z\n",
    "tabs.csv": "query\tanswer\r\na\tx, y\r\nb\tz\r\n",
    "excel.csv": '\ufeffsep=;\nquery;answer\na;"x, y"\nb;z\n',
    "commas.csv": 'query,answer\na,"x, y"\nb,z\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_the_same_pairs_however_they_are_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8", newline="")
    dataset = read_pairs(tmp_path / name)
    assert dataset.corpus.texts(dataset.qrels.rows) == ["x, y", "z"]
    assert columns_line(dataset.columns) == f"{name} (query, answer → positive)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"query": "a", "query": "b"}]', "row 1: the key 'query' is there twice"),
        ('[{"query": "a", "answer": "x"}, 3]', "row 2: a number where a JSON object is expected"),
        ('[{"query": "a", "answer": "x"},', "this is not JSON, after row 1"),
        ('[{"query": "a"}]', "has no column for 'positive'"),
    ],
)
def test_a_wrong_list_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_pairs(tmp_path / "list.json")


def test_ms_marcos_files_have_no_header(tmp_path: Path) -> None:
    (tmp_path / "collection.tsv").write_text("7\tone\n8\ttwo\n")
    (tmp_path / "queries.tsv").write_text("1\tfirst\n")
    (tmp_path / "qrels.tsv").write_text("1\t0\t8\t1\n")
    dataset = read_files(*(tmp_path / f"{name}.tsv" for name in ("collection", "queries", "qrels")))
    assert (dataset.queries.ids([0]), dataset.corpus.ids(range(2)), dataset.qrels.rows.tolist()) == (["1"], ["7", "8"], [1])
    told = "collection.tsv and 1 more (id, text), qrels.tsv (column 1 → query id, column 3 → passage id, column 4 → grade)"
    assert columns_line(dataset.columns).replace("queries.tsv (id, text → text), ", "") == told


def test_a_column_that_looks_like_judgements_is_named(tmp_path: Path) -> None:
    path = lines(tmp_path / "faq.jsonl", [{"question": "a", "answer": "x", "score": 3.5, "date": 1}])
    dataset = read_pairs(path)
    assert columns_line(dataset.columns) == "faq.jsonl (question → query, answer → positive; other: score, date)"
    assert ["--field grade=score" in said for said in unread_judgements(dataset.columns)] == [True]
    asked = read_pairs(lines(tmp_path / "faq.jsonl", [{"question": "a", "answer": "x", "score": 3}]), fields={"grade": "score"})
    assert not [*unread_judgements(asked.columns)]
