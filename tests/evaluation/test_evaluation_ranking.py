"""Rankings against a sort of all scores: ties, copies of a text, queries that are passages."""

import numpy as np
import pytest

from miner.evaluation import rank
from miner.read import read_files

TEXTS = {"p3": "w1 w2", "p1": "w1 w2", "p2": "w1", "q1": "w1 w2", "p5": "w9", "p4": "w9 w9", "p0": "w40"}
QUERIES = {"q1": "w1 w2", "q2": "w9", "q3": "w30"}


@pytest.fixture
def dataset(tmp_path):
    """Seven passages, three of them with one text; a query that is a passage by id and by text."""
    (tmp_path / "corpus.csv").write_text("id,text\n" + "".join(f"{name},{text}\n" for name, text in TEXTS.items()))
    (tmp_path / "queries.csv").write_text("id,text\n" + "".join(f"{name},{text}\n" for name, text in QUERIES.items()))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{name}\tp2\t1\n" for name in QUERIES))
    return read_files(*(str(tmp_path / name) for name in ("corpus.csv", "queries.csv", "qrels.tsv")))


class Told:
    """Vectors by word: words that are not shared are orthogonal."""

    similarity, dim = "cosine", 60

    def describe(self):
        return {"name": "told"}

    def fill(self, out, texts, rows, side):
        out[:] = 0
        for place, text in enumerate(texts.texts(rows)):
            for word in text.split():
                out[place, int(word[1:])] += 1


def plain(query, depth, self_match):
    def vector(text):
        made = np.zeros(60)
        for word in text.split():
            made[int(word[1:])] += 1
        return made / np.linalg.norm(made)

    scored = [(-round(float(vector(QUERIES[query]) @ vector(text)), 6), name) for name, text in TEXTS.items()]
    own = {"keep": lambda name: False, "id": lambda name: name == query, "text": lambda name: TEXTS[name] == QUERIES[query]}[self_match]
    return [name for _, name in sorted(scored) if not own(name)][:depth]


@pytest.mark.parametrize("self_match", ["keep", "id", "text"])
@pytest.mark.parametrize("depth", [1, 2, 3, 6, 9])
def test_a_ranking_is_a_sort_of_all_scores(dataset, depth, self_match):
    """By score, then by id; copies each in their place; the query itself taken out on request."""
    found = rank(dataset, Told(), depth, self_match).rows
    for row, query in enumerate(dataset.queries.ids(range(3))):
        assert dataset.corpus.ids(found[row][found[row] >= 0]) == plain(query, depth, self_match)
