"""Objects in memory are read as the same rows in a JSONL file are."""

import json
from collections import namedtuple
from dataclasses import make_dataclass

import numpy as np
import pytest

from miner.errors import ConfigError, InputError
from miner.read import read_files, read_pairs
from miner.read.cells import short_hash
from miner.runs.mine_arguments import inputs_of

ROWS = [{"question": f"question {i}", "answer": f"answer {i}", "note": f"n{i}" if i % 2 else None} for i in range(5)]
FIELDS = {"query": "question", "positive": "answer"}


def texts(dataset):
    """Ids, texts and judgements of a dataset, with the user's further columns."""
    both = [(part.ids(list(range(len(part)))), part.texts(list(range(len(part))))) for part in (dataset.queries, dataset.corpus)]
    return both, dataset.qrels.rows.tolist(), dataset.qrels.extras


def frame(rows):
    return pytest.importorskip("pandas").DataFrame(rows)


def polars(rows):
    return pytest.importorskip("polars").DataFrame(rows)


def hub(rows):
    return pytest.importorskip("datasets").Dataset.from_list(rows)


def arrow(rows):
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


OBJECTS = {
    "list": list,
    "generator": iter,
    "tuple": tuple,
    "dict of lists": lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
    "namedtuples": lambda rows: [namedtuple("Row", rows[0])(**row) for row in rows],
    "dataclasses": lambda rows: [make_dataclass("Row", rows[0])(**row) for row in rows],
    "pandas": frame,
    "pandas with an index": lambda rows: frame(rows).set_index("question"),
    "pandas columns": lambda rows: dict(frame(rows).items()),
    "polars": polars,
    "polars lazy": lambda rows: polars(rows).lazy(),
    "datasets": hub,
    "datasets, streamed": lambda rows: hub(rows).to_iterable_dataset(),
    "datasets, shuffled twice": lambda rows: hub(rows[::-1]).select(range(len(rows) - 1, -1, -1)),
    "datasets in torch's format": lambda rows: hub(rows).with_format("numpy"),
    "arrow": arrow,
    "arrow batches": lambda rows: arrow(rows).to_batches()[0],
    "arrow reader": lambda rows: arrow(rows).to_reader(),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_it_is_read_as_the_file_of_its_rows(kind, tmp_path):
    """Ids, texts, judgements and further columns; a missing value is none."""
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert texts(read_pairs(OBJECTS[kind](ROWS), fields=FIELDS)) == texts(read_pairs(file, fields=FIELDS))


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_corpus_too(kind):
    """With ids of whole numbers, titles that are missing, and none in another place."""
    passages = [{"question": i, "answer": f"answer {i}", "note": None if i else "a title"} for i in range(7)]
    fields = {"id": "question", "text": "answer", "title": "note"}
    dataset = read_pairs([("q", "answer 3")], OBJECTS[kind](passages), fields=fields)
    assert dataset.corpus.ids(list(range(7))) == [str(i) for i in range(7)]
    assert len(dataset.corpus) == 7
    assert dataset.corpus.texts([0, 3]) == ["a title answer 0", "answer 3"]
    assert dataset.qrels.rows.tolist() == [3]


@pytest.mark.parametrize(
    "column",
    [
        lambda values: frame({"text": values})["text"],
        lambda values: polars({"text": values})["text"],
        lambda values: hub([{"text": value} for value in values])["text"],
        lambda values: arrow([{"text": value} for value in values])["text"],
        np.array,
    ],
)
def test_a_column_of_texts_is_a_corpus(column):
    """The ids follow from the texts, as those of positives do; equal texts are one passage."""
    dataset = read_pairs([("q", "b")], column(["a", "b", "a", "c"]))
    assert dataset.corpus.texts([0, 1, 2]) == ["a", "b", "c"]
    assert len(dataset.corpus) == 3
    assert dataset.qrels.rows.tolist() == [1]


def test_an_index_with_a_name_holds_the_ids():
    """Of a Series; one without a name is nothing."""
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(["a", "b"], index=pandas.Index(["x", "y"], name="doc"))
    assert read_pairs([("q", "b")], series).corpus.ids([0, 1]) == ["x", "y"]


def test_the_dicts_of_beir():
    """As its GenericDataLoader returns them."""
    dataset = read_files({"d1": {"title": "T", "text": "a"}, "d2": {"text": "b"}}, {"q": "what"}, {"q": {"d2": 1, "d1": 0}})
    assert dataset.corpus.texts([0, 1]) == ["T a", "b"]
    assert dict(zip(dataset.qrels.rows.tolist(), dataset.qrels.grades.tolist(), strict=True)) == {0: 0, 1: 1}


def test_missing_values_of_every_library_are_none():
    """NaN, NA and NaT in further columns, which become JSON; numpy's numbers are numbers."""
    pandas = pytest.importorskip("pandas")
    rows = [{**ROWS[1], "a": np.float32("nan"), "b": pandas.NA, "c": pandas.NaT, "d": np.int64(3), "e": np.array([1, 2])}]
    for data in (rows, pandas.DataFrame(rows)):
        assert json.loads(read_pairs(data, fields=FIELDS).qrels.extras[0]) == {"note": "n1", "d": 3, "e": [1, 2]}


def test_a_split_of_a_dict_of_datasets():
    """The only one, or the one that is named; several are refused with their names, and so is a dict of data frames."""
    datasets = pytest.importorskip("datasets")
    parts = datasets.DatasetDict(train=hub(ROWS), test=hub(ROWS[:2]))
    assert len(read_pairs(datasets.DatasetDict(dev=hub(ROWS)), fields=FIELDS).queries) == 5
    pandas = pytest.importorskip("pandas")
    for several in (parts, {"train": pandas.DataFrame(ROWS), "test": pandas.DataFrame(ROWS)}):
        with pytest.raises(InputError, match="data has several splits: train, test; name one: split='train'"):
            read_pairs(inputs_of(several).pairs)
        with pytest.raises(InputError, match=r"corpus has several splits: train, test; give one of them, as corpus\['train'\]"):
            read_pairs(ROWS, inputs_of(ROWS, corpus=several).corpus, fields=FIELDS)
    assert len(read_pairs(inputs_of(parts, split="test").pairs, fields=FIELDS).queries) == 2
    with pytest.raises(InputError, match="pairs has several splits: a, b; give one of them"):
        read_pairs(datasets.DatasetDict(a=hub(ROWS), b=hub(ROWS)))
    with pytest.raises(InputError, match="data has no split 'dev': train, test"):
        read_pairs(inputs_of(parts, split="dev").pairs)


def test_wrong_rows_have_their_place(tmp_path):
    """In the message, and in the error file."""
    rows = [*ROWS, {"question": "", "answer": "x"}, 3]
    with pytest.raises(InputError, match=r"^pairs\[5\]: 'question' is empty$"):
        read_pairs(rows, fields=FIELDS)
    dataset = read_pairs(iter(rows), into=tmp_path, fields=FIELDS, on_error="skip")
    errors = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert [(error["file"], error["line"]) for error in errors] == [("pairs", 5), ("pairs", 6)]
    assert dataset.reading["rejected"] == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (3, "pairs is a number; read are: a path, a pandas"),
        (None, "pairs is null; read are"),
        (b"x", "pairs is of type bytes; read are"),
        ([], "pairs holds no rows"),
        (["a.jsonl"], "there is no file a.jsonl"),
        ({"a": "x"}, "pairs is a dict of strings; pairs are rows, as"),
        (np.array([["q", "a"]]), r"pairs is an array of shape \(1, 2\), which has no column names; pairs are rows"),
        (np.array(["a b", "c d"]), "pairs is one column; pairs are rows"),
        (["a text", "and another"], r"pairs\[0\]: a string where a row is needed: pairs are rows"),
        ({"a": "x", "b": [1]}, r"pairs\['a'\] is a string; a dict of columns has a list for each column"),
        ({"a": [1], "b": [1, 2]}, "pairs has columns of different lengths: a 1, b 2"),
        ([("only",)], r"pairs\[0\]: of type tuple where a row is needed: pairs are rows, as"),
    ],
)
def test_what_cannot_be_read_is_said(data, reason):
    """In one sentence."""
    with pytest.raises(InputError, match=reason):
        read_pairs(data)


