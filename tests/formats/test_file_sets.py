"""Formats of several files: whole or not there, the same bytes whatever the order, and laid out as their readers want them."""

import json

import ir_measures
import numpy as np
import pyarrow.parquet as pq
import pytest

from miner.errors import InputError
from miner.formats import FORMATS, open_training, read_training, recognise
from miner.formats.systems import number
from miner.io.atomic import sha256_of
from miner.read import read_beir, read_inline
from miner.types import Negatives

FOLDERS = [name for name, shape in FORMATS.items() if shape.layout]
folders = pytest.mark.parametrize("name", FOLDERS)


@pytest.fixture
def written(dataset, negatives_of, tmp_path):
    """A format's folder, of the negatives of one seed."""

    def write(name, columns=(), data=dataset, negatives=None):
        path = tmp_path / name
        with open_training(path, FORMATS[name], data) as sink:
            sink.write(FORMATS[name].write(data, negatives or negatives_of(4), columns))
        return path

    return write


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def cells(path):
    return [line.split("\t") for line in path.read_bytes().decode().split("\n")[:-1]]


@folders
def test_a_folder_is_whole_hashed_and_recognised_by_its_files(name, written, dataset, negatives_of, tmp_path):
    path = written(name)
    with open_training(path, FORMATS[name], dataset) as sink:
        sink.write(FORMATS[name].write(dataset, negatives_of(4), ()))
    assert sink.sha256 == sha256_of(path)
    assert sink.bytes == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert sink.rows == sum(1 for row, _ in FORMATS[name].write(dataset, negatives_of(4), ()) if row == FORMATS[name].layout.main)
    assert recognise(path) == recognise(path / FORMATS[name].layout.main) == name
    assert list(read_training(path / FORMATS[name].layout.main)) == list(read_training(path))
    assert [file.name for file in tmp_path.iterdir()] == [name]


@folders
def test_an_exception_leaves_nothing_and_keeps_what_was_there(name, written, dataset, tmp_path):
    before = sha256_of(written(name))
    with pytest.raises(ZeroDivisionError), open_training(tmp_path / name, FORMATS[name], dataset) as sink:
        sink.write((FORMATS[name].layout.main, 1 / zero) for zero in [0])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sha256_of(tmp_path / name) == before


@folders
def test_no_negatives_at_all_still_give_a_folder_that_opens(name, written, dataset, tmp_path):
    with open_training(tmp_path / "none", FORMATS[name], dataset):
        pass
    assert list(read_training(tmp_path / "none", name)) == []


def test_colbert_counts_passages_by_line_and_says_whose_the_numbers_are(written, dataset):
    path = written("colbert")
    collection, ids = cells(path / "collection.tsv"), dict(cells(path / "passage_ids.tsv"))
    assert [int(pid) for pid, *_ in collection] == list(range(60))
    queries = dict(cells(path / "queries.tsv"))
    assert all(list(map(type, triple)) == [int] * 3 for triple in lines(path / "triples.jsonl"))
    for triple, row in zip(lines(path / "triples.jsonl"), read_training(path), strict=True):
        assert row.query == queries[str(triple[0])]
        assert row.ids == tuple(ids[str(number)] for number in triple[1:])
    titled = dict(zip(ids.values(), (rest for _, *rest in collection), strict=True))
    assert titled["p3"] == ["p text \u2028 <3>", "T"]
    assert titled["p1"] == ["p text \u2028 <1>"]


def test_a_colbert_folder_without_our_map_has_its_numbers_as_ids(written):
    path = written("colbert")
    for name in ("query_ids.tsv", "passage_ids.tsv"):
        (path / name).unlink()
    triple, row = lines(path / "triples.jsonl")[0], next(read_training(path))
    assert (row.query_id, *row.ids) == tuple(map(str, triple))


def test_texts_between_tabs_keep_to_one_line(tmp_path):
    data = read_inline([{"id": "q", "text": "a\tb\r\nc", "positives": ["p"]}], [{"id": "p", "text": "x\ty\nz"}])
    for name in ("colbert", "msmarco", "trec"):
        with open_training(tmp_path / name, FORMATS[name], data):
            pass
        assert cells(tmp_path / name / "queries.tsv")[0][1] == "a b  c"


def test_nemo_is_one_object_whose_corpus_lies_beside_it(written, dataset):
    path = written("nemo")
    told = json.loads((path / "train.json").read_text())
    corpus = path / told["corpus"][0]["path"]
    assert json.loads((corpus / "merlin_metadata.json").read_text()) == {"corpus_id": "corpus", "class": "TextQADataset"}
    texts = {row["id"]: row["text"] for row in pq.read_table(corpus / "train.parquet").to_pylist()}
    assert texts["p3"] == "T p text \u2028 <3>"
    for row in told["data"]:
        assert row["corpus_id"] == "corpus"
        assert all(document["id"] in texts and document["score"] is not None for document in row["pos_doc"] + row["neg_doc"])


def test_gpl_says_of_every_pair_how_much_closer_the_positive_is(written, dataset, negatives_of):
    path, chosen = written("gpl"), negatives_of(4)
    told = {(query, positive, negative): float(margin) for query, positive, negative, margin in cells(path / "gpl-training-data.tsv")}
    wanted = {}
    for b, m in zip(*(chosen.rows >= 0).nonzero(), strict=True):
        for positive, score in zip(chosen.positives[b], chosen.positive_scores[b], strict=True):
            wanted[f"q{chosen.queries[b]}", f"p{positive}", f"p{chosen.rows[b, m]}"] = score - chosen.scores[b, m]
    assert told == pytest.approx(wanted, abs=1e-5)
    assert cells(path / "qgen-qrels" / "train.tsv")[:2] == [["query-id", "corpus-id", "score"], ["q0", "p0", "1"]]


