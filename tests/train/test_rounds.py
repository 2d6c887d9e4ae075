"""The loop: rounds, the notebook, stop rules, resuming; choices against plain sets."""

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from tiny import model_with_code

from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError, InputError, ModelError
from miner.formats import read_training
from miner.read import read_beir
from miner.runs.run import Run
from miner.runs.variation_file import read_variations
from miner.train import LoopConfig, TrainConfig, loop, train
from miner.train.continuation import Continuation
from miner.train.hold_out import hidden_of, hide
from miner.train.negatives import AnchorResult
from miner.train.notebook import Notebook
from miner.train.round_report import best_round, changes, stop_reason
from miner.train.round_stages import anchors_of

pytestmark = pytest.mark.slow


def settings(model, **more):
    training = TrainConfig.of(model=str(model), steps=4, train_batch_size=8, learning_rates=(0.3,), eval_every=2)
    mining = MiningConfig.of(negatives=3, filters=("margin:relative=0,background=0",))
    return training, mining, LoopConfig.of(**{"rounds": 3, "epsilon": 0.0, "wait": 9, "same": 1.0, "easy": 2.0, **more})


def inputs(folder, split):
    return Inputs.of(data=str(folder), split=(split,))


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.name in KEPT}


KEPT = {"model.safetensors", "delta.json", "anchors.json", "training.jsonl", "notebook.parquet", "loop.json", "dev.parquet"}


@pytest.fixture(scope="module")
def whole(tiny_model, tiny_folder, tmp_path_factory):
    """A loop of three rounds, never interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return loop(inputs(tiny_folder, "train"), *settings(tiny_model), out=out, dev=inputs(tiny_folder, "dev"))


def test_rounds_follow_each_other(whole):
    """Each a run folder with a delta; the notebook knows every negative that was trained on; dev chooses among all models."""
    assert [each["round"] for each in whole.report["rounds"]] == [1, 2, 3]
    trained = set()
    for turn in (1, 2, 3):
        folder = whole.folder / f"round-{turn}"
        assert (folder / "mined" / "report.html").is_file()
        for key, anchor in anchors_of(folder).items():
            assert 1 <= len(anchor.negatives) == len(set(anchor.negatives))
            trained |= {(key, passage) for passage in anchor.negatives}
        assert {(key, name) for key, name, _ in Notebook.load(folder / "notebook.parquet").entries()} == trained
    scores = {0: whole.report["before"]["ndcg@10"], **{each["round"]: each["dev"] for each in whole.report["rounds"]}}
    assert whole.report["best"] == max(scores, key=lambda turn: (scores[turn], -turn)) > 0
    best = whole.folder / f"round-{whole.report['best']}" / "model" / "model.safetensors"
    assert (whole.model / "model.safetensors").read_bytes() == best.read_bytes()


@pytest.mark.parametrize("stage", ["retrieve", "train"])
def test_interrupted_anywhere_it_goes_on(whole, tiny_model, tiny_folder, tmp_path, stage):
    """Killed in the second round, while mining or training: the same files in the end."""
    seen = []

    def stop(name, done, total):
        seen.append(name)
        if name == stage and (tmp_path / "out" / "round-2").exists():
            raise KeyboardInterrupt

    data, dev = inputs(tiny_folder, "train"), inputs(tiny_folder, "dev")
    with pytest.raises(KeyboardInterrupt):
        loop(data, *settings(tiny_model), out=tmp_path / "out", dev=dev, on_progress=stop)
    with pytest.raises(ConfigError, match="resume=True continues"):
        loop(data, *settings(tiny_model), out=tmp_path / "out", dev=dev)
    with pytest.raises(ConfigError, match=r"another loop\.notebook"):
        loop(data, *settings(tiny_model, notebook=2), out=tmp_path / "out", dev=dev, resume=True)
    loop(data, *settings(tiny_model), out=tmp_path / "out", dev=dev, resume=True)
    assert content(tmp_path / "out").keys() == content(whole.folder).keys()
    different = [name for name, data in content(tmp_path / "out").items() if data != content(whole.folder)[name]]
    assert different == []


@pytest.mark.parametrize("keep", ["notebook", "share"])
def test_variations_go_where_their_origins_go(tiny_model, tiny_folder, tmp_path, keep):
    """Each round trains on those of its own mining, made with its own model; none without its origin, and none is in the notebook."""
    training, mining, rules = settings(tiny_model, rounds=2, keep=keep)
    mining = mining.model_copy(update={"variations": ("delete:share=0.5,count=2",)})
    done = loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "out")
    for turn in (1, 2):
        folder = done.folder / f"round-{turn}"
        rows = list(read_training(folder / "training.jsonl"))
        names = {(row.query_id, name) for row in rows for name in row.ids[1:]}
        further = {(query, name.split("~")[0]) for query, name in names if "~" in name}
        assert further <= names
        assert further <= {(row["query_id"], row["passage_id"]) for row in read_variations(folder / "mined")}
        assert len(further) == done.report["rounds"][turn - 1]["variations"] > 5
        assert not any("~" in passage for _, passage, _ in Notebook.load(folder / "notebook.parquet").entries())
    texts = [{row["text"]: row["score"] for row in read_variations(done.folder / f"round-{turn}" / "mined")} for turn in (1, 2)]
    assert any(texts[0][text] != texts[1][text] for text in texts[0].keys() & texts[1].keys())


def test_a_judge_in_rounds(tiny_model, tiny_folder, tmp_path):
    """With keep=last every round's mining asks the judge, whose model does not change; the notebook is refused."""
    training, mining, rules = settings(tiny_model, rounds=2, keep="last")
    rule = {"judges": (f"bi-encoder:model={tiny_model}",), "filters": ("margin:by=bi-encoder,absolute=0.02",)}
    mining = mining.model_copy(update=rule)
    with pytest.raises(ConfigError, match="filter 'margin' goes by a second judge, which has not scored negatives of earlier rounds"):
        loop(inputs(tiny_folder, "train"), training, mining, LoopConfig.of(), out=tmp_path / "refused")
    done = loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "out")
    for turn in (1, 2):
        mined = Run(done.folder / f"round-{turn}" / "mined")
        assert mined.report["judges"]["bi-encoder"]["pairs"] > 0
        for row in read_training(done.folder / f"round-{turn}" / "training.jsonl"):
            assert len(row.ids) > 1


