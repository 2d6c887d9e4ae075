"""What a note advises can be done."""

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
