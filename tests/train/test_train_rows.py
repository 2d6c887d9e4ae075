"""Ragged rows become rectangular columns; what is mended is counted, what cannot be is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import InputError
from miner.formats import TrainingRow
from miner.train.training_rows import columns, pairs


def row(query, positives, negatives, scores=()):
    labels = (1,) * len(positives) + (0,) * len(negatives)
    return TrainingRow(query, (*positives, *negatives), labels, scores=tuple(scores), where="f.jsonl:1")


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcdefgh"), max_size=3, unique=True), st.lists(st.sampled_from("stuvw"), max_size=4)),
        min_size=1,
        max_size=8,
    ),
    st.none() | st.integers(0, 3),
)
def test_no_row_vanishes_and_all_are_as_wide(parts, use):
    """A row for every positive, in order; own negatives first and only own ones where there are any."""
    rows = [row(f"q{i}", positives, negatives) for i, (positives, negatives) in enumerate(parts)]
    try:
        made = columns(rows, use)
    except InputError:
        return  # no positive at all, or nobody to borrow from
    expected = [(f"q{i}", positive) for i, (positives, _) in enumerate(parts) for positive in positives]
    assert list(zip(made.columns["anchor"], made.columns["positive"], strict=True)) == expected
    width = max(len(negatives) for _, negatives in parts) if use is None else use
    assert len(made.negatives) == width
    for place, (query, positive) in enumerate(expected):
        own = parts[int(query[1:])][1]
        got = [made.columns[name][place] for name in made.negatives]
        assert got[: len(own)] == own[:width]
        assert set(got) <= set(own) if own else positive not in got


def test_triplets_of_a_pair_are_one_row():
    """Wherever they stand; a negative said twice counts once."""
    rows = [row("q", ["p"], ["a"]), row("r", ["p"], ["b"]), row("q", ["p"], ["c"]), row("q", ["p"], ["a"]), row("q", ["x"], ["a"])]
    made = columns(rows)
    assert made.columns["anchor"] == ["q", "r", "q"]
    assert made.columns["negative_2"] == ["c", "b", "a"]
    assert made.counts["rows_read"] == 5


def test_labels_are_margins_or_scores():
    """Of the row's own scores: positive less negative, or all of them, the positive first."""
    rows = [row("q", ["p"], ["a", "b"], [0.9, 0.5, -0.2]), row("r", ["p"], ["c"], [0.7, 0.1])]
    assert columns(rows, labels="scores").columns["label"] == [[0.9, 0.5, -0.2], [0.7, 0.1, 0.1]]
    assert columns(rows, labels="margins").columns["label"] == [pytest.approx([0.4, 1.1]), pytest.approx([0.6, 0.6])]


def test_scores_that_are_missing_are_said_with_their_place():
    """A loss that learns from scores needs them."""
    with pytest.raises(InputError, match=r"f.jsonl:1: this loss learns from scores"):
        columns([row("q", ["p"], ["n"])], labels="scores")


def test_what_was_mended_is_counted():
    """Repeated, borrowed, without positive."""
    rows = [row("q", ["p"], ["a", "b"]), row("r", ["x"], ["a"]), row("s", ["y"], []), row("t", [], ["a"])]
    counts = columns(rows).counts
    assert (counts["rows_that_repeat_negatives"], counts["rows_with_borrowed_negatives"], counts["rows_without_positive"]) == (1, 1, 1)


def test_pairs_alone(tiny_world):
    """A query with all its positives, no negatives."""
    found = list(pairs(tiny_world))
    assert (found[0].query, found[0].positives) == ("w0", ("w0 w0",))
    assert columns(found).negatives == []