def test_only_what_is_wrong_and_nothing_kept(tiny_model, tiny_folder, tmp_path):
    """The last round's only; only_wrong trains on fewer; continuing starts where the last round ended."""
    data = inputs(tiny_folder, "train")
    more = {"rounds": 2, "keep": "last", "only_wrong": True, "start": "last"}
    done = loop(data, *settings(tiny_model, **more), out=tmp_path / "out")
    assert done.report["best"] == 2
    assert done.report["rounds"][0]["missing"] > 0


def one_training(model, **more):
    """Rounds of one training: four steps each, a falling rate, a dev set that chooses nothing."""
    training, mining, rules = settings(model, start="continue", **more)
    return training.model_copy(update={"schedule": "linear", "warmup": 0.25}), mining, rules


def test_rounds_of_one_training(tiny_model, tiny_folder, tmp_path):
    """The rate falls through all rounds, the optimiser goes on; killed in the second round, the same bytes; more rounds would be another."""
    data, dev = inputs(tiny_folder, "train"), inputs(tiny_folder, "dev")
    made = loop(data, *one_training(tiny_model), out=tmp_path / "whole", dev=dev)
    logs = [json.loads((made.folder / f"round-{turn}" / "model" / "training.json").read_text()) for turn in (1, 2, 3)]
    assert [log["steps"] for log in logs] == [4, 4, 4]
    rates = [
        event["learning_rate"] for turn in (1, 2, 3) for event in log_of(made.folder / f"round-{turn}" / "model") if event["kind"] == "loss"
    ]
    assert rates == pytest.approx([0.3 * min(step / 3, (12 - step) / 9) for step in range(12)])
    assert [path.parent.name for path in made.folder.glob("round-*/optimizer.pt")] == ["round-3"]

    def stop(name, done, total):
        if name == "train" and done == 3 and (tmp_path / "out" / "round-2").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop(data, *one_training(tiny_model), out=tmp_path / "out", dev=dev, on_progress=stop)
    loop(data, *one_training(tiny_model), out=tmp_path / "out", dev=dev, resume=True)
    assert content(tmp_path / "out") == content(made.folder)
    with pytest.raises(ConfigError, match=r"another loop\.rounds"):
        loop(data, *one_training(tiny_model, rounds=4), out=tmp_path / "out", dev=dev, resume=True)
    for change, match in (({"steps": None}, "give --steps|steps="), ({"learning_rates": (0.1, 0.2)}, "one learning rate, got 2")):
        training, mining, rules = one_training(tiny_model)
        with pytest.raises(ConfigError, match=match):
            loop(data, training.model_copy(update=change), mining, rules, out=tmp_path / "c", dev=dev)


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_parts_are_one_training(tiny_model, tiny_rows, tmp_path):
    """On rows that are one batch, so that their order says nothing: the weights of two parts are those of one training."""
    common = {"model": str(tiny_model), "train_batch_size": 16, "learning_rates": (0.1,), "warmup": 0.2, "batch_sampler": "shuffle"}
    whole = train(tiny_rows, TrainConfig.of(**common, steps=10), out=tmp_path / "whole").folder
    half = TrainConfig.of(**common, steps=5)
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
    train(tiny_rows, half, out=tmp_path / "first", continuation=Continuation(None, places[0], 0, 10))
    second = half.model_copy(update={"model": str(tmp_path / "first")})
    train(tiny_rows, second, out=tmp_path / "second", continuation=Continuation(places[0], places[1], 5, 10))
    one, two = (SentenceTransformer(str(folder)).encode(["w1", "w7 w9"]) for folder in (whole, tmp_path / "second"))
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    train(tiny_rows, second, out=tmp_path / "third", continuation=Continuation(None, places[1], 5, 10))
    assert not np.allclose(SentenceTransformer(str(tmp_path / "third")).encode(["w1", "w7 w9"]), one, rtol=1e-3, atol=1e-4)


