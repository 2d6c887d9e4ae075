"""The log of a training: events in order, looks by step, the sample of rows, hashes of a model's folder."""

import json

import numpy as np
import pytest

from miner.errors import NoRunError
from miner.train.looks import row_numbers
from miner.train.training_log import events, log_lines, look_line, looks, rows_event
from miner.train.training_report import differences, file_hashes, open_report, saved_checkpoint
from miner.train.training_rows import TrainingColumns

HISTORY = [
    {"step": 1, "loss": 2.0, "grad_norm": 0.5, "learning_rate": 0.0, "epoch": 0.1},
    {"step": 2, "eval_dev": 0.5, "eval_dev_mrr@10": 0.25, "eval_dev_recall@10": 0.75, "eval_runtime": 1.25},
    {"step": 2, "loss": 1.0, "grad_norm": 0.25, "learning_rate": 0.1, "epoch": 0.2},
    {"step": 2, "train_loss": 1.5, "train_runtime": 3.5},
]
NUMBERS = {"rows": 2, "above": 0.5, "margin": 0.0, "gradient_mass": 0.5}
MEASURES = ("ndcg@10", "recall@10", "mrr@10")


def test_events_are_in_order_and_hold_no_times():
    """Step by step: loss, dev, rows; measures in the order of the settings, which the trainer's stored log has lost."""
    made = events(HISTORY, MEASURES, {"ndcg@10": 0.25}, [rows_event(0, NUMBERS), rows_event(2, NUMBERS)])
    assert [(event["step"], event["kind"]) for event in made] == [
        (0, "dev"), (0, "rows"), (1, "loss"), (2, "loss"), (2, "dev"), (2, "rows")
    ]  # fmt: skip
    assert list(made[4]["measures"].items()) == [("ndcg@10", 0.5), ("recall@10", 0.75), ("mrr@10", 0.25)]
    assert b"time" not in log_lines(made)
    assert [json.loads(line)["step"] for line in log_lines(made).splitlines()] == [0, 0, 1, 2, 2, 2]
    assert looks(made)[1] == {"step": 2, "dev": made[4]["measures"], "training_rows": NUMBERS}
    assert look_line(HISTORY[:3], "ndcg@10") == "step 2: loss 1.0000, dev ndcg@10 0.5000"


def test_the_sample_is_evenly_spaced_and_its_numbers_are_right():
    """Of ten rows three, from all of the file; by hand."""
    columns = {name: [f"{name}{i}" for i in range(10)] for name in ("anchor", "positive", "negative_1", "negative_2")}
    seen = []

    def encode(texts, side):
        seen.append(texts)
        angle = {"a": 0.0, "p": 0.5, "n": 1.0}
        return np.array([[np.cos(angle[text[0]] * (text[-1] != "6" or text[0] != "n")), np.sin(angle[text[0]])] for text in texts])

    numbers = row_numbers(TrainingColumns(columns), encode, 3)
    assert seen[0] == ["anchor0", "anchor3", "anchor6"]
    away, near, above = np.cos(0.5), np.cos(1.0), 1 / np.hypot(1.0, np.sin(1.0))
    gaps = np.array([[near - away] * 2, [near - away] * 2, [above - away] * 2])
    assert numbers["above"] == (above > away) / 3
    assert numbers["margin"] == pytest.approx(-gaps.mean())
    assert numbers["gradient_mass"] == pytest.approx((1 - 1 / (1 + np.exp(gaps / 0.05).sum(axis=1))).mean())
    assert row_numbers(TrainingColumns(columns), encode, 0) is None


@pytest.mark.parametrize(
    ("score", "stopped", "words"),
    [
        (None, 9, "step 6, the last one: without dev data nothing chooses"),
        (0.75, 9, "step 6, the best of 2 checkpoints on dev (ndcg@10 0.7500; 0.5000 before training)"),
        (0.25, 9, "step 6, the best of 2 checkpoints on dev (ndcg@10 0.2500), but none beats the model before training (0.5000)"),
        (0.75, 8, "; training stopped at step 8 of 9, after 2 looks without a gain"),
    ],
)
def test_why_a_checkpoint_is_the_model(score, stopped, words):
    """In one sentence."""
    history = [] if score is None else [(0, 0.5), (4, 0.2), (6, score)]
    made = {"steps": 6, "dev_score": score, "steps_planned": 9, "stopped_at": stopped, "dev_measure": "ndcg@10", "history": history}
    assert words in saved_checkpoint({**made, "config": {"patience": 2}})


def test_a_changed_file_is_named(tmp_path):
    """A card may be edited, files may be added; a model of an earlier version has no hashes, and its report opens."""
    for name in ("model.bin", "sub/config.json", "README.md", "gone.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = {"history": [[0, 0.5], [2, 0.75]], "dev_measure": "mrr@10", "dev_score": 0.75, "steps": 2, "stopped_at": 2, "loss": [[1, 2.0]]}
    (tmp_path / "training.json").write_text(json.dumps(before))
    assert open_report(tmp_path)["looks"][1]["dev"] == {"mrr@10": 0.75}
    with pytest.raises(NoRunError, match="by an earlier version, which stored no hashes"):
        list(differences(tmp_path))
    (tmp_path / "training.json").write_text(json.dumps({**before, "files": file_hashes(tmp_path)}))
    assert list(differences(tmp_path)) == []
    (tmp_path / "sub/config.json").write_text("other")
    (tmp_path / "README.md").write_text("edited")
    (tmp_path / "gone.bin").unlink()
    assert [line.partition(":")[0] for line in differences(tmp_path)] == ["gone.bin is missing", "sub/config.json has changed"]


def test_one_ranking_gives_every_dev_measure(tiny_model, tiny_folder, monkeypatch):
    """However many are watched; the one that chooses comes first."""
    from miner.config import Inputs, Runtime
    from miner.encode import load_encoder
    from miner.evaluation import compare
    from miner.read import read
    from miner.train import TrainConfig
    from miner.train.looks import dev_means
    from miner.train.training import FitContext

    ranked = []
    original = compare.rank
    monkeypatch.setattr("miner.evaluation.compare.rank", lambda *words: ranked.append(words[2]) or original(*words))
    config = TrainConfig.of(model=str(tiny_model), dev_measure="mrr@5", watch=("recall@20", "mrr@5", "f1@10", "recall@20"))
    dev = read(Inputs.of(data=str(tiny_folder), split=("dev",)), None, 1, complete=True)
    encoder = load_encoder(config.encoding(), Runtime.of())
    means = dev_means(FitContext(config, TrainingColumns({}), Runtime.of(), tiny_folder, dev), encoder, encoder.model)
    assert ranked == [20]
    assert list(means) == ["mrr@5", "recall@20", "f1@10"]
