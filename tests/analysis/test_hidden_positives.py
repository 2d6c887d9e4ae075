"""Some positives stay, the others are hidden from everything that is known, and the draw is one of ids."""

import numpy as np
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import make

from miner.analysis.hidden_positives import hide
from miner.errors import InputError
from miner.read import read, read_inline
from miner.types import Dataset


def names(dataset, query, known=False):
    return set(dataset.corpus.ids((dataset.qrels.relevant if known else dataset.qrels.positives)(query)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([None, 0.3, 0.5, 0.9]), splits=st.booleans())
def test_shown_and_hidden_are_all_there_is(tmp_path_factory, seed, share, splits):
    """Of n positives max(1, ⌈(1 − share) n⌉) at least stay; whatever is hidden is known nowhere; other judgements are as they were."""
    folder = tmp_path_factory.mktemp("hiding")
    whole = read(on_disk(make(seed, passages=25, queries=12, splits=splits), folder / "data"), folder / "read")
    shown, truth = hide(whole, seed, share, min_queries=0)
    hidden = {}
    for query, passage in zip(truth.queries.tolist(), whole.corpus.ids(truth.passages), strict=True):
        hidden.setdefault(query, set()).add(passage)
    for query in range(len(whole.queries)):
        every, left = names(whole, query), names(shown, query)
        least = min(len(every), 1 if share is None else max(1, int(np.ceil((1 - share) * len(every) - 1e-9))))
        assert left | hidden.get(query, set()) == every
        assert not left & hidden.get(query, set())
        assert len(left) == least if whole.qrels.same_questions is None else len(left) >= least
        assert not names(shown, query, known=True) & hidden.get(query, set())
        assert names(shown, query, known=True) >= names(whole, query, known=True) - set().union(*hidden.values())
    low = lambda data: int((data.qrels.grades < data.qrels.min_grade).sum())  # noqa: E731
    assert low(shown) == low(whole)


def test_what_one_of_two_equal_questions_shows_is_hidden_from_neither(tmp_path):
    """Whichever of their common passages the draw leaves to either."""
    passages = [{"id": f"p{i}", "text": f"passage {i}"} for i in range(12)]
    queries = [{"id": f"q{i}", "text": "the question", "positives": [f"p{j}" for j in range(4 * i, 4 * i + 8)]} for i in range(2)]
    whole = read_inline(queries, passages, tmp_path / "read")
    assert whole.qrels.same_questions is not None
    for seed in range(10):
        shown, truth = hide(whole, seed, min_queries=0)
        hidden = set(whole.corpus.ids(truth.passages))
        left = names(shown, 0) | names(shown, 1)
        assert not hidden & left
        assert names(shown, 0, known=True) == left


def test_the_draw_is_one_of_ids(tmp_path):
    """Another seed hides others; the same seed the same, whatever the order of the files."""
    world = make(5, passages=25, queries=12)
    turned = make(5, passages=25, queries=12)
    for part in ("passages", "queries"):
        object.__setattr__(turned, part, dict(reversed(getattr(turned, part).items())))
    found = []
    for place, (each, seed) in enumerate([(world, 0), (turned, 0), (world, 1)]):
        data = read(on_disk(each, tmp_path / f"data{place}"), tmp_path / f"read{place}")
        _, truth = hide(data, seed, min_queries=0)
        found.append(set(zip(data.queries.ids(truth.queries), data.corpus.ids(truth.passages), strict=True)))
    assert found[0] == found[1] != found[2]


def test_it_can_be_saved_and_opened(tmp_path):
    """With groups of the same question and without."""
    whole = read(on_disk(make(3, passages=25, queries=12, splits=True), tmp_path / "data"), tmp_path / "read")
    assert whole.qrels.same_questions is not None
    shown, _ = hide(whole, 0, min_queries=0)
    shown.save(tmp_path / "read")
    again = Dataset.open(tmp_path / "read")
    assert all(names(again, query, known=True) == names(shown, query, known=True) for query in range(len(again.queries)))


def test_too_few_say_nothing(tmp_path):
    """How many are wanted, and how many there are."""
    data = read(on_disk(make(3), tmp_path / "data"), tmp_path / "read")
    with pytest.raises(InputError, match=r"50 queries with two positives or more are wanted, and there are \d: nothing could be measured"):
        hide(data, 0)
