"""The nouns on disk: a row is read without the rest, and what was saved is opened again."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import anchors_of, dataset_of, make

from miner.types import BATCH_ROWS, FEW_ROWS, TEXTS_SCHEMA, Dataset, Qrels, Texts, join_title


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Texts in three record batches."""
    path = tmp_path_factory.mktemp("texts") / "t.arrow"
    rows = [{"id": f"{i:05d}", "title": f"T{i}" if i % 3 else None, "text": f"text {i}"} for i in range(2 * BATCH_ROWS + 5)][::-1]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=TEXTS_SCHEMA), max_chunksize=BATCH_ROWS)
    return Texts(path)


@settings(max_examples=30)
@given(rows=st.lists(st.integers(0, 2 * BATCH_ROWS + 4), max_size=30))
def test_rows_come_in_the_order_asked_for(large, rows):
    """Across batches, doubled, or none at all."""
    last = len(large) - 1
    assert large.ids(rows) == [f"{last - row:05d}" for row in rows]
    assert large.texts(rows) == [(f"T{last - row} " if (last - row) % 3 else "") + f"text {last - row}" for row in rows]


@pytest.mark.parametrize("count", [1, FEW_ROWS, FEW_ROWS + 1, 1000])
def test_few_rows_and_many_are_the_same(large, count):
    """One by one, or a batch at a time."""
    rows = np.random.default_rng(count).integers(0, len(large), count)
    assert large.column("text", rows) == [f"text {len(large) - 1 - row}" for row in rows.tolist()]


def test_a_row_that_is_not_there_is_an_error(large):
    """Padding is never read as the last row."""
    for rows in ([-1], [0, len(large)]):
        with pytest.raises(IndexError, match=f"of {len(large)}"):
            large.ids(rows)


def test_no_texts(tmp_path):
    """An empty file has no rows."""
    with pa.OSFile(str(tmp_path / "t"), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA):
        pass
    assert len(Texts(tmp_path / "t")) == len(Texts(tmp_path / "t").id_order) == 0
    assert Texts(tmp_path / "t").ids([]) == []


def test_ids_are_ordered_as_bytes(tmp_path):
    """UTF-8 order: not by number, not by case, not as UTF-16 would have it."""
    world = make(0, passages=9, queries=9)
    names = ["é", "～", "😀", "Z", "a", "10", "9", "p", "P"]
    world = type(world)(dict(zip(names, world.passages.values(), strict=True)), *list(vars(world).values())[1:])
    for query in world.grades:
        world.grades[query] = {"a": 1}
    dataset = dataset_of(world, into=tmp_path)
    assert dataset.corpus.ids(dataset.corpus.id_order) == sorted(names, key=str.encode)


@pytest.mark.parametrize(
    ("title", "text", "joined"),
    [(None, "a", "a"), ("", "a", "a"), ("T", "a", "T a"), ("T", "", "T"), (" T ", " a ", "T   a"), (None, " a ", " a ")],
)
def test_title_and_text_are_joined_in_one_way(title, text, joined):
    """With a space between, nothing around."""
    assert join_title(title, text) == joined


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), min_grade=st.integers(1, 2))
def test_a_dataset_is_opened_as_it_was_saved(tmp_path_factory, seed, min_grade):
    """Texts, judgements, grades, notes."""
    folder = tmp_path_factory.mktemp("saved")
    saved = dataset_of(make(seed), min_grade, folder)
    saved.save(folder)
    opened = Dataset.open(folder)
    for name in ("indptr", "rows", "grades"):
        one, other = (getattr(dataset.qrels, name) for dataset in (saved, opened))
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    assert (opened.qrels.min_grade, opened.qrels.extras) == (min_grade, saved.qrels.extras)
    assert (dict(opened.reading), dict(opened.inputs)) == (dict(saved.reading), dict(saved.inputs))
    assert opened.queries.texts(range(5)) == saved.queries.texts(range(5))


def test_positives_are_the_judgements_from_min_grade_on():
    """Judged non-relevant passages are kept in the qrels, but are no positives."""
    qrels = Qrels(np.array([0, 3, 3, 4]), np.array([5, 6, 7, 8], np.int32), np.array([0, 1, 2, 2], np.int8))
    assert [qrels.positives(query).tolist() for query in range(3)] == [[6, 7], [], [8]]
    strict = Qrels(qrels.indptr, qrels.rows, qrels.grades, min_grade=2)
    assert strict.positives(0).tolist() == [7]


def test_some_anchors_of_a_batch():
    """Every field follows, cut to a width if asked."""
    found = anchors_of(
        [[1, 2, -1], [3, 4, 5]], [[3, 2, 1], [6, 5, 4]], bar=[7, 8], background=[1, 2], evidence={"e": np.arange(6).reshape(2, 3)}
    )
    one = found.take(np.array([1, 1]), width=2)
    assert (one.rows.tolist(), one.scores.tolist(), one.evidence["e"].tolist()) == ([[3, 4]] * 2, [[6, 5]] * 2, [[3, 4]] * 2)
    assert (one.queries.tolist(), one.reference_scores.tolist(), one.noise_floors.tolist(), len(one)) == ([1, 1], [8, 8], [2, 2], 2)
    assert found.present.tolist() == [[True, True, False], [True] * 3]
