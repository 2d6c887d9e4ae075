"""A row is written once, whatever the format: two ids of one question give the same rows, and two positives of one text do."""

import numpy as np
import pyarrow as pa
import pytest

from miner.formats import FORMATS, RowWriter, open_training, read_training
from miner.lint import lint
from miner.types import TEXTS_SCHEMA, Dataset, Negatives, Qrels, Texts

QUESTIONS = ["how so?", "HOW  SO", "why"]
PASSAGES = ["a positive", "one", "A positive!", "another", "two", "three", "four"]


def texts(path, prefix, values):
    rows = [{"id": f"{prefix}{i}", "text": text} for i, text in enumerate(values)]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=TEXTS_SCHEMA))
    return Texts(path)


@pytest.fixture
def dataset(tmp_path):
    """q0 and q1 ask the same and share a positive; q2 has two positives that say the same, and another."""
    qrels = Qrels(np.array([0, 1, 2, 5]), np.array([0, 0, 0, 2, 3], dtype=np.int32), np.ones(5, np.int8))
    return Dataset(texts(tmp_path / "queries.arrow", "q", QUESTIONS), texts(tmp_path / "corpus.arrow", "p", PASSAGES), qrels)


def block(queries, second=(1, 4)):
    """Two negatives for each query; those of q1 as given."""
    positives = np.array([[0, -1, -1], [0, -1, -1], [0, 2, 3]], dtype=np.int32)[queries]
    rows = np.array([[1, 4], second, [5, 6]], dtype=np.int32)[queries]
    scores = np.where(rows >= 0, 0.5, np.nan).astype(np.float32)
    known = np.where(positives >= 0, 0.9, np.nan).astype(np.float32)
    ranks, tiers = (rows >= 0).astype(np.int32), np.zeros(rows.shape, np.uint8)
    return Negatives(np.array(queries), positives, known, rows, scores, ranks, tiers, {"dense": ranks})


def written(dataset, name, tmp_path, *blocks):
    writer = RowWriter(FORMATS[name], dataset, ())
    path = tmp_path / ("out" if FORMATS[name].layout else f"out{FORMATS[name].kind}")
    with open_training(path, FORMATS[name], dataset) as sink:
        for each in blocks:
            sink.write(writer(each))
    return path, writer.repeated


REPEATED = {"triplet": 4, "pair": 2, "anchor": 1, "passage": 4, "judgement": 0}


@pytest.mark.parametrize("name", FORMATS)
def test_no_row_is_written_twice(dataset, tmp_path, name):
    """Across blocks and within one; of questions the first id stays. Judgements are rows of their own for every id."""
    together = written(dataset, name, tmp_path / "one", block([0, 1, 2]))
    apart = written(dataset, name, tmp_path / "two", block([0]), block([1, 2]))
    for path, repeated in (together, apart):
        assert lint(path, format=name).counts == {}
        assert repeated == REPEATED[FORMATS[name].unit]
    rows = list(read_training(together[0], name))
    assert rows == [
        row.__class__(**{**vars(row), "where": was.where}) for row, was in zip(read_training(apart[0], name), rows, strict=True)
    ]
    asked = [row.query for row in rows]
    assert (QUESTIONS[1] in asked) == (FORMATS[name].unit == "judgement")
    assert {text for row in rows if row.query == "why" for text in row.negatives} == {"three", "four"}


@pytest.mark.parametrize(("name", "count"), [("triplet", 3), ("n-tuple", 2)])
def test_only_what_is_the_same_is_left_out(dataset, tmp_path, name, count):
    """Another negative of the same question and positive is another triplet; a list with another negative another row."""
    path, _ = written(dataset, name, tmp_path, block([0, 1], second=(5, 4)))
    pairs = {(positive, negative) for row in read_training(path, name) for positive in row.positives for negative in row.negatives}
    assert pairs == {("a positive", negative) for negative in ("one", "two", "three")}
    assert sum(1 for _ in read_training(path, name)) == count