def test_columns_of_one_name_are_refused():
    """A frame with two columns of one name, or columns of two levels."""
    data = frame([["a", "b"]])
    data.columns = ["x", "x"]
    with pytest.raises(InputError, match="pairs has columns of the same name"):
        read_pairs(data)


CORPUS_ROWS = [{"title": "T", "text": "a"}, {"title": None, "text": "answer 1"}, {"title": "T", "text": "a"}]


def corpus_files(folder):
    """The same passages without ids: CSV, JSON lines and Parquet."""
    frame(CORPUS_ROWS).to_csv(folder / "c.csv", index=False)
    (folder / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS_ROWS))
    frame(CORPUS_ROWS).to_parquet(folder / "c.parquet")
    return {name: str(folder / name) for name in ("c.csv", "c.jsonl", "c.parquet")}


def test_passages_without_ids_have_the_same_ids_at_every_door(tmp_path):
    """They follow from title and text; a text that comes twice is one passage, and a positive of the same text is that passage."""
    doors = {**corpus_files(tmp_path), **{name: to_object(CORPUS_ROWS) for name, to_object in OBJECTS.items() if "index" not in name}}
    found = {name: texts(read_pairs(ROWS[:2], corpus, fields=FIELDS)) for name, corpus in doors.items()}
    assert {name for name, one in found.items() if one != found["list"]} == set()
    assert found["list"][0][1] == (["p-" + short_hash(text) for text in ("T a", "answer 1", "answer 0")], ["T a", "answer 1", "answer 0"])