def test_errors_of_a_later_model_are_no_warning_for_the_base(tiny_model, tiny_folder, tmp_path):
    """What scores above its positive under the model before training is reported for the round that this model mined, and for no other."""
    training, mining, rules = settings(tiny_model, rounds=2)
    mining = mining.model_copy(update={"filters": ("margin:off", "near_positive:off", "nearest:off")})
    made = loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "out")
    assert [any("scores above the positive" in text for text in each["warnings"]) for each in made.report["rounds"]] == [True, False]


def test_verdicts_are_heard_in_every_round(whole, tiny_model, tiny_folder, tmp_path):
    """What is called a false negative is no round's negative; other words are another loop."""
    (query, _), first = next((key, anchor) for key, anchor in anchors_of(whole.folder / "round-1").items() if anchor.negatives)
    said = tmp_path / "said.jsonl"
    said.write_text(json.dumps({"query_id": query, "passage_id": first.negatives[0], "verdict": "false_negative"}) + "\n")
    data = inputs(tiny_folder, "train").model_copy(update={"verdicts": (str(said),)})
    made = loop(data, *settings(tiny_model, rounds=2), out=tmp_path / "out")
    for turn in (1, 2):
        told = {key[0]: anchor.negatives for key, anchor in anchors_of(made.folder / f"round-{turn}").items()}
        assert first.negatives[0] not in told[query]


