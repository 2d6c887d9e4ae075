"""A judge's thresholds are quantiles of its own scores, and its verdicts follow from them."""

import numpy as np
import pytest
from judged import RULE, config_of, scores_of, small
from tiny import bare_model
from typer.testing import CliRunner

from app.cli import app
from miner.analysis.calibrate import calibrate
from miner.analysis.judge_verdicts import judge_verdicts
from miner.errors import ConfigError
from miner.runs.run import export, mine


@pytest.fixture(scope="module")
def cross(tmp_path_factory):
    return str(bare_model(tmp_path_factory.mktemp("cross") / "model", "BertForSequenceClassification", num_labels=1, initializer_range=2.0))


@pytest.fixture
def run(tiny_model, cross, tmp_path):
    return mine(small(tmp_path / "given"), config_of(tiny_model, cross, ",pairs=all,first=12"), out=tmp_path / "run")


def test_thresholds_are_quantiles(run, cross):
    """Of positives the scores that a model gives by itself; of random pairs none that is a positive."""
    told = calibrate(run, pairs=400)["cross-encoder"]
    scores = scores_of(cross, run.dataset)
    positives = [scores[f"q{i}", f"p{i + step}"] for i in range(6) for step in (0, 10)]
    others = [value for (query, passage), value in scores.items() if int(passage[1:]) - int(query[1:]) not in (0, 10)]
    assert told["loose"]["score"] == pytest.approx(np.quantile(positives, 0.25), abs=1e-5)
    assert told["scores"]["positive"]["mean"] == pytest.approx(np.mean(positives), abs=1e-5)
    assert told["loose"]["positives_above"] == pytest.approx(0.75)
    assert told["scores"]["random"]["max"] <= max(others) + 1e-5
    assert told["scores"]["random"]["mean"] == pytest.approx(np.mean(others), abs=0.1)
    assert calibrate(run, pairs=400) == calibrate(run, pairs=400)


def test_its_flag_does_what_it_says(run, tmp_path):
    """An export with the flag holds no negative above the threshold."""
    strict = calibrate(run)["cross-encoder"]["strict"]
    spec = strict["flag"].removeprefix("--filter ")
    chosen = export(run, run.config.with_filters(spec, f"{RULE.partition(',')[0]},off"), out=tmp_path / "strict")
    assert chosen.report["counts"]["dropped"][spec.rpartition(",")[0]] >= 0


def test_verdicts_follow_from_thresholds(run, cross, tmp_path):
    """Each scored candidate beyond a threshold once, no known positive; adopted, they are positives of their queries."""
    found = list(judge_verdicts(run, "cross-encoder", relevant_above=0.7, negative_below=0.2))
    scores = scores_of(cross, run.dataset)
    assert {verdict.verdict for verdict in found} == {"false_negative", "true_negative"}
    for verdict in found:
        value = scores[verdict.query_id, verdict.passage_id]
        assert value > 0.7 - 1e-5 if verdict.verdict == "false_negative" else value < 0.2 + 1e-5
        assert int(verdict.passage_id[1:]) - int(verdict.query_id[1:]) not in (0, 10)
        assert verdict.why.startswith("score ")
    words = ["verdicts", str(run.folder), "--by", "cross-encoder", "--relevant-above", "0.7", "--out", str(tmp_path / "v.jsonl")]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    config = run.config.model_copy(update={"false_negatives": "adopt", "output_format": "triplet"})
    adopted = export(run, config, verdicts=[tmp_path / "v.jsonl"], out=tmp_path / "adopted")
    pairs = {(row["anchor_id"], row["positive_id"]) for row in adopted.rows()}
    assert pairs & {(verdict.query_id, verdict.passage_id) for verdict in found if verdict.verdict == "false_negative"}


def test_what_cannot_be_is_told(run, tiny_model, tmp_path):
    plain = mine(small(tmp_path / "other"), config_of(tiny_model), out=tmp_path / "plain")
    with pytest.raises(ConfigError, match="has no second judge"):
        calibrate(plain)
    with pytest.raises(ConfigError, match="has no judge 'bi-encoder'; its judges: cross-encoder"):
        judge_verdicts(run, "bi-encoder", relevant_above=1)
    with pytest.raises(ConfigError, match="a threshold is needed"):
        judge_verdicts(run, "cross-encoder")
    with pytest.raises(ConfigError, match="the first may not be larger"):
        judge_verdicts(run, "cross-encoder", relevant_above=0.1, negative_below=0.5)


def test_the_command_prints_flags(run):
    """A table of scores and two thresholds."""
    told = CliRunner().invoke(app, ["calibrate", str(run.folder), "--pairs", "50"], catch_exceptions=False)
    assert told.exit_code == 0
    assert "--filter max_score:by=cross-encoder,score=" in told.stdout
    assert "random pairs" in told.stdout
