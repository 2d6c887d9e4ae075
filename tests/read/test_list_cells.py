"""A list that is written as text in a cell of a table is that list under a name that promises one; under any other it is a text, and counted."""

import pytest

from miner.read import read_pairs
from miner.report import reading_notes

QUERIES = "query,{0}\nq,\"['a', 'b']\"\nr,c\n"


@pytest.mark.parametrize(("column", "texts", "count"), [("positives", ["a", "b", "c"], 0), ("answer", ["['a', 'b']", "c"], 1)])
def test_a_list_in_a_cell_of_positives(tmp_path, column, texts, count):
    path = tmp_path / "pairs.csv"
    path.write_text(QUERIES.format(column))
    dataset = read_pairs(path)
    assert sorted(dataset.corpus.texts(range(len(dataset.corpus)))) == sorted(texts)
    assert dataset.reading.get("lists_in_text", 0) == count
    said = [note for note in reading_notes(dataset.reading) if "written as text" in note]
    assert said == ["lists written as text, each read as one passage (a column of lists is called positives or negatives): 1"] * count


def test_a_list_in_a_cell_of_negatives(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text('query\tpositive\tneg\nq\tp\t["a", "b"]\n')
    dataset = read_pairs(path)
    assert sorted(dataset.corpus.texts(range(len(dataset.corpus)))) == ["a", "b", "p"]