def anchor(*names):
    return AnchorResult(names, 1, 0.1, 0.2)


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde")), st.integers(1, 9), st.integers(1, 9)), min_size=1
    )
)
def test_changes_plainly(rows):
    """Jaccard and rank shift, one anchor at a time."""
    now = {(str(i), ""): AnchorResult(tuple(a), r, 0.0, 0.0) for i, (a, _, r, _) in enumerate(rows)}
    then = {(str(i), ""): AnchorResult(tuple(b), s, 0.0, 0.0) for i, (_, b, _, s) in enumerate(rows)}
    told = changes(now, then)
    shared = [len(a & b) / len(a | b) for a, b, _, _ in rows if a | b]
    assert told["jaccard"] == (pytest.approx(sum(shared) / len(shared)) if shared else None)
    assert told["rank_shift"]["better"] == pytest.approx(sum(r < s for _, _, r, s in rows) / len(rows))
    assert changes(now, {})["rank_shift"] is None


def delta(turn, gain=None, jaccard=None, hidden=None, dev=None):
    """gain: (mean, low, high). hidden: hidden positives among 1,000 negatives, the share ± 1 point."""
    counts = hidden and {"hidden": hidden, "negatives": 1000, "interval": (hidden / 1000 - 0.01, hidden / 1000 + 0.01)}
    gain = gain and {"over": 0, "mean": gain[0], "interval": gain[1:]}
    return {"round": turn, "dev": dev, "gain": gain, "jaccard": jaccard, "false_negative_counts": counts}


GOOD, NONE, UNSURE = (0.1, 0.05, 0.15), (-0.01, -0.02, 0.001), (0.001, -0.02, 0.02)


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [
        ([delta(1, GOOD)], None),
        ([delta(1, NONE)], r"no gain of 0.002 on dev: -0.0100, between -0.0200 and \+0.0010"),
        ([delta(1, UNSURE)], None),
        ([delta(1, UNSURE), delta(2, UNSURE)], "no gain"),
        ([delta(1, UNSURE), delta(2, GOOD), delta(3, UNSURE)], None),
        ([delta(1, GOOD), delta(2, GOOD, 0.95)], "95% of the negatives"),
        ([delta(1, GOOD, None, 20), delta(2, GOOD, 0.3, 50)], r"false negatives rose to 5.0% \(50 of 1,000\) from 2.0%"),
        ([delta(1, GOOD, None, 4), delta(2, GOOD, 0.3, 12)], None),
        ([delta(1, GOOD, None, 20), delta(2, GOOD, 0.3, 40)], None),
        ([delta(1), delta(2, None, 0.5)], None),
    ],
)
def test_stop_rules(rounds, reason):
    """No gain, twice where dev cannot decide; the same negatives; false negatives doubled, where the counts can decide."""
    stopped = stop_reason(rounds, LoopConfig.of())
    assert (stopped is None) if reason is None else re.search(reason, stopped)


def test_the_best_round_is_the_earliest_of_equals():
    """By dev, the model before training among them; the last where there is none."""
    rounds = [delta(1, dev=0.6), delta(2, dev=0.7), delta(3, dev=0.7)]
    assert best_round(rounds, 0.5) == best_round(rounds) == 2
    assert best_round(rounds, 0.7) == 0
    assert best_round([delta(1), delta(2)]) == 2


def test_where_no_round_helps_the_model_before_training_is_the_result(tiny_model, tiny_folder, tmp_path):
    """A rate so small that nothing changes: best 0, and the folder holds the base model."""
    training, mining, rules = settings(tiny_model, rounds=1)
    training = training.model_copy(update={"learning_rates": (1e-12,)})
    made = loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "out", dev=inputs(tiny_folder, "dev"))
    assert made.report["best"] == 0
    assert made.report["rounds"][0]["gain"]["interval"] == [0, 0] or made.report["rounds"][0]["gain"]["interval"] == (0.0, 0.0)
    base = SentenceTransformer(str(tiny_model)).encode(["w1 w2"])
    assert (SentenceTransformer(str(made.model)).encode(["w1 w2"]) == base).all()


