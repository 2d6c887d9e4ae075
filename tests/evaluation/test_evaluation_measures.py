"""Measures: the library against the definitions, written out plainly, and against values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import ConfigError
from miner.evaluation import measure
from miner.evaluation.measures import parse
from miner.types import Qrels

NAMES = [f"{name}@{cut}" for name in ("ndcg", "mrr", "map", "recall", "precision", "f1", "judged") for cut in (1, 3, 10)]


def plain(name, ranked, grades, least):
    """One measure of one query, from its definition."""
    name, cut = parse(name)
    top = ranked[:cut]
    relevant = {passage for passage, grade in grades.items() if grade >= least}
    gains = [grades[p] if p in relevant else 0 for p in top]
    hits = [p in relevant for p in top]
    precision, recall = sum(hits) / cut, sum(hits) / len(relevant) if relevant else 0.0
    if name == "ndcg":
        ideal = sorted((grades[p] for p in relevant), reverse=True)[:cut]
        best = sum(gain / math.log2(place + 2) for place, gain in enumerate(ideal))
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains)) / best if best else 0.0
    if name == "mrr":
        return next((1 / (place + 1) for place, hit in enumerate(hits) if hit), 0.0)
    if name == "map":
        total = sum(sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits) if hit)
        return total / len(relevant) if relevant else 0.0
    if name == "f1":
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "judged": sum(p in grades for p in top) / max(len(top), 1)}[name]


def qrels_of(judged, least=1):
    rows = [row for grades in judged for row in grades]
    grades = [grade for each in judged for grade in each.values()]
    indptr = np.concatenate([[0], np.cumsum([len(each) for each in judged])])
    return Qrels(indptr.astype(np.int64), np.array(rows, np.int32), np.array(grades, np.int8), least)


@given(
    st.lists(
        st.tuples(st.dictionaries(st.integers(0, 14), st.integers(0, 3), max_size=8), st.permutations(range(15)), st.integers(1, 15)),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 2),
)
def test_the_library_says_what_the_definitions_say(queries, least):
    """Every measure, graded judgements, judged non-relevant passages, short rankings, queries without a positive."""
    rows = np.full((len(queries), 15), -1, dtype=np.int32)
    for place, (_, ranked, length) in enumerate(queries):
        rows[place, :length] = ranked[:length]
    found = measure(qrels_of([each[0] for each in queries], least), rows, NAMES)
    for name in NAMES:
        told = [plain(name, ranked[:length], grades, least) for grades, ranked, length in queries]
        np.testing.assert_allclose(found[name], told, atol=1e-6, err_msg=name)


def test_worked_out_by_hand():
    """Positives at ranks 1 and 3 of two: (1 + 1/2) / (1 + 1/log2 3) = .9197; MAP (1 + 2/3) / 2; precision .2, recall 1, F1 1/3."""
    rows = np.array([[0, 5, 1, -1, -1, -1, -1, -1, -1, -1]], dtype=np.int32)
    found = measure(qrels_of([{0: 1, 1: 1}]), rows, ["ndcg@10", "map@10", "mrr@10", "precision@10", "recall@10", "f1@10", "judged@10"])
    told = {name: round(float(value[0]), 4) for name, value in found.items()}
    assert told == {
        "ndcg@10": 0.9197, "map@10": 0.8333, "mrr@10": 1.0, "precision@10": 0.2, "recall@10": 1.0, "f1@10": 0.3333, "judged@10": 0.6667,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["ndcg", "ndcg@0", "ndcg@x", "hits@10", "@3", ""])
def test_a_wrong_measure_is_refused(text):
    """With the list of what there is."""
    with pytest.raises(ConfigError, match="precision"):
        parse(text)
