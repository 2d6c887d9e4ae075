"""Evidence of identity equals a slow look at the texts, in any order and with padding."""

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Prescribed, anchors_of, dataset_of, make

from miner.evidence import EVIDENCE
from miner.evidence.identity import id_keys
from miner.sources import Dense
from miner.support.normalize import normalise


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello World", "hello   world", True),
        ("a\tb\n", "A B", True),
        ("ﬁne", "fine", True),
        ("STRASSE", "straße", True),
        ("“Quoted.”", "quoted", True),
        ("Ａ１", "a1", True),
        ("é", "e\u0301", True),
        ("C++", "C", False),
        ("C#", "C", False),
        ("a-b", "a b", False),
        ("don't", "dont", False),
        ("1.5", "15", False),
        ("...", "!", False),
        ("e", "é", False),
    ],
)
def test_normalise(one, other, same):
    """Form, case, white space and marks at the ends do not count; marks inside and symbols do; what is all marks stays."""
    assert (normalise(one) == normalise(other)) == same
    assert normalise(one)


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_normalise_as_the_oracle_does(text):
    """The quick way for plain ASCII gives the same."""
    assert normalise(text) == oracle.normalise(text)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), style=st.sampled_from(["grid", "normal"]), similarity=st.sampled_from(["cosine", "dot", "euclidean"]))
def test_every_evidence_equals_the_oracle(tmp_path_factory, seed, style, similarity):
    """For all candidates of all queries, with padding behind them; padding has no evidence."""
    world, folder = make(seed, style=style, similarity=similarity), tmp_path_factory.mktemp("evidence")
    dataset = dataset_of(world, into=folder / "dataset")
    source = Dense(dataset, Prescribed(world), folder)
    queries = np.arange(5)
    rows, scores, _ = source.retrieve(queries, 12)
    rows[np.arange(rows.shape[1]) >= np.random.default_rng(seed).integers(3, 13, (5, 1))] = -1
    known = [dataset.qrels.positives(query) for query in queries]
    positives = np.array([[*row, *[-1] * (4 - len(row))] for row in known], dtype=np.int32)
    bare = anchors_of(rows, scores, positives, positives)
    found = {name: make_it(dataset, source)(bare) for name, make_it in EVIDENCE.items()}
    for q, query in enumerate(dataset.queries.ids(queries)):
        right = oracle.ranked(world, query, dataset.corpus.ids(known[q]), 1)
        for k in range(rows.shape[1]):
            told = [float(found[name][q, k]) for name in EVIDENCE]
            assert str(told) == str(wanted(right[k]) if rows[q, k] >= 0 else NOTHING), list(EVIDENCE)


NOTHING = [*[0.0] * 7, np.nan, np.nan]


def wanted(candidate):
    bits = candidate.like_positive + 2 * candidate.like_query + 4 * candidate.like_better
    copies = [candidate.judged, candidate.in_group, candidate.contained, candidate.near_text]
    return [float(value) for value in (candidate.known, bits, candidate.same_id, *copies, candidate.near, candidate.sibling)]


def test_keys_of_ids_are_in_row_order(tmp_path):
    """One key a row, different for different ids."""
    dataset = dataset_of(make(1, passages=50), into=tmp_path)
    keys = id_keys(dataset.corpus)
    assert keys.dtype == np.uint64
    assert len(set(keys.tolist())) == 50
    assert keys[7] == id_keys(dataset.corpus)[7]
