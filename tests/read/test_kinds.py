"""The same rows in any kind of file are the same Dataset; what is read is hashed as it lies on disk."""

import csv
import gzip
import io
import json
import logging
import tracemalloc
from hashlib import sha256
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from miner.config import Inputs
from miner.errors import InputError
from miner.read import read, read_beir, read_files, read_inline, read_pairs
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Dataset

ROWS = {
    "corpus": [{"_id": f"d{i}", "title": "t" if i % 2 else "", "text": f'Zwölf, "{i}"', "page": str(i)} for i in range(20)],
    "queries": [{"_id": f"q{i}", "text": f"what is {i}?"} for i in range(9)],
    "qrels": [{"query-id": f"q{i}", "corpus-id": f"d{j}", "score": str(1 + (i + j) % 3)} for i in range(8) for j in (19, i, i + 5)],
}


def text_of(rows: list[dict[str, str]], kind: str) -> bytes:
    """Rows as JSON lines, CSV or TSV."""
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if kind == "tsv":
        return "".join("\t".join(values) + "\n" for values in (list(rows[0]), *(row.values() for row in rows))).encode()
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


def write(folder: Path, name: str, kind: str) -> Path:
    """One file, or saved datasets folder, of ROWS."""
    path, (form, _, packed) = folder / f"{name}.{kind}", kind.partition(".")
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS[name]), path)
    elif form == "saved":
        datasets.disable_progress_bars()
        datasets.Dataset.from_list(ROWS[name]).save_to_disk(str(path))
    else:
        pack = {"": bytes, "gz": gzip.compress, "zst": zstandard.compress}[packed]
        path.write_bytes(pack(text_of(ROWS[name], form)))
    return path


def content(dataset: Dataset) -> tuple[object, ...]:
    """Everything a dataset says, but where it was read from."""
    texts = [part.column(name, range(len(part))) for part in (dataset.corpus, dataset.queries) for name in TEXTS_SCHEMA.names]
    qrels = dataset.qrels
    return (texts, qrels.indptr.tolist(), qrels.rows.tolist(), qrels.grades.tolist(), qrels.extras, dict(dataset.reading))


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst", "csv", "csv.gz", "tsv", "tsv.zst", "parquet", "saved"])
def test_the_same_rows_in_any_kind_of_file_are_the_same_dataset(tmp_path: Path, kind: str) -> None:
    plain = read_files(*(write(tmp_path, name, "jsonl") for name in ROWS))
    files = [write(tmp_path, name, kind) for name in ROWS]
    dataset = read_files(*files, tmp_path / "out")
    assert content(dataset) == content(plain)
    assert content(Dataset.open(tmp_path / "out")) == content(plain)
    assert dataset.corpus.column("extra", [3]) == ['{"page":"3"}']
    if kind != "saved":
        expected = {str(path): {"bytes": path.stat().st_size, "sha256": sha256(path.read_bytes()).hexdigest()} for path in files}
        assert dataset.inputs == expected


QRELS = {
    "beir": "query-id\tcorpus-id\tscore\nq1\td1\t2\nq0\td0\t1\n",
    "renamed": "qid\tgrade\tdocid\nq1\t2\td1\nq0\t1.0\td0\n",
    "trec": "q1 0 d1 2\nq0  0  d0 1\n",
    "three": "q1\td1\t2\nq0\td0\t1",
    "marked": "\ufeffq1\td1\t2\r\nq0\td0\t1\r\n\n",
}


@pytest.mark.parametrize("layout", QRELS)
def test_judgements_are_read_in_every_layout(tmp_path: Path, layout: str) -> None:
    qrels = tmp_path / "train.tsv"
    qrels.write_bytes(QRELS[layout].encode())
    dataset = read_files(write(tmp_path, "corpus", "jsonl"), write(tmp_path, "queries", "jsonl"), qrels)
    assert dataset.queries.ids([0, 1]) == ["q0", "q1"]
    assert (dataset.qrels.rows.tolist(), dataset.qrels.grades.tolist()) == ([0, 1], [1, 2])
    assert dataset.reading["queries_not_in_split"] == 7


def test_grades_are_kept_clipped_merged_and_counted(tmp_path: Path) -> None:
    qrels = tmp_path / "train.tsv"
    qrels.write_text("q0\td9\t1\nq0\td10\t0\nq0\td9\t300\nq1\td1\t0\n")
    dataset = read_files(write(tmp_path, "corpus", "jsonl"), write(tmp_path, "queries", "jsonl"), qrels)
    assert dataset.corpus.ids(dataset.qrels.rows) == ["d10", "d9"]
    assert dataset.qrels.grades.tolist() == [0, 127]
    assert dataset.corpus.ids(dataset.qrels.positives(0)) == ["d9"]
    assert dataset.reading["repeated_judgements"] == 1
    assert dataset.reading["queries_without_positive"] == 1


def test_a_folder_reads_the_chosen_splits_only(tmp_path: Path) -> None:
    for name in ("corpus", "queries"):
        write(tmp_path, name, "jsonl.gz")
    (tmp_path / "qrels").mkdir()
    for split, query in (("train", "q0"), ("dev", "q1"), ("test", "unknown")):
        (tmp_path / "qrels" / f"{split}.tsv").write_text(f"{query}\td1\t1\n")
    assert read_beir(tmp_path).queries.ids([0]) == ["q0"]
    both = read(Inputs(data=str(tmp_path), split=("dev", "train")))
    assert both.queries.ids([0, 1]) == ["q0", "q1"]