TEXTS = ["what a cat is", "Yes", "dogs, and data.csv"]


@pytest.mark.parametrize(
    "corpus",
    [
        TEXTS,
        tuple(TEXTS),
        set(TEXTS),
        frozenset(TEXTS),
        (text for text in TEXTS),
        map(str, TEXTS),
        dict.fromkeys(TEXTS).keys(),
        np.array(TEXTS),
    ],
    ids=lambda corpus: type(corpus).__name__,
)
def test_plain_texts_are_a_corpus(corpus):
    """Ids follow from the texts; a set, which has no order of its own, has that of its texts."""
    dataset = read_pairs(ROWS[:1], inputs_of(ROWS[:1], corpus).corpus, fields=FIELDS)
    order = sorted(TEXTS, key=repr) if isinstance(corpus, set | frozenset) else TEXTS
    assert texts(dataset)[0][1][1][: len(TEXTS)] == order
    assert texts(dataset)[0][1][0][: len(TEXTS)] == ["p-" + short_hash(text) for text in order]


@pytest.mark.parametrize(
    ("corpus", "reason"),
    [
        (["corpus.jsonl", "more texts.csv"], "there is no file corpus.jsonl"),
        (["corpus-1", "corpus-2"], "there is no file corpus-1"),
        ([*TEXTS, 5], r"corpus\[3\]: a number where a text or a dict of columns is needed"),
        ([None], r"corpus\[0\]: null where a text"),
        (np.array([TEXTS, TEXTS]), r"corpus is an array of shape \(2, 3\), which has no column names; an array of texts has one dimension"),
        ([], "corpus holds no rows"),
        ((), "corpus holds no rows"),
        ("", "corpus is an empty name"),
    ],
)
def test_what_is_no_corpus(corpus, reason):
    """Names of files, values of another kind, and nothing."""

    def read():
        inputs = inputs_of(ROWS, corpus)
        read_pairs(inputs.pairs, inputs.corpus, fields=FIELDS)

    with pytest.raises((InputError, ConfigError), match=reason):
        read()


def test_ids_are_in_every_row_of_a_corpus_or_in_none():
    """A first row without one, and then one with."""
    with pytest.raises(InputError, match=r"corpus\[1\]: the first row has no '_id'; every row has an id, or none has one"):
        read_pairs([("q", "b")], [{"text": "a"}, {"_id": "1", "text": "b"}])


def test_judgements_need_the_ids_of_a_corpus_and_of_queries():
    """By id: of qrels, and of pairs that name a passage without its text."""
    with pytest.raises(
        InputError, match=r"^corpus has no column for 'id', and judgements name passages by their ids; its columns are text"
    ):
        read_files([{"text": "a"}], {"q": "what"}, {"q": {"d": 1}})
    with pytest.raises(
        InputError, match=r"^queries has no column for 'id', and judgements name queries by their ids; its columns are text"
    ):
        read_files({"d": "a"}, [{"text": "what"}], {"q": {"d": 1}})
    with pytest.raises(InputError, match=r"unknown passage id 'd': corpus has no column of ids; name one: .*id"):
        read_pairs([{"query": "what", "positive_id": "d"}], [{"text": "a"}])
    pair = {"query": "what", "positive_id": "d", "positive": "a"}
    assert len(read_pairs([pair], [{"text": "a"}, {"text": "b"}]).corpus) == 2
