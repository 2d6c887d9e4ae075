"""Any training file is read, whoever wrote it; a wrong row is one sentence with file and line."""

import gzip
import json

import pytest

from miner.errors import ConfigError, HardnegError, InputError, StorageError
from miner.formats import FORMATS, open_training, read_training, recognise
from miner.io.row_writer import KINDS, open_sink
from miner.lint import lint
from miner.read import read_beir, read_pairs

FOREIGN = {
    "triplet": [
        {"query": "q", "answer": "p", "negative": "n"},
        {"sentence1": "q", "sentence2": "p", "negative": "n"},
        {"text": "q", "positive": "p", "negative": "n", "scores": [0.9, 0.1]},
    ],
    "n-tuple": [
        {"query": "q", "positive": "p", "negative_1": "n", "negative_2": "n2"},
        {"query": "q", "positive": "p", "negative_1": "n", "label": [1, 0]},
    ],
    "labeled-pair": [{"query": "q", "answer": "p", "label": 1}, {"question": "q", "passage": "p", "score": 0.3}],
    "labeled-list": [{"query": "q", "answer": ["p", "n"], "labels": [1, 0]}, {"a": "q", "b": ["p", "n"], "scores": [0.9, 0.1]}],
    "flagembedding": [{"query": "q", "pos": ["p"], "neg": ["n"], "prompt": "", "type": "retrieval"}, {"query": "q", "pos": ["p"]}],
}


def write(path, *rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, rows in FOREIGN.items() for row in rows])
def test_a_file_of_somebody_else_is_recognised_by_its_columns(name, row, tmp_path):
    path = write(tmp_path / "a.jsonl", row)
    assert recognise(path) == name
    [read] = read_training(path)
    assert (read.query, read.passages[0], read.where) == ("q", "p", f"{path}:1")


def test_a_scored_pair_does_not_say_which_passage_is_the_positive(tmp_path):
    path = write(tmp_path / "a.jsonl", {"anchor": "q", "positive": "p", "score": 0.5}, {"anchor": "q", "positive": "n", "score": 0.1})
    [row] = read_training(path)
    assert (row.passages, row.labels, row.scores) == (("p", "n"), (None, None), (0.5, 0.1))


