"""The last look at a model stands beside its progress; the loggers are as before afterwards."""

import logging

from miner.cli.display import LOOKS, ProgressDisplay


def test_a_look_is_shown_with_the_next_line_of_progress(capsys):
    """No line of its own, no level of a caller changed."""
    before = (LOOKS.level, LOOKS.propagate, list(LOOKS.handlers))
    with ProgressDisplay(quiet=False) as display:
        LOOKS.info("step 4: loss 0.5000, dev ndcg@10 0.2500")
        display("train", 8, 8)
        display("mine", 8, 8)
    shown = capsys.readouterr().err
    assert "train: 8 of 8  (step 4: loss 0.5000, dev ndcg@10 0.2500)\n" in shown
    assert "mine: 8 of 8\n" in shown
    assert shown.count("step 4") == 1
    assert (LOOKS.level, LOOKS.propagate, list(LOOKS.handlers)) == before


def test_a_bar_has_the_look_in_its_description(monkeypatch):
    """Where the display is a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with ProgressDisplay(quiet=False) as display:
        display("train", 1, 8)
        LOOKS.log(logging.INFO, "step 1: loss 0.5000")
        assert display._bar is not None
        assert [task.description for task in display._bar.tasks] == ["train  step 1: loss 0.5000"]
