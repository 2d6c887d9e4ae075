"""Columns are found whatever their spelling; a column that could be the positive is never dropped in silence."""

import json

import pytest

from miner.errors import ConfigError, InputError
from miner.read import read_pairs

GOLD = [f"passage {i} on topic {i % 3}" for i in range(12)]


def pairs(folder, *columns, rows=8, **more):
    """Questions with a short answer, and the passage in further columns; the corpus holds every passage."""
    told = [{"question": f"q {i}", "answer": f"short {i}", **dict.fromkeys(columns, GOLD[i]), **more} for i in range(rows)]
    (folder / "p.jsonl").write_text("\n".join(map(json.dumps, told)))
    corpus = [{"id": f"d{i}", "title": "Title", "text": text} for i, text in enumerate(GOLD)]
    (folder / "c.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    return folder / "p.jsonl", folder / "c.jsonl"


CONTEXTS = (
    *("Context", "CONTEXT", " context", "paragraph", "long_answer", "Long Answer", "longAnswer", "long-answer", "ctx", "evidence"),
    *("gold", "support", "passage_1", "Passage 2", "text3", "chunk"),
)


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("corpus", [True, False])
def test_a_passage_beside_an_answer_is_refused_by_both_names(tmp_path, name, corpus):
    """In any spelling, numbered too; with or without a corpus."""
    rows, passages = pairs(tmp_path, name)
    with pytest.raises(InputError) as caught:
        read_pairs(rows, passages if corpus else None)
    assert f"'answer' and '{name}' could each be the positive" in str(caught.value)
    assert read_pairs(rows, fields={"positive": name}).columns[str(rows)][name] == "positive"


@pytest.mark.parametrize("column", ["Question", " QUERY ", "search-query", "searchQuery"])
def test_a_usual_name_is_read_in_any_spelling(tmp_path, column):
    """And said so."""
    (tmp_path / "p.jsonl").write_text(json.dumps({column: "q", "Positive": "p", "Negative_1": "n", "neg2": "m"}))
    roles = read_pairs(tmp_path / "p.jsonl").columns[str(tmp_path / "p.jsonl")]
    assert roles == {column: "query", "Positive": "positive", "Negative_1": "negative", "neg2": "negative"}


def test_a_near_miss_is_named(tmp_path):
    """Of a column that the user names, and of a usual name."""
    (tmp_path / "p.jsonl").write_text(json.dumps({"Frage": "q", "positive": "p"}))
    with pytest.raises(InputError, match=r"has no column 'Fragen'.* its columns are Frage, positive; is 'Frage' meant"):
        read_pairs(tmp_path / "p.jsonl", fields={"query": "Fragen"})
    (tmp_path / "p.jsonl").write_text(json.dumps({"qustion": "q", "positive": "p"}))
    with pytest.raises(InputError, match=r"name the right one: fields=..query.: .qustion..$"):
        read_pairs(tmp_path / "p.jsonl")


def test_a_column_that_holds_passages_of_the_corpus_is_refused(tmp_path):
    """Whatever its name; both ways out work, and so does a text behind its title."""
    rows, corpus = pairs(tmp_path, "my column")
    with pytest.raises(InputError) as caught:
        read_pairs(rows, corpus)
    assert "'my column' is read as nothing, and 8 of its first 8 texts are passages of" in str(caught.value)
    for flag in ("--field 'positive=my column'", "--field 'negative=my column'", "--field 'my column=-'"):
        assert flag in caught.value.with_flags
    assert read_pairs(rows, corpus, fields={"positive": "my column"}).reading["queries"] == 8
    assert read_pairs(rows, corpus, fields={"my column": "-"}).reading["queries"] == 8
    with pytest.raises(ConfigError, match="there is no field and no column 'mine' here; the columns are: answer, my column, question"):
        read_pairs(rows, corpus, fields={"mine": "-"})


@pytest.mark.parametrize("value", [[f"Title {GOLD[9]}"], {"text": GOLD[9]}, f" {GOLD[9]}\n", [{"title": "x", "text": GOLD[9]}]])
def test_passages_in_any_cell_are_noticed(tmp_path, value):
    """Lists, objects, titles, blanks."""
    rows, corpus = pairs(tmp_path, rows=1, other=value)
    with pytest.raises(InputError, match="'other' is read as nothing, and 1 of its first 1 texts"):
        read_pairs(rows, corpus)


def test_what_is_no_unread_passage_passes(tmp_path):
    """Texts of no passage, those of the row's own positive, by text or by id, few among many, and answers beside a positive."""
    rows, corpus = pairs(tmp_path, note="anything", source=["wiki"])
    assert read_pairs(rows, corpus).reading["queries"] == 8
    told = [{"query": f"q {i}", "positive_id": f"d{i}", "snippet": GOLD[i], "answers": [GOLD[i - 1]]} for i in range(8)]
    rows.write_text("\n".join(map(json.dumps, told)))
    assert read_pairs(rows, corpus, fields={"positive": "-"}).reading["queries"] == 8
    told = [{"query": f"q {i}", "positive": GOLD[i], "copy": GOLD[i], "tag": GOLD[11] if i < 2 else f"tag {i}"} for i in range(8)]
    rows.write_text("\n".join(map(json.dumps, told)))
    assert read_pairs(rows, corpus).reading["queries"] == 8