def test_held_out_positives(tiny_folder, tmp_path):
    """One positive of each query stays, the others are named; too few to measure is said."""
    folder = tmp_path / "beir"
    shutil.copytree(tiny_folder, folder)
    lines = [f"q{i:02}\tp{j}\t1\n" for i in range(40) for j in (i, i + 1, i + 2)]
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    with pytest.raises(InputError, match="there are 40"):
        hide(read_beir(str(folder), tmp_path / "a", split=("train",)), tmp_path / "a", 0)


def test_hidden_ones_are_not_shown(tiny_folder, tmp_path, monkeypatch):
    """Shown and hidden are all positives; mining sees one of each query."""
    monkeypatch.setattr("miner.train.hold_out.MIN_QUERIES", 1)
    folder = tmp_path / "beir"
    shutil.copytree(tiny_folder, folder)
    lines = [f"q{i:02}\tp{j}\t1\n" for i in range(20) for j in ((i, i + 1) if i % 2 else (i,))]
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    whole = read_beir(str(folder), tmp_path / "data", split=("train",))
    told = {name: set(whole.corpus.ids(whole.qrels.positives(row))) for row, name in enumerate(whole.queries.ids(range(20)))}
    hide(whole, tmp_path / "data", 0)
    shown, hidden = type(whole).open(tmp_path / "data"), hidden_of(tmp_path / "data")
    for row, name in enumerate(shown.queries.ids(range(20))):
        left = set(shown.corpus.ids(shown.qrels.positives(row)))
        assert len(left) == 1
        assert left | hidden.get(name, set()) == told[name]


def test_what_a_loop_cannot_decide_is_refused_before_anything_is_read(tiny_folder, tmp_path):
    """Which of several rates is the best, without dev data; and what standard input says in the second round."""
    data, mining, rules = inputs(tiny_folder, "train"), MiningConfig.of(), LoopConfig.of()
    with pytest.raises(ConfigError, match="several learning rates and nothing that chooses among them: give dev data, or one rate"):
        loop(data, TrainConfig.of(model="m", learning_rates=(0.1, 0.2)), mining, rules, out=tmp_path / "out")
    piped = Inputs.of(data=str(tiny_folder), verdicts=("-",))
    with pytest.raises(ConfigError, match="verdicts are read again in every round: name a file, not '-'"):
        loop(piped, TrainConfig.of(model="m"), mining, rules, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_settings(tiny_model, tiny_folder, tmp_path):
    """In one sentence."""
    with pytest.raises(ConfigError, match="easy has to be larger"):
        LoopConfig.of(wrong=0.5, easy=0.4)
    training, mining, rules = settings(tiny_model)
    with pytest.raises(ConfigError, match="no model is named"):
        loop(inputs(tiny_folder, "train"), TrainConfig.of(), mining, rules, out=tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("mine")
    with pytest.raises(ConfigError, match="holds something else"):
        loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "b")


def test_code_that_the_base_may_run_its_rounds_may_run(tiny_model, tiny_folder, tmp_path):
    """The code of a round's model is that of the base, file for file; the loop goes on with it, and with no other."""
    entry = model_with_code(tiny_model, tmp_path / "own")
    training, mining, rules = settings(tmp_path / "own", rounds=2, start="last")
    options = {"out": tmp_path / "out", "dev": inputs(tiny_folder, "dev"), "runtime": Runtime.of(device="cpu", allow_code=(entry,))}
    loop(inputs(tiny_folder, "train"), training, mining, rules, **options)
    assert json.loads((tmp_path / "out" / "round-2" / "mined" / "manifest.json").read_text())["model"]["code"]
    shutil.rmtree(tmp_path / "out" / "round-2")
    done = json.loads((tmp_path / "out" / "loop.json").read_text())
    (tmp_path / "out" / "loop.json").write_text(json.dumps({"identity": done["identity"]}))
    (tmp_path / "out" / "round-1" / "model" / "number.py").write_text("FACTOR = 3\n")
    with pytest.raises(ModelError, match="wants to run code of its own"):
        loop(inputs(tiny_folder, "train"), training, mining, rules, **options, resume=True)
