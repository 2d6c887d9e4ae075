"""What people reported to the public trackers of other tools, tried here: each case names the report, and the right result is the test.

The data are made up; the shape of each is the report's.
"""

import json
import logging

import pytest

from miner import mine
from miner.compat import mine_hard_negatives
from miner.config import Inputs
from miner.errors import InputError
from miner.read.open_inputs import read

BASE = {"negatives": 2, "depth": 12, "filters": ("near_positive:off", "nearest:off", "margin:off")}
TEXTS = [f"w{i} w{(i * 7) % 50} w{(i * 3) % 50}" for i in range(40)]


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def beir(folder, titles=True):
    """A BEIR folder with two splits of other queries."""
    (folder / "qrels").mkdir(parents=True)
    jsonl(folder / "corpus.jsonl", [{"_id": f"p{i}", "text": text, **({"title": ""} if titles else {})} for i, text in enumerate(TEXTS)])
    jsonl(folder / "queries.jsonl", [{"_id": f"q{i}", "text": f"w{i}"} for i in range(12)])
    for split, some in {"train": range(6), "test": range(6, 12)}.items():
        lines = "".join(f"q{i}\tp{i}\t1\n" for i in some)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + lines)
    return folder


def test_a_positive_that_is_a_string_is_one_text(tmp_path, tiny_model):
    """FlagEmbedding 1388: `"pos": "text"` was taken letter by letter, and the negatives were single characters."""
    file = jsonl(tmp_path / "pairs.jsonl", [{"query": f"w{i}", "pos": text} for i, text in enumerate(TEXTS)])
    with pytest.raises(InputError, match="'pos' is a string; a list is needed, or say that it is one value"):
        mine(file, BASE, model=tiny_model)
    rows = list(mine(file, BASE, fields={"positive": "pos"}, model=tiny_model).rows())
    assert rows
    assert {row["negative"] for row in rows} <= set(TEXTS)
    assert {row["positive"] for row in rows} <= set(TEXTS)


def test_shards_may_order_their_keys_differently(tmp_path, tiny_model):
    """COIL 15: "Target schema's field names are not matching": ['qry', 'pos', 'neg'] and ['neg', 'pos', 'qry']."""
    folder = tmp_path / "shards"
    folder.mkdir()
    rows = [{"query": f"w{i}", "positive": text} for i, text in enumerate(TEXTS)]
    jsonl(folder / "0.jsonl", rows[:20])
    jsonl(folder / "1.jsonl", [dict(reversed(row.items())) for row in rows[20:]])
    assert list(mine(folder / "*.jsonl", BASE, model=tiny_model).rows()) == list(mine(rows, BASE, model=tiny_model).rows())


def test_another_split_of_the_same_folder_is_read_anew(tmp_path, tiny_model):
    """beir 99: a second split gave a KeyError, since the queries of the first were all that was left."""
    folder = beir(tmp_path / "beir")
    for split, ids in (("test", range(6, 12)), ("train", range(6))):
        rows = mine(folder, {**BASE, "columns": ("ids",)}, split=split, model=tiny_model).rows()
        assert {row["anchor_id"] for row in rows} == {f"q{i}" for i in ids}


def test_a_split_that_is_not_there_is_named(tmp_path):
    """beir 150 and 179: folders without `train.tsv` or `test.tsv`."""
    with pytest.raises(InputError, match="'dev'") as told:
        read(Inputs(data=str(beir(tmp_path / "beir")), split=("dev",)))
    assert "test, train" in str(told.value)


def test_a_corpus_without_titles_is_a_corpus(tmp_path, tiny_model):
    """PaddleNLP 5893 and others: KeyError: 'title'."""
    rows = [list(mine(beir(tmp_path / str(titles), titles), BASE, split="train", model=tiny_model).rows()) for titles in (True, False)]
    assert rows[0] == rows[1] != []


def test_a_row_without_positives_is_named_and_may_be_skipped(tmp_path, tiny_model):
    """sentence-transformers 3649: 305,792 rows of a published file have an empty `pos`."""
    file = jsonl(tmp_path / "pairs.jsonl", [{"query": f"w{i}", "pos": [text] if i % 4 else []} for i, text in enumerate(TEXTS)])
    with pytest.raises(InputError, match=r"pairs\.jsonl:1: "):
        mine(file, BASE, model=tiny_model)
    run = mine(file, BASE, model=tiny_model, on_error="skip")
    assert run.report["counts"]["queries"] == 30


def test_a_query_that_comes_again_has_several_positives(tiny_model):
    """sentence-transformers 2848: none of them is a negative of the query."""
    rows = [{"query": f"w{i % 10}", "positive": text} for i, text in enumerate(TEXTS)]
    positives = {query: {row["positive"] for row in rows if row["query"] == query} for query in {row["query"] for row in rows}}
    run = mine(rows, BASE, model=tiny_model)
    found = list(run.rows())
    assert run.report["counts"]["queries"] == 10
    assert len(found) == 40 * BASE["negatives"]
    assert not [row for row in found if row["negative"] in positives[row["anchor"]]]


def test_what_could_not_be_found_is_counted_once(tiny_model, caplog):
    """FlagEmbedding 290, sentence-transformers 3504: 100 negatives asked for, 15 found in silence; or the missing ones counted fifteenfold."""
    rows = [{"query": f"w{i}", "positive": text} for i, text in enumerate(TEXTS)]
    with caplog.at_level(logging.WARNING, "miner.runs.summary"):
        run = mine(rows, {**BASE, "negatives": 100, "depth": 200}, model=tiny_model)
    assert run.report["counts"]["chosen"] == len(list(run.rows())) == 40 * 39
    assert any("40" in message and "100" in message for message in caplog.messages), caplog.messages


def test_columns_are_found_by_name_not_by_place(tiny_model):
    """sentence-transformers 2965: the first two columns were taken, here an id and a link."""
    rows = [{"id": i, "link": "https://x", "answer": text, "question": f"w{i}"} for i, text in enumerate(TEXTS)]
    plain = [{"question": row["question"], "answer": row["answer"]} for row in rows]
    texts = [
        [tuple(row[name] for name in ("anchor", "positive", "negative")) for row in mine(data, BASE, model=tiny_model).rows()]
        for data in (rows, plain)
    ]
    assert texts[0] == texts[1] != []


def test_a_column_of_a_dataset_is_a_corpus(tiny_model):
    """sentence-transformers 3483: unsupported operand type(s) for +: 'Column' and 'Column'."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    data = Dataset.from_dict({"query": [f"w{i}" for i in range(20)], "answer": TEXTS[:20]})
    corpus = Dataset.from_dict({"text": TEXTS})
    model = SentenceTransformer(str(tiny_model), device="cpu")
    rows = [
        mine_hard_negatives(data, model, corpus=given, num_negatives=2, range_max=12, verbose=False).to_list()
        for given in (corpus["text"], TEXTS)
    ]
    assert rows[0] == rows[1]
    assert {row["negative"] for row in rows[0]} & set(TEXTS[20:])  # of the corpus alone


def test_missing_cells_of_a_table_are_named(tiny_model):
    """Many trackers: NaN of pandas became the text "nan"."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"query": [f"w{i}" for i in range(40)], "positive": [*TEXTS[:39], float("nan")]})
    with pytest.raises(InputError, match="39"):
        mine(frame, BASE, model=tiny_model)
