"""What a note advises can be done."""

import pytest

from miner.report.notes import _short


def test_a_note_on_short_rows_advises_no_flag_that_export_lacks():
    """The summary of an export says the same: deeper candidates come from mining, a rule is relaxed by either."""
    setup = {"firm": ["margin"], "negatives": 4, "max_depth": 1000}
    (note,) = _short({"setup": setup, "counts": {"ran_short": {"total": 3}}})
    assert "; mining with a --max-depth over 1,000 searches them deeper, --filter margin:relax=true fills them" in note


def test_a_note_on_short_rows_counts_what_filters_dropped():
    """The rule that must hold need not be the one that emptied the rows; positives are no loss."""
    dropped = {"known_positive": 900, "margin": 237, "near_positive": 967, "group": 0}
    (note,) = _short({"setup": {"firm": ["margin"], "negatives": 4}, "counts": {"ran_short": {"total": 3}, "dropped": dropped}})
    assert "must hold in every row: 3 (candidates dropped: near_positive 967, margin 237); " in note


@pytest.mark.parametrize(
    ("change", "hints"),
    [
        ({}, ["--fill random draws from the passages that ranks dropped", "--fill repeat repeats the negatives of rows that have some"]),
        ({"relaxable": []}, ["--fill repeat repeats the negatives of rows that have some"]),
        ({"fill": "random"}, []),
        ({"fits_fill": False}, []),
    ],
)
def test_a_note_on_short_rows_hints_at_fill_where_it_would_help(change, hints):
    """Random passages only where a rule that may be relaxed dropped some, repeats only where rows have negatives, in formats that fit both."""
    setup = {
        "firm": ["margin"],
        "relaxable": ["ranks"],
        "negatives": 4,
        "depth": 9,
        "max_depth": 9,
        "fill": "none",
        "fits_fill": True,
        **change,
    }
    counts = {"ran_short": {"total": 3}, "rows": {"any": 5, "all": 2}, "tiers": {"4": 1}}
    note = next(_short({"setup": setup, "counts": counts}))
    assert [part for part in note.split("; ")[1].split(", ") if "--fill" in part] == hints


def test_a_search_that_no_level_makes_deeper_is_named_by_its_flag():
    """Without fallback levels a larger --max-depth changes nothing."""
    setup = {"firm": ["margin"], "negatives": 4, "depth": 200, "max_depth": 1000, "ladder": 0}
    (note,) = _short({"setup": setup, "counts": {"ran_short": {"total": 3}}})
    assert "; mining with --ladder 1 searches them to 1,000, " in note
