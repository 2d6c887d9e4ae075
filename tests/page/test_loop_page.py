"""The page of a loop: dev, false negatives, notebook, changes with examples, links; what is not there is left out."""

from screen_words import visible_text, wrong_words
from test_page import EVIL, Reader

from miner.page import loop_page


def turn(number, **more):
    """One round."""
    counts = {"retained": 3, "refreshed": 4, "returned": 1, "evicted": 2, "refused": 5, "forgotten": 6, "missing": 0, "training_rows": 7}
    example = {
        "change": "evicted",
        "query_id": "q1",
        "query": EVIL,
        "passage_id": "p1",
        "passage": f"2 {EVIL}",
        "score": 0.5,
        "status": "easy",
    }
    hidden = {"hidden": 10, "negatives": 100, "interval": (0.05, 0.175)}
    made = {"round": number, "dev": 0.5 + number / 100, "dev_measure": "ndcg@10", "dev_measures": {"ndcg@10": 0.5 + number / 100}}
    made |= {"gain": {"over": 0, "mean": 0.01, "interval": (-0.0625, 0.125)}, "false_negative_counts": hidden, "warnings": [EVIL]}
    made |= {"jaccard": 0.5, "positive_rank": {"median": 2.0, "mean": 3.5}, "gap": 0.25, "gradient_mass": 0.375}
    return made | {"notebook": {"active": 7, "refused:margin": 5}, "ages": {"0": 4, "1": 3}, "examples": [example]} | counts | more


def report(**more):
    """Two rounds, the second the best."""
    identity = {"training": {"model": EVIL}, "loop": {"rounds": 2}, "mining": {}, "data": {}, "dev": {}, "verdicts": {}}
    made = {"identity": identity, "before": {"ndcg@10": 0.5}, "rounds": [turn(1), turn(2)], "best": 2, "stopped": EVIL, "done": True}
    return made | more


def test_every_text_is_escaped_and_each_round_is_linked():
    """Links are relative: the folder can be moved."""
    read = Reader(loop_page(report()))
    assert not [name for name, _ in read.tags if name in {"script", "img", "iframe", "link"}]
    links = [attributes["href"] for name, attributes in read.tags if name == "a"]
    assert links[1:] == [f"round-{number}/{name}/report.html" for number in (1, 2) for name in ("mined", "model")]
    for shown in (f"Warning in round 1, 2: {EVIL}", EVIL, f"2 {EVIL}", "evicted"):
        assert f"{shown}\n" in read.text.getvalue()


def test_the_numbers_of_the_rounds_are_there():
    """Before training too; gains and false negatives with intervals; entries by status and age."""
    page = loop_page(report())
    text = Reader(page).text.getvalue()
    for shown in (
        "before\n0.5000\n",
        "2 (saved)\n0.5200\n+0.0100 (−0.0625 to +0.1250)",
        "10.0 %\n5.0 % to 17.5 %",
        "age 1\n",
        "refused:margin\n",
    ):
        assert shown in text
    assert 'aria-label="Dev measures by round. ndcg@10: 0.5000 at round 0, 0.5200 at round 2, highest 0.5200 at round 2"' in page
    assert "the model before training, which no round beats" in loop_page(report(best=0))


def test_without_dev_and_hidden_positives_their_sections_are_left_out():
    """A loop with neither, and one of an earlier version."""
    bare = [turn(number, dev=None, gain=None, dev_measures={}, false_negative_counts=None, jaccard=None) for number in (1, 2)]
    for old in bare:
        del old["examples"], old["ages"], old["returned"]
    text = Reader(loop_page(report(rounds=bare, before=None))).text.getvalue()
    assert "On dev" not in text
    assert "False negatives" not in text
    assert "Example changes" not in text


def test_words_are_those_of_the_glossary():
    """Of the whole page."""
    assert not wrong_words(visible_text(loop_page(report())))