WRONG = [
    ({"query": "q", "pos": "Paris", "neg": ["n"]}, "'pos' is a string; a list of strings is needed"),
    ({"query": "q", "pos": ["p"], "neg": [None]}, r"'neg'\[0\] is null; a string is needed"),
    ({"query": "q", "pos": ["p"], "neg": ["n", 3]}, r"'neg'\[1\] is a number; a string is needed"),
    ({"query": ["q"], "pos": ["p"], "neg": ["n"]}, "'query' is a list; a string is needed"),
    ({"pos": ["p"], "neg": ["n"]}, "there is no 'query'; the row has: pos, neg"),
    ({"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [1], "neg_scores": [1, 2]}, "3 scores for 2 passages"),
    ({"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [1], "neg_scores": ["x"]}, "'neg_scores' holds a string; numbers are needed"),
    ({"query": "q", "pos": ["p"], "neg": ["n"], "neg_ranks": [1.5]}, "'neg_ranks' holds 1.5; whole numbers are needed"),
    (
        {"query": "q", "pos": ["p"], "neg": ["n"], "pos_id": ["a"], "neg_id": [[]]},
        "'neg_id' is a list; an id is a string or a whole number",
    ),
    ('{"query": "q", "pos": ["p"], "pos": ["n"]}', "the key 'pos' is there twice"),
    ('{"query": "q", "pos": ["p"], "neg_scores": [NaN]}', "this is not JSON: .*NaN is no JSON number"),
    ("[1, 2]", "each line is one JSON object"),
]


@pytest.mark.parametrize(("row", "message"), WRONG)
def test_a_wrong_row_is_one_sentence_with_file_and_line(row, message, tmp_path):
    right = {"query": "q", "pos": ["p"], "neg": ["n"]}
    path = write(tmp_path / "a.jsonl", right, "", row, right)
    with pytest.raises(InputError, match=rf"a\.jsonl:3: {message}"):
        list(read_training(path))
    faults = []
    assert [row.where for row in read_training(path, on_fault=faults.append)] == [f"{path}:1", f"{path}:4"]
    assert [fault.where for fault in faults] == [f"{path}:3"]


@pytest.mark.parametrize("score", [float("nan"), float("-inf")])
def test_a_score_that_is_no_number_is_found_where_the_file_can_hold_one(score, tmp_path):
    with open_sink(tmp_path / "a.parquet") as sink:
        sink.write([{"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [0.5], "neg_scores": [score]}])
    with pytest.raises(InputError, match=rf"a\.parquet: row 1: 'neg_scores' holds {score}; a finite number is needed"):
        list(read_training(tmp_path / "a.parquet"))


def test_columns_of_no_format_are_said_with_those_there_are(tmp_path):
    path = write(tmp_path / "a.jsonl", {"left": 1, "right": 2})
    with pytest.raises(InputError, match=r"a\.jsonl:1: no training format has the columns left, right; say which it is: triplet"):
        recognise(path)
    with pytest.raises(ConfigError, match="there is no format 'bogus'; there are: triplet"):
        list(read_training(path, "bogus"))
    with pytest.raises(InputError, match="there is no 'anchor'; the row has: left, right"):
        list(read_training(path, "triplet"))


def test_an_empty_file_has_no_rows_and_no_format(tmp_path):
    path = write(tmp_path / "a.jsonl")
    assert list(read_training(path)) == []
    with pytest.raises(InputError, match="it holds no rows"):
        recognise(path)


def test_a_file_that_is_cut_off_is_said_after_its_whole_rows(tmp_path):
    rows = "".join(json.dumps({"query": f"q{i}", "pos": ["p"], "neg": ["n"]}) + "\n" for i in range(9999))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode())[:-9])
    with pytest.raises(StorageError, match=r"a\.jsonl\.gz: the compressed data is broken"):
        list(read_training(tmp_path / "a.jsonl.gz"))


@pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if not shape.layout])
def test_every_kind_of_file_gives_the_same_rows(name, dataset, negatives_of, tmp_path):
    found = []
    for kind in (*KINDS, ""):
        with open_sink(tmp_path / f"a{kind}") as sink:
            sink.write(FORMATS[name].write(dataset, negatives_of(3), ("ids", "scores", "ranks", "tiers")))
        rows = list(read_training(tmp_path / f"a{kind}"))
        found.append([(row.query, row.passages, row.labels, row.ids, row.scores, row.ranks, row.tiers) for row in rows])
    assert found[0]
    assert all(rows == found[0] for rows in found)


def test_a_run_folder_is_read_through_its_manifest(tmp_path):
    write(tmp_path / "triplets.jsonl", {"query": "q", "pos": ["p"], "neg": ["n"]})
    write(tmp_path / "manifest.json", {"training_file": "triplets.jsonl", "config": {"output_format": "flagembedding"}})
    assert recognise(tmp_path) == "flagembedding"
    assert [row.query for row in read_training(tmp_path)] == ["q"]
    write(tmp_path / "manifest.json", {"name": "a web page"})
    with pytest.raises(InputError, match="this is not the manifest of a run"):
        list(read_training(tmp_path))


def test_two_columns_that_could_each_be_the_positive_are_refused(tmp_path):
    """A trainer would take one by position, we another by name: the file has to say which."""
    path = tmp_path / "torn.jsonl"
    path.write_text('{"question": "q", "answer": "a", "context": "c", "negative": "n"}\n')
    with pytest.raises(InputError, match="'answer' and 'context' could each be the positive"):
        list(read_training(path))
    path.write_text('{"query": "q", "pos": ["p"], "neg": ["n"], "answer": "a", "context": "c", "scores": [1]}\n')
    assert next(iter(read_training(path))).positives == ("p",)


MARK = "\ufeff"
TABLE = 'anchor,positive,label\n"q, so",p,1\n"q, so",n,0\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", TABLE),
        ("a.csv", MARK + TABLE),
        ("a.tsv", MARK + "anchor\tpositive\tlabel\nq, so\tp\t1\nq, so\tn\t0\n"),
        ("a.jsonl", MARK + '{"anchor":"q, so","positive":["p","n"],"labels":[1,0]}\n'),
        ("a.json", MARK + '[{"anchor":"q, so","positive":["p","n"],"labels":[1,0]}]'),
    ],
)
def test_tables_and_marks_are_read(tmp_path, name, text):
    """What spreadsheets and Windows write: cells in quotes, a byte order mark."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    (row,) = read_training(tmp_path / name)
    assert (row.query, row.positives, row.negatives) == ("q, so", ("p",), ("n",))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "anchor,positive,label\nq,p,1,2\n", "a.csv:2: 4 values where there are 3 columns"),
        ("a.csv", 'anchor,positive,label\nq,"p,1\n', "a.csv: this is not CSV: unexpected end of data"),
        ("a.xlsx", "x", "'.*a.xlsx' is not read: a training file ends in .jsonl"),
        ("a.jsonl", '{"anchor":"q","positive":"p","label":[]}\n', "a.jsonl:1: 'label' is a list; a number is needed"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path, name, text, said):
    """The place, and what would be right."""
    (tmp_path / name).write_text(text)
    with pytest.raises(HardnegError, match=said):
        list(read_training(tmp_path / name))


def test_a_folder_of_splits_names_them(tmp_path):
    """One of them is a training set; all of them are none."""
    for split in ("test", "train"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "state.json").write_text("{}")
    (tmp_path / "dataset_dict.json").write_text("{}")
    with pytest.raises(InputError, match=r"each of its splits \(test, train\); choose one"):
        list(read_training(tmp_path))
    with pytest.raises(InputError, match="neither a training set that `datasets` saved nor a run"):
        list(read_training(tmp_path.parent))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", [*KINDS, ""])
def test_what_is_written_is_read_by_mining_and_by_the_linter(name, kind, dataset, negatives_of, tmp_path):
    """Every format in every kind of file, with the same judgements; a BEIR folder is `data`."""
    shape = FORMATS[name]
    if shape.layout and kind:
        pytest.skip("a folder has files of its own kinds")
    path = tmp_path / f"a{kind}"
    with open_training(path, shape, dataset) as sink:
        sink.write(shape.write(dataset, negatives_of(3), ("labels",) if name.startswith("labeled") else ()))
    written = {row.query for row in read_training(path) if 1 in row.labels}
    assert len(written) > 3
    assert not lint(path).counts.get("unusable")
    again = read_beir(path) if name == "beir" else read_pairs(path)
    assert set(again.queries.texts(range(len(again.queries)))) == written
