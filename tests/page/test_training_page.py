"""The page of a training: curves with words, dev and training rows apart, every text escaped; what is not there is left out."""

import pytest
from screen_words import visible_text, wrong_words
from test_page import EVIL, Reader

from miner.page import looks_tables, training_page
from miner.page.curves import number

ROWS = {"rows": 3, "above": 0.25, "margin": -0.125, "gradient_mass": 0.5}


def report(**more):
    """Two looks beside the one before training; the saved step is 8."""
    looks = [
        {"step": step, "dev": {"ndcg@10": score, "recall@10": 0.75}, "training_rows": {**ROWS, "margin": score - 0.5}}
        for step, score in ((0, 0.25), (4, 0.5), (8, 0.625))
    ]
    log = [{"step": step, "kind": "loss", "loss": 2.5 / step, "gradient_norm": 1.5, "learning_rate": 2e-5} for step in (1, 4, 8)]
    made = {"config": {"loss": f"{EVIL}:scale=20", "patience": 3}, "base_model": {"name": EVIL}, "rows": {"rows": 40, "negatives": 3}}
    made |= {"dev": {"queries": 8}, "dev_measure": "ndcg@10", "measures": ["ndcg@10", "recall@10"], "looks": looks, "log": log}
    made |= {"steps": 8, "stopped_at": 8, "saved": f"step 8, {EVIL}", "learning_rate": 2e-5, "warnings": [EVIL]}
    made |= {"rates": [{"learning_rate": 2e-5, "dev_score": 0.625, "steps": 8, "history": [(0, 0.25), (8, 0.625)]}]}
    return made | {"parts": [{"part": "change 'una'", "effect": EVIL, "count": 8, "of": 32}], **more}


def test_every_text_is_escaped():
    """Nothing but the page's own markup."""
    made = training_page(report())
    assert not [name for name, _ in Reader(made).tags if name in {"script", "img", "iframe", "link"}]
    assert f"Warning: {EVIL}\n" in Reader(made).text.getvalue()


def test_curves_are_said_in_words_and_the_saved_step_is_marked():
    """For a reader without pictures; a table holds the same numbers."""
    read = Reader(training_page(report()))
    labels = [attributes["aria-label"] for name, attributes in read.tags if name == "svg"]
    assert "Dev measures by step. ndcg@10: 0.2500 at step 0, 0.6250 at step 8, highest 0.6250 at step 8; recall@10: 0.7500" in labels[0]
    assert len(labels) == 6  # dev, two of training rows, loss, gradient norm, learning rate
    assert "8 (saved)\n0.6250\n" in read.text.getvalue()
    assert "2.00e-05" not in read.text.getvalue()


def test_dev_and_training_rows_are_never_in_one_table():
    """Each table names which it is, in every head of a number."""
    text = training_page(report())
    heads = [head.partition("</thead>")[0] for head in text.split("<thead>")[1:]]
    assert any(">dev ndcg@10<" in head for head in heads)
    assert any(">training rows: mean margin<" in head for head in heads)
    assert not [head for head in heads if "dev " in head and "training rows" in head]
    assert [title for title, _, _ in looks_tables(report())] == ["on dev", "on training rows (a sample of 3)"]


@pytest.mark.parametrize("part", ["dev", "training_rows"])
def test_what_was_not_looked_at_has_no_section(part):
    """Without dev data, or without negatives."""
    looks = [{**look, part: None} for look in report()["looks"]]
    text = training_page(report(looks=looks, measures=[] if part == "dev" else ["ndcg@10", "recall@10"]))
    assert ("On dev" in text, "On training rows" in text) == (part != "dev", part == "dev")
    assert len(looks_tables(report(looks=looks))) == 1


@pytest.mark.parametrize(
    ("value", "text"), [(1200, "1,200"), (0, "0"), (0.0, "0.0000"), (2e-5, "2e-05"), (-0.25, "−0.2500"), (1234.5, "1,234.5")]
)
def test_a_number_of_a_legend_can_be_read(value, text):
    """Counts as counts."""
    assert number(value) == text.replace("e-", "e−")


def test_words_are_those_of_the_glossary():
    """Of the page and of the tables in a terminal."""
    assert not wrong_words(visible_text(training_page(report())))
