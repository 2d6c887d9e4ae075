"""The catalogue of wrong inputs: each names its place and its reason, or is skipped, noted and counted."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from miner.errors import ConfigError, InputError
from miner.read import read_beir, read_files, read_inline, read_pairs

CORPUS = b'{"_id": "d1", "title": "", "text": "one"}\n{"_id": "d2", "text": "two"}\n'
QUERIES = b'{"_id": "q1", "text": "first?"}\n{"_id": "q2", "text": "second?"}\n'
QRELS = b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n"

WRONG = [
    ("corpus", b'{"_id": "d3", "title": "x"}\n', 3, "missing 'text'"),
    ("corpus", b'{"text": "x"}\n', 3, "missing '_id'"),
    ("corpus", b'\n\n{"_id": "d3", "text": ["x"]}\n', 5, "'text' is a list; a string is needed"),
    ("corpus", b'{"_id": "d3", "text": {"a": 1}}\n', 3, "'text' is an object"),
    ("corpus", b'{"_id": "d3", "title": 5, "text": "x"}\n', 3, "'title' is a number"),
    ("corpus", b'{"_id": "d3", "title": " ", "text": " "}\n', 3, "title and text are empty"),
    ("corpus", b'{"_id": "d1", "text": "again"}\n', 3, "duplicate id 'd1', first at {}:1"),
    ("corpus", b'{"_id": 1.5, "text": "x"}\n', 3, "'_id' is a number (1.5)"),
    (
        "corpus",
        b'{"_id": 18446744073709551616, "text": "x"}\n',
        3,
        "'_id' is a number; an id is a string, or a whole number of at most 64 bits",
    ),
    ("corpus", b'{"_id": 7.0, "text": "x"}\n', 3, "a number (7.0); an id is a string, or a whole number of at most 64 bits"),
    ("corpus", b'{"_id": true, "text": "x"}\n', 3, "'_id' is true or false"),
    ("corpus", b'{"_id": "", "text": "x"}\n', 3, "'_id' is empty"),
    ("corpus", b'{"_id": "a\\u0000b", "text": "x"}\n', 3, "NUL"),
    ("corpus", b'{"_id": "' + b"a" * 513 + b'", "text": "x"}\n', 3, "513 bytes"),
    ("corpus", b'{"_id": "d3", "text": "\xff"}\n', 3, "invalid UTF-8 at byte 24"),
    ("corpus", b'{"_id": "d3", "text": "\\ud800"}\n', 3, "lone surrogate"),
    ("corpus", b'{"_id": "d3", "text": "x", "n": NaN}\n', 3, "NaN or Infinity"),
    ("corpus", b'{"_id": "d3", "text": "x", "n": -Infinity}\n', 3, "NaN or Infinity"),
    ("corpus", b'{"_id": "d3", "text": "x", "text": "y"}\n', 3, "the key 'text' is there twice"),
    ("corpus", b'{"_id": "d3", "text": "x", "meta": {"a": 1, "a": 1}}\n', 3, "the key 'a' is there twice"),
    ("queries", b'{"_id": "q3", "_id": "q4", "text": "x"}\n', 3, "the key '_id' is there twice"),
    ("corpus", b"[1, 2]\n", 3, "a list where one JSON object"),
    ("corpus", b'{"_id": "d3" "text": "x"}\n', 3, "invalid JSON"),
    ("corpus", b"[" * 5000 + b"\n", 3, "deep in one another"),
    ("corpus", b'{"_id": "d3", "text": "x', 3, "the last line is torn"),
    ("corpus", b'{"_id": "d3", "text": "' + b"x" * (4 << 20) + b'"}\n', 3, "longer than 4194304 bytes"),
    ("queries", b'{"_id": "q3", "text": ""}\n', 3, "'text' is empty"),
    ("queries", b'{"_id": "q2", "text": "x"}\n', 3, "duplicate id 'q2', first at {}:2"),
    ("qrels", b"q9\td1\t1\n", 4, "unknown query id 'q9'"),
    ("qrels", b"q1\td9\t1\n", 4, "unknown passage id 'd9'"),
    ("qrels", b"q1\td1\tNaN\n", 4, "grade 'NaN' is no whole number"),
    ("qrels", b"q1\td1\t1.5\n", 4, "grade '1.5'"),
    ("qrels", b"q1\td1\thigh\n", 4, "grade 'high'"),
    ("qrels", b"q1\td1\n", 4, "2 fields where the first line has 3"),
    ("qrels", b"q\xff\td1\t1\n", 4, "invalid UTF-8"),
]


def beir(root: Path, **added: bytes) -> dict[str, Path]:
    """A small right folder with some lines added to its files."""
    (root / "qrels").mkdir(parents=True)
    files = {"corpus": root / "corpus.jsonl", "queries": root / "queries.jsonl", "qrels": root / "qrels" / "train.tsv"}
    for (name, path), right in zip(files.items(), (CORPUS, QUERIES, QRELS), strict=True):
        path.write_bytes(right + added.get(name, b""))
    return files


@pytest.mark.parametrize(("name", "line", "number", "reason"), WRONG)
def test_a_wrong_line_fails_with_its_place_or_is_skipped_and_noted(
    tmp_path: Path, name: str, line: bytes, number: int, reason: str
) -> None:
    file = beir(tmp_path / "in", **{name: line})[name]
    with pytest.raises(InputError) as failed:
        read_beir(tmp_path / "in", tmp_path / "out")
    assert failed.value.where == f"{file}:{number}"
    assert reason.format(file) in str(failed.value)
    dataset = read_beir(tmp_path / "in", tmp_path / "out", on_error="skip")
    assert (len(dataset.corpus), len(dataset.queries), dataset.reading["rejected"]) == (2, 2, 1)
    (noted,) = map(json.loads, (tmp_path / "out" / "errors.jsonl").read_bytes().splitlines())
    assert (noted["file"], noted["line"]) == (str(file), number)
    assert reason.format(file) in noted["reason"]
    assert len(noted["row"]) <= 200
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "corpus.arrow", "dataset.json", "errors.jsonl", "qrels.arrow", "queries.arrow",
    ]  # fmt: skip


PAIRS = [
    ({"query": "q", "positive": None}, "missing 'positive'"),
    ({"query": "q", "positive": []}, "'positive' is an empty list"),
    ({"query": "q", "positive": ["a", 5]}, "'positive' holds a number"),
    ({"query": "q", "positive": 5}, "'positive' holds a number"),
    ({"query": ["q"], "positive": "a"}, "'query' is a list; a string is needed"),
    ({"query": " ", "positive": "a"}, "'query' is empty"),
    ({"query": "q", "positive": [" "]}, "'positive' is empty"),
    ({"query": "q", "positive": [{"title": "", "text": ""}]}, "'positive.text' is empty"),
    ({"query": "q", "positive": [{"id": 1.5, "text": "a"}]}, "'id' is a number (1.5)"),
    ({"query": "q", "positive": [{"id": "d1", "text": "other"}]}, "passage id 'd1' has another text at {}:1"),
]


@pytest.mark.parametrize(("row", "reason"), PAIRS)
def test_a_wrong_pair_fails_with_its_place_or_is_skipped(tmp_path: Path, row: dict[str, object], reason: str) -> None:
    file = tmp_path / "pairs.jsonl"
    right = {"query": "right", "positive": [{"id": "d1", "text": "yes"}]}
    file.write_text(f"{json.dumps(right)}\n{json.dumps(row)}\n")
    with pytest.raises(InputError) as failed:
        read_pairs(file)
    assert failed.value.where == f"{file}:2"
    assert reason.format(file) in str(failed.value)
    dataset = read_pairs(file, on_error="skip")
    assert (dataset.corpus.ids([0]), len(dataset.corpus), dataset.queries.texts([0])) == (["d1"], 1, ["right"])
    assert dataset.reading["rejected"] == 1


def test_a_string_under_a_name_that_promises_a_list_is_wrong_unless_the_user_names_the_column(tmp_path: Path) -> None:
    file, flat = tmp_path / "pairs.jsonl", tmp_path / "pairs.csv"
    file.write_text('{"query": "a", "pos": ["x", "y"]}\n{"query": "b", "pos": "z"}\n')
    with pytest.raises(InputError, match=r"pairs.jsonl:2: 'pos' is a string; a list is needed, or say .*fields=..positive.: .pos.."):
        read_pairs(file)
    assert len(read_pairs(file, fields={"positive": "pos"}).corpus) == 3
    flat.write_text("query,pos\na,x\n")
    assert len(read_pairs(flat).corpus) == 1


def test_a_query_id_with_two_texts_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("qid,query,positive\n1,a,x\n2,b,y\n1,c,z\n")
    with pytest.raises(InputError, match=r"pairs.csv:4: query id '1' has another text at .*pairs.csv:2"):
        read_pairs(file)
    dataset = read_pairs(file, on_error="skip")
    assert dataset.corpus.texts(range(len(dataset.corpus))) == ["x", "y"]


def test_inline_rows_are_pointed_at_by_position() -> None:
    with pytest.raises(InputError, match=r"queries\[1\]: unknown passage id 'b': it is not in passages"):
        read_inline([{"text": "x", "positives": ["a"]}, {"text": "y", "positives": ["b"]}], [{"id": "a", "text": "t"}])
    with pytest.raises(InputError, match=r"passages\[0\]: 'text' holds a lone surrogate"):
        read_inline([], [{"id": "a", "text": "\ud800"}])
    with pytest.raises(InputError, match=r"queries\[0\]: 'positives' is a string; a list is needed"):
        read_inline([{"text": "x", "positives": "a"}])
    with pytest.raises(InputError, match=r"passages\[0\]: a string where an object is needed"):
        read_inline([], ["a"])  # type: ignore[list-item]


FILES = [
    ("corpus.xml", b"<a/>", r"unknown kind '.xml'; read are: JSON lines"),
    ("corpus.jsonl", b"", r"corpus.jsonl holds no rows"),
    (
        "corpus.jsonl",
        b'{"key": "1", "words": "x"}\n',
        r"no column for 'id', and judgements name passages by their ids; its columns are key, words; .*fields=..id.: .COLUMN..",
    ),
    ("corpus.jsonl.gz", CORPUS, r"corpus.jsonl.gz: the file is not gzip"),
    ("corpus.jsonl.gz", gzip.compress(CORPUS, mtime=0)[:-9], r"corpus.jsonl.gz: the file ends too early"),
    ("corpus.jsonl.zst", zstandard.compress(CORPUS)[:-9], r"corpus.jsonl.zst: the file ends too early"),
    ("corpus.parquet", CORPUS, r"corpus.parquet: cannot be read as Parquet"),
    ("corpus.csv", b"id,text,text\n1,a,b\n", r"corpus.csv:1: two columns have the same name"),
    ("corpus.csv", b"id,text\n1,a,b\n", r"corpus.csv:2: 3 fields where the header has 2"),
    ("corpus.csv", b'id,text\n1,"a\nb"\n2,"\xff\nb"\n', r"corpus.csv:4: invalid UTF-8 at byte 4"),
    ("corpus.csv", b'id,text\n1,"a\n', r"corpus.csv:2: a quote opens here and never closes: everything to the end of the file, line 2"),
    ("corpus.csv", b'id,text\n1,"a"b\n', r"corpus.csv:2: invalid CSV: ',' expected"),
    (
        "corpus.tsv",
        b"id;text\n1;a\n",
        r"no column for 'id', and judgements name passages by their ids; its columns are id;text; this one column holds ';': a .csv is cut at commas",
    ),
    ("corpus.csv", "id,text\n1,a\n".encode("utf-16-le"), r"corpus.csv: the file has a NUL in every second byte"),
    ("corpus.jsonl", b'{"_id": 1, "text": "a"}\r{"_id": 2, "text": "b"}\r', r"corpus.jsonl: its lines end in CR alone"),
    ("corpus.tsv", b"id\ttext\n1\n", r"corpus.tsv:2: 1 fields where the header has 2"),
]


@pytest.mark.parametrize(("name", "content", "reason"), FILES)
def test_a_wrong_file_fails_in_one_sentence(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    files = beir(tmp_path / "in")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_files(tmp_path / name, files["queries"], files["qrels"])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    files = beir(tmp_path / "in")
    with pytest.raises(InputError, match=r"there is no folder .*; a BEIR folder holds"):
        read_beir(tmp_path / "none")
    with pytest.raises(InputError, match=r"there is no file .*none.jsonl, which was to hold the corpus"):
        read_files(tmp_path / "none.jsonl", files["queries"], files["qrels"])
    with pytest.raises(InputError, match=r"has no split 'dev'; it has: train"):
        read_beir(tmp_path / "in", split=("dev",))
    with pytest.raises(InputError, match=r"has no column 'body' \(for text\); its columns are _id, title, text"):
        read_beir(tmp_path / "in", fields={"text": "body"})
    with pytest.raises(ConfigError, match=r"there is no field 'words'; there are: grade, group, id"):
        read_beir(tmp_path / "in", fields={"words": "body"})
    with pytest.raises(InputError, match=r"no query has a positive: none of 2 judgements has a grade of 2"):
        read_beir(tmp_path / "in", min_grade=2)
    files["qrels"].rename(files["qrels"].with_name("a.tsv"))
    (tmp_path / "in" / "qrels" / "b.tsv").write_bytes(QRELS)
    with pytest.raises(InputError, match=r"has no train.tsv but a, b; choose with split="):
        read_beir(tmp_path / "in")
