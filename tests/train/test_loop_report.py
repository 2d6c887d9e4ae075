"""What loop.json holds for the page: examples of what a round did; hashes of its files; a loop that has not ended."""

import json

import pytest

from miner.errors import NoRunError
from miner.io.atomic import sha256_of
from miner.train.loop_files import differences, open_loop
from miner.train.notebook import Notebook, Score
from miner.train.round_examples import round_examples


def test_examples_say_what_a_round_did(tiny_world):
    """One entry of each kind, and some that nothing was done to; at most three of a kind, the highest scores first."""
    notebook = Notebook()
    lines = {
        "p1": (1, ["active", "easy"]), "p2": (1, ["active", "refused:margin"]), "p3": (1, ["active", "active"]), "p4": (2, ["active"]),
        "p5": (2, ["over_cap"]), "p6": (1, ["left_out", "easy"]), "p7": (2, ["active"]), "p8": (2, ["active"]), "p9": (2, ["active"]),
    }  # fmt: skip
    from miner.train.notebook import Entry

    for name, (first, statuses) in lines.items():
        history = [Score(first + place, 0.5, status) for place, status in enumerate(statuses)]
        score = int(name[1]) / 10
        notebook.page(("q01", ""))[name] = Entry(first, status=statuses[-1], history=history, last_score=score)
    made = [(each["change"], each["passage_id"]) for each in round_examples(notebook, 2, tiny_world)]
    assert made == [("added", "p9"), ("added", "p8"), ("added", "p7"), ("evicted", "p1"), ("refused", "p2"), ("forgotten", "p5")]
    first = round_examples(notebook, 2, tiny_world)[0]
    assert (first["query"], first["passage"]) == ("w7", "w9 w45")
    assert round_examples(notebook, 3, tiny_world) == []


def test_a_changed_file_of_a_loop_is_named(tmp_path):
    """By loop.json; one that has not ended, and one of an earlier version, have no hashes."""
    (tmp_path / "notebook.parquet").write_text("entries")
    identity = {"loop": {"rounds": 3}}
    (tmp_path / "loop.json").write_text(json.dumps({"identity": identity, "done": False}))
    with pytest.raises(NoRunError, match="a loop without a finished round"):
        open_loop(tmp_path)
    (tmp_path / "round-1").mkdir()
    (tmp_path / "round-1" / "delta.json").write_text(json.dumps({"round": 1}))
    assert open_loop(tmp_path)["stopped"] == "not ended, 1 of 3 rounds are finished"
    with pytest.raises(NoRunError, match="that has not ended"):
        list(differences(tmp_path))
    files = {"notebook.parquet": sha256_of(tmp_path / "notebook.parquet"), "report.html": "0" * 64}
    (tmp_path / "loop.json").write_text(json.dumps({"identity": identity, "rounds": [], "done": True, "files": files}))
    (tmp_path / "notebook.parquet").write_text("other entries")
    assert [line.partition(":")[0] for line in differences(tmp_path)] == ["notebook.parquet has changed", "report.html is missing"]
