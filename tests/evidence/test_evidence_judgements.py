"""Judgements of this query and of others: non-relevant, partly relevant, a positive of a question that asks the same."""

import math
from dataclasses import replace

import numpy as np
import pytest
from oracle import World
from worlds import Prescribed, anchors_of, dataset_of, mined

from miner.config import MiningConfig
from miner.evidence import EVIDENCE
from miner.sources import Dense

WORLD = World(
    passages={"a": "answer one", "b": "answer two", "c": "answer three", "d": "answer two", "e": "nothing"},
    queries={"q1": "how do I boil an egg", "q2": "boiling an egg, how?", "q3": "How do I boil an egg?", "q4": "the weather"},
    grades={"q1": {"a": 3, "b": 0, "c": 1, "e": -1}, "q2": {"b": 2}, "q3": {"c": 2, "d": 1}, "q4": {"a": 2, "e": 2}},
    passage_vectors={"answer one": [1, 0], "answer two": [0.8, 0.6], "answer three": [0.6, 0.8], "nothing": [0.0, 1.0]},
    query_vectors={
        "how do I boil an egg": [1, 0],
        "boiling an egg, how?": [0.96, 0.28],
        "How do I boil an egg?": [0, 1],
        "the weather": [0.6, 0.8],
    },
    similarity="cosine",
    groups={},
)


def measured(name, folder, similarity="cosine"):
    """{query: {passage: evidence}}; of passages with the same text the smallest id stands for both."""
    world = replace(WORLD, similarity=similarity)
    dataset = dataset_of(world, min_grade=2, into=folder / "dataset")
    source = Dense(dataset, Prescribed(world), folder)
    rows = np.tile(source.passage_rows, (4, 1))
    known = [dataset.qrels.positives(query) for query in range(4)]
    positives = [[*row, -1][:2] for row in known]
    found = EVIDENCE[name](dataset, source)(anchors_of(rows, positives=positives, positive_scores=[[0.0, 0.0]] * 4))
    return {q: dict(zip(dataset.corpus.ids(rows[0]), found[i].tolist(), strict=True)) for i, q in enumerate(dataset.queries.ids(range(4)))}


def test_judged_says_non_relevant_partly_relevant_or_nothing(tmp_path):
    """1 for grades of 0 and less, 2 for grades under min_grade, also where another passage has the text; positives are not its business."""
    assert measured("judged", tmp_path) == {
        "q1": {"a": 0, "b": 1, "c": 2, "e": 1},
        "q2": {"a": 0, "b": 0, "c": 0, "e": 0},
        "q3": {"a": 0, "b": 2, "c": 0, "e": 0},
        "q4": {"a": 0, "b": 0, "c": 0, "e": 0},
    }


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_duplicate_question_is_the_nearest_other_question_with_that_positive(tmp_path, similarity):
    """The same words in another form are the same question, whatever the vectors; one's own positives do not count."""
    told = measured("duplicate_question", tmp_path, similarity)
    assert told["q1"] == pytest.approx({"a": 0.6, "b": 0.96, "c": 1.0, "e": 0.6}, abs=1e-6)
    assert told["q2"] == pytest.approx({"a": 0.96, "b": math.nan, "c": 0.28, "e": 0.96 * 0.6 + 0.28 * 0.8}, abs=1e-6, nan_ok=True)
    assert told["q3"]["a"] == 1.0


def test_judged_non_relevant_is_preferred_and_exempt_from_guesses():
    """prefer: first and exempt from a margin that may be relaxed; trust: exempt only; ignore: like any other."""
    world = replace(WORLD, queries={**WORLD.queries, "q3": "the weather"})  # or c were known to be an answer to q1, too
    given = {
        "depth": 5,
        "max_depth": 5,
        "negatives": 2,
        "ladder": 0,
        "min_grade": 2,
        "filters": ("near_positive:off", "margin:relative=0.7,relax=true"),
    }
    chosen = {how: mined(world, MiningConfig.of(judged=how, **given))[0] for how in ("prefer", "trust", "ignore")}
    names = {how: [name for name, *_ in row.negatives] for how, row in chosen.items()}
    assert names == {"prefer": ["b", "e"], "trust": ["b", "e"], "ignore": ["e"]}
    firm = {**given, "filters": ("near_positive:off", "margin:relative=0.7")}
    assert [name for name, *_ in mined(world, MiningConfig.of(**firm))[0].negatives] == ["e"]  # it must hold in every row
    lenient = {**given, "filters": ("near_positive:off", "margin:off"), "negatives": 3}
    order = {how: [name for name, *_ in mined(world, MiningConfig.of(judged=how, **lenient))[0].negatives] for how in ("prefer", "trust")}
    assert order == {"prefer": ["b", "e", "c"], "trust": ["b", "c", "e"]}


def test_partly_relevant_is_dropped_on_request():
    """A grade under min_grade is no negative where low grades mean a little."""
    world = replace(WORLD, queries={**WORLD.queries, "q3": "the weather"})
    row = mined(world, MiningConfig.of(min_grade=2, filters=("partly_relevant", "near_positive:off", "margin:off")))[0]
    assert dict(zip([name for name, _ in row.candidates], row.dropped_by, strict=True))["c"] == "partly_relevant"