def test_batches_are_full_and_duplicates_leave_no_hole(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    rows = [{"_id": i, "text": "x"} for i in range(BATCH_ROWS)] + [{"_id": 5, "text": "y"}, {"_id": -1, "text": "z"}]
    corpus.write_text("".join(map("{}\n".format, map(json.dumps, rows))))
    (tmp_path / "qrels.tsv").write_text("q0\t-1\t1\n")
    dataset = read_files(corpus, write(tmp_path, "queries", "jsonl"), tmp_path / "qrels.tsv", on_error="skip")
    assert [batch.num_rows for batch in dataset.corpus.batches()] == [BATCH_ROWS, 1]
    assert all(batch.schema == TEXTS_SCHEMA for batch in dataset.corpus.batches())
    assert dataset.corpus.texts(dataset.qrels.rows) == ["z"]


def test_a_long_line_is_not_read_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_bytes(b'{"query": "' + b"x" * (30 << 20) + b'"}\n{"query": "a", "positive": "b"}\n')
    read_pairs(file, on_error="skip")
    tracemalloc.start()
    try:
        dataset = read_pairs(file, on_error="skip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(dataset.queries) == 1
    assert peak < 16 << 20


def test_pairs_do_not_depend_on_order_and_share_queries(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": ["x", "y"]}, {"question": "b", "answer": "x"}, {"question": "a", "answer": "z", "page": 3}]
    found = []
    for order in (1, -1):
        file = tmp_path / "pairs.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows[::order]))
        dataset = read_pairs(file)
        found.append({query: set(dataset.corpus.ids(dataset.qrels.positives(i))) for i, query in enumerate(dataset.queries.ids([0, 1]))})
        assert dataset.qrels.extras is not None
        assert dataset.qrels.extras.count('{"page":3}') == 1
    assert found[0] == found[1]
    assert sorted(map(len, found[0].values())) == [1, 3]
    assert f"p-{sha256(b'x').hexdigest()[:16]}" in set.intersection(*found[0].values())


def test_pairs_find_their_texts_in_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text("id\ttitle\ttext\nd1\tA\tb\nd2\t\tother\n")
    rows = [{"query": "q", "positive": [{"text": "A b"}, {"text": "new"}]}, {"query": "r", "positive": [{"docid": "d2", "text": "other"}]}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = read(Inputs(pairs=str(tmp_path / "pairs.jsonl"), corpus=str(tmp_path / "corpus.tsv")))
    assert dataset.corpus.texts(range(3)) == ["A b", "other", "new"]
    assert sorted(dataset.qrels.positives(0).tolist()) == [0, 2]
    assert dataset.qrels.positives(1).tolist() == [1]
    (tmp_path / "ids.csv").write_text("frage,pid\nq,d2\n")
    by_id = read_pairs(tmp_path / "ids.csv", tmp_path / "corpus.tsv", fields={"query": "frage"})
    assert by_id.qrels.rows.tolist() == [1]


def test_lists_in_memory_are_read_like_files() -> None:
    queries = [{"id": 7, "text": "q", "positives": ["b"], "positive_texts": ["new"]}, {"text": "r", "positives": [1]}]
    dataset = read_inline(queries, [{"id": "b", "text": "x", "title": "T"}, {"id": 1, "text": "y"}])
    assert dataset.corpus.texts(range(3)) == ["T x", "y", "new"]
    assert dataset.queries.ids([0])[0] == "7"
    assert sorted(dataset.qrels.positives(0).tolist()) == [0, 2]
    assert read_inline([{"text": "q", "positive_texts": ["a"]}]).corpus.texts([0]) == ["a"]


def test_an_unreachable_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def unreachable(*_: object) -> None:
        raise ConnectionError("no route")

    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(InputError, match=r"hf:some/name: the hub, or this dataset on it, cannot be reached .*save_to_disk"):
        read_pairs("hf:some/name")


def test_a_hub_dataset_takes_config_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = datasets.Dataset.from_list([{"anchor": "a", "positive": "b"}])
    splits = datasets.DatasetDict({"train": rows, "test": rows})
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config: splits if (name, config) == ("n", "c") else None)
    assert read_pairs("hf:n:c:train").queries.texts([0]) == ["a"]
    with pytest.raises(InputError, match=r"several splits: test, train; write hf:name:config:split"):
        read_pairs("hf:n:c")
    with pytest.raises(InputError, match=r"no split 'x': test, train"):
        read_pairs("hf:n:c:x")


def test_an_optional_column_is_found_in_the_first_row_that_has_it(tmp_path: Path) -> None:
    """However many rows of other columns come before."""
    lines = ['{"_id": "a", "text": "x"}', '{"_id": "b", "text": "y"}', '{"_id": "c", "title": "T", "text": "z", "group": "g"}']
    for name, content in (
        ("corpus", "\n".join(lines)),
        ("queries", '{"_id": "q", "text": "?"}'),
        ("qrels", '{"qid": "q", "pid": "a", "rel": 1}'),
    ):
        (tmp_path / f"{name}.jsonl").write_text(content)
    corpus = read_files(*(tmp_path / f"{name}.jsonl" for name in ("corpus", "queries", "qrels"))).corpus
    assert corpus.column("title", [0, 1, 2]) == [None, None, "T"]
    assert corpus.column("group", [2]) == ["g"]
