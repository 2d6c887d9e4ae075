"""Verdicts: one file format; a false negative is never exported, a true negative is exempt from guesses, and the manifest knows the file."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, make, mined

from miner.analysis.explain import explain
from miner.config import MiningConfig
from miner.core.verdicts import Verdict, latest_verdicts
from miner.errors import ConfigError, InputError
from miner.read import read_inline
from miner.runs.reproduce import rerun
from miner.runs.run import export, mine
from miner.runs.verdict_files import FILE, read_verdicts

IDS = ("ids",)
FILTERS = ("near_positive:off", "margin:relative=0.05,background=0.3,relax=true")


def lines(path, *rows):
    path.write_text("".join(json.dumps(dict(zip(("query_id", "passage_id", "verdict"), row, strict=True))) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    rng = np.random.default_rng(4)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(30)]
    passages.append({"id": "twin of p5", "text": passages[5]["text"]})
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7} w{i + 9}", "positives": [f"p{i}"]} for i in range(6)]
    folder = tmp_path_factory.mktemp("verdicts")
    config = MiningConfig.of(model=str(tiny_model), depth=12, max_depth=12, negatives=3, columns=IDS, filters=FILTERS)
    return mine(read_inline(queries, passages, folder / "given"), config, out=folder / "run")


def negatives(run, query):
    return [row["negative_id"] for row in run.rows() if row["anchor_id"] == query]


def positives(run, query):
    return {row["positive_id"] for row in run.rows() if row["anchor_id"] == query}


def test_a_false_negative_is_dropped_for_this_reason(run, tmp_path):
    first = negatives(run, "q0")[0]
    made = export(run, run.config, verdicts=[lines(tmp_path / "v.jsonl", ("q0", first, "false_negative"))], out=tmp_path / "out")
    assert first not in negatives(made, "q0")
    assert negatives(made, "q1") == negatives(run, "q1")
    told = explain(made, "q0", first)["anchors"][0]["candidates"][0]
    assert (told["dropped_by"], told["status"], told["evidence"]["verdict"]) == ("verdict", "dropped", 2)
    assert made.report["counts"]["dropped"]["verdict"] == made.report["verdicts"]["false_negative"] == 1


def test_a_true_negative_is_exempt_from_guesses_and_comes_first(run, tmp_path):
    dropped = [c for c in explain(run, "q2")["anchors"][0]["candidates"] if c["dropped_by"] in ("margin", "known_positive")]
    guessed = next(c["id"] for c in dropped if c["dropped_by"] == "margin")
    said = lines(tmp_path / "v.jsonl", ("q2", guessed, "true_negative"), ("q2", "p2", "true_negative"))
    made = export(run, run.config, verdicts=[said], out=tmp_path / "out")
    assert negatives(made, "q2")[0] == guessed
    assert "p2" not in negatives(made, "q2")


def test_a_false_negative_is_adopted_on_request(run, tmp_path):
    first = negatives(run, "q0")[0]
    config = run.config.model_copy(update={"false_negatives": "adopt"})
    made = export(run, config, verdicts=[lines(tmp_path / "v.jsonl", ("q0", first, "false_negative"))], out=tmp_path / "out")
    assert positives(made, "q0") == {"p0", first}
    assert first not in negatives(made, "q0")


def test_what_is_said_of_a_text_is_said_of_its_twins(run, tmp_path):
    asked = next(f"q{i}" for i in range(6) if "p5" in [c["id"] for c in explain(run, f"q{i}")["anchors"][0]["candidates"]])
    said = lines(tmp_path / "v.jsonl", (asked, "twin of p5", "false_negative"))
    made = export(run, run.config, verdicts=[said], out=tmp_path / "out")
    assert explain(made, asked, "p5")["anchors"][0]["candidates"][0]["dropped_by"] in ("verdict", "known_positive")


def test_the_last_word_counts_and_the_run_remembers(run, tmp_path):
    first = negatives(run, "q0")[0]
    said = lines(tmp_path / "v.jsonl", ("q0", first, "true_negative"), ("q0", first, "false_negative"))
    made = export(run, run.config, verdicts=[said], out=tmp_path / "once")
    again = export(made, made.config, out=tmp_path / "again")
    assert first not in negatives(again, "q0")
    taken_back = export(made, made.config, verdicts=[lines(tmp_path / "u.jsonl", ("q0", first, "unsure"))], out=tmp_path / "back")
    assert negatives(taken_back, "q0") == negatives(run, "q0")


def test_the_manifest_knows_the_file_and_makes_the_same_bytes(run, tmp_path):
    said = lines(tmp_path / "v.jsonl", ("q0", negatives(run, "q0")[0], "false_negative"), ("q9", "p1", "unsure"))
    made = export(run, run.config, verdicts=[said], out=tmp_path / "out")
    assert made.manifest["files"][str(said)]["bytes"] == said.stat().st_size
    assert FILE in made.manifest["outputs"]
    assert made.report["verdicts"] == {"false_negative": 1, "true_negative": 0, "unsure": 1, "unknown": 1}
    assert rerun(made, stored=True).differences == []
    (made.folder / FILE).write_bytes(b"")
    assert made.differences() == ["verdicts.jsonl has changed: its sha256 is not " + made.manifest["outputs"][FILE]["sha256"][:12] + "…"]


def test_mining_with_verdicts_is_mining_and_then_exporting(run, tmp_path):
    said = lines(tmp_path / "v.jsonl", ("q0", negatives(run, "q0")[0], "false_negative"), ("q3", negatives(run, "q3")[1], "true_negative"))
    at_once = mine(run.dataset, run.config, verdicts=[said], out=tmp_path / "at-once")
    later = export(run, run.config, verdicts=[said], out=tmp_path / "later")
    assert at_once.file.read_bytes() == later.file.read_bytes() != run.file.read_bytes()
    assert at_once.config == later.config


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_never_a_negative_and_only_adopted_on_request(seed):
    world = make(seed, verdicts=True)
    wrong = {pair for pair, verdict in world.verdicts.items() if verdict == "false_negative"}
    for row in mined(world, config_of(seed, false_negatives="adopt", anchor="weakest", filters=("verdict",))):
        assert not wrong & {(row.query, name) for name, *_ in row.negatives}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"query_id": "q", "passage_id": "p"}', "v.jsonl:2: verdict is missing"),
        (
            '{"query_id": "q", "passage_id": "p", "verdict": "no"}',
            "v.jsonl:2: verdict is 'no': it is one of false_negative, true_negative,",
        ),
        ('{"query_id": "", "passage_id": "p", "verdict": "unsure"}', "v.jsonl:2: query_id is a text of 1 to 1000 characters"),
        ('{"query_id": "q", "passage_id": true, "verdict": "unsure"}', "v.jsonl:2: passage_id is a text"),
        ("[]", "v.jsonl:2: each line is one JSON object"),
    ],
)
def test_a_wrong_line_is_named(line, said, tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text('{"query_id": 1, "passage_id": "p", "verdict": "unsure", "note": "any other column"}\n' + line + "\n")
    with pytest.raises(InputError) as caught:
        read_verdicts([path])
    assert said in str(caught.value)


def test_verdicts_about_something_else_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="no verdict is about these data: there is no query 'x' or no passage 'y'"):
        export(run, run.config, verdicts=[lines(tmp_path / "v.jsonl", ("x", "y", "unsure"))], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wanted", [{"filters": ("verdict",)}, {"false_negatives": "adopt"}])
def test_nothing_goes_by_verdicts_that_are_not_there(wanted, run, tmp_path):
    with pytest.raises(ConfigError, match="verdicts="):
        export(run, MiningConfig.of(**{**run.config.model_dump(), **wanted}), out=tmp_path / "out")


def test_a_file_is_its_own_fixed_point(tmp_path):
    said = [Verdict("q", "p", "unsure", "Ada", "2026-11-24T12:00:00Z"), Verdict("é", "p", "true_negative"), Verdict("q", "p", "unsure")]
    words = latest_verdicts(said)
    (tmp_path / "v.jsonl").write_bytes(b"".join(verdict.line() for verdict in words))
    assert read_verdicts([tmp_path / "v.jsonl"]) == words == [said[2], said[1]]