def test_msmarco_writes_whole_numbers_as_numbers():
    assert [number(name) for name in ("7", "07", "-1", "7.0", "", "p7", "٣", str(2**60))] == [
        7,
        "07",
        "-1",
        "7.0",
        "",
        "p7",
        "٣",
        str(2**60),
    ]


def test_msmarco_of_several_systems_is_read_with_each_passage_once(written):
    path = written("msmarco")
    row = {"qid": "q0", "pos": ["p0"], "neg": {"bm25": ["p30", "p31"], "dense": [{"pid": "p31", "ce-score": 0.1}, {"pid": "p32"}]}}
    (path / "hard-negatives.jsonl").write_text(json.dumps(row))
    assert next(read_training(path)).ids == ("p0", "p30", "p31", "p32")


def test_beir_is_read_as_a_dataset_with_its_grades(written, negatives_of):
    chosen = negatives_of(4)
    data = read_beir(written("beir"))
    found = {}
    for query in range(len(data.queries)):
        span = slice(data.qrels.indptr[query], data.qrels.indptr[query + 1])
        names, grades = data.corpus.ids(data.qrels.rows[span]), data.qrels.grades[span].tolist()
        found[data.queries.ids([query])[0]] = dict(zip(names, grades, strict=True))
    wanted = {
        f"q{q}": {f"p{row}": 1 for row in chosen.positives[q]} | {f"p{row}": 0 for row in chosen.rows[q] if row >= 0} for q in range(12)
    }
    assert found == wanted
    assert data.corpus.column("title", [data.corpus.ids(range(60)).index("p3")]) == ["T"]


def test_a_trec_run_and_its_judgements_are_read_by_ir_measures(written):
    path = written("trec")
    run, judged = list(ir_measures.read_trec_run(str(path / "run.trec"))), list(ir_measures.read_trec_qrels(str(path / "qrels.trec")))
    assert {(row.query_id, row.doc_id) for row in run} == {(row.query_id, row.doc_id) for row in judged}
    assert {row.relevance for row in judged} == {0, 1}
    ranks = [line.split() for line in (path / "run.trec").read_text().splitlines()]
    for query in {row[0] for row in ranks}:
        mine = [row for row in ranks if row[0] == query]
        assert [int(row[3]) for row in mine] == list(range(1, len(mine) + 1))
        assert [float(row[4]) for row in mine] == sorted((float(row[4]) for row in mine), reverse=True)


@pytest.mark.parametrize(("name", "bad"), [("trec", "a b"), ("beir", "a\tb"), ("colbert", "a\nb")])
def test_an_id_a_file_cannot_say_is_refused(name, bad, tmp_path):
    data = read_inline([{"id": "q", "text": "q", "positives": [bad]}], [{"id": bad, "text": "p"}, {"id": "n", "text": "n"}])
    rows, one = np.array([[data.corpus.ids([0, 1]).index("n")]], np.int32), np.ones((1, 1), np.float32)
    negatives = Negatives(np.array([0]), 1 - rows, one, rows, one, rows, rows.astype(np.uint8))
    refused = pytest.raises(InputError, match=r"holds (a tab|white space).*; choose another output format, or other ids")
    with refused, open_training(tmp_path / name, FORMATS[name], data) as sink:
        sink.write(FORMATS[name].write(data, negatives, ()))
    assert list(tmp_path.iterdir()) == []


WRONG = [
    ("colbert", "triples.jsonl", "[0, 1]", r"triples\.jsonl:1: there is no 'negative'; the row has: query, positive"),
    ("colbert", "triples.jsonl", "[0, 1, 2, 3]", r"triples\.jsonl:1: 4 values where there are 3 columns: query, positive, negative"),
    ("colbert", "triples.jsonl", "[0, 1, 99]", r"triples\.jsonl:1: there is no '99' in collection\.tsv"),
    (
        "nemo",
        "train.json",
        '{"data": [{"question": "q", "question_id": "q0", "corpus_id": "c", "pos_doc": "p0", "neg_doc": []}]}',
        "row 1: 'pos_doc' is a string",
    ),
    ("nemo", "train.json", '{"data": [', "train.json: this is not JSON"),
    (
        "msmarco",
        "hard-negatives.jsonl",
        '{"qid": "q0", "pos": ["p0"], "neg": ["p1"]}',
        "'neg' is a list; an object of lists of ids, by system",
    ),
    (
        "tevatron-v2",
        "train.jsonl",
        '{"query_id": "q0", "query_text": "q", "positive_document_ids": ["nope"]}',
        "there is no 'nope' in corpus.jsonl",
    ),
    (
        "beir",
        "qrels/train.tsv",
        "query-id\tcorpus-id\tscore\nq0\tp0\thigh\n",
        r"train\.tsv:2: the grade is 'high'; a whole number is needed",
    ),
    ("trec", "qrels.trec", "q0 0 p0\n", r"qrels\.trec:1: there is no 'score'"),
    ("gpl", "corpus.jsonl", '{"id": "p0"}', r"corpus\.jsonl:1: there is no '_id'; the row has: id"),
]


@pytest.mark.parametrize(("name", "file", "content", "message"), WRONG)
def test_a_wrong_file_is_one_sentence_with_its_place(name, file, content, message, written):
    path = written(name)
    (path / file).write_text(content)
    with pytest.raises(InputError, match=message):
        list(read_training(path))
