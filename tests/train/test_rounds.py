"""The loop: rounds, the notebook, stop rules, resuming; choices against plain sets."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import model_with_code

from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError, InputError, ModelError
from miner.read import read_beir
from miner.train import LoopConfig, TrainConfig, loop
from miner.train.hold_out import hidden_of, hide
from miner.train.negatives import AnchorResult
from miner.train.notebook import Notebook
from miner.train.round_report import best_round, changes, stop_reason
from miner.train.rounds import anchors_of

pytestmark = pytest.mark.slow


def settings(model, **more):
    training = TrainConfig.of(model=str(model), steps=4, train_batch_size=8, learning_rates=(0.3,), eval_every=2)
    mining = MiningConfig.of(negatives=3, filters=("margin:relative=0,background=0",))
    return training, mining, LoopConfig.of(**{"rounds": 3, "epsilon": 0.0, "wait": 9, "same": 1.0, "easy": 2.0, **more})


def inputs(folder, split):
    return Inputs.of(data=str(folder), split=(split,))


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.name in KEPT}


KEPT = {"model.safetensors", "delta.json", "anchors.json", "training.jsonl", "notebook.parquet", "loop.json"}


@pytest.fixture(scope="module")
def whole(tiny_model, tiny_folder, tmp_path_factory):
    """A loop of three rounds, never interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return loop(inputs(tiny_folder, "train"), *settings(tiny_model), out=out, dev=inputs(tiny_folder, "dev"))


def test_rounds_follow_each_other(whole):
    """Each a run folder with a delta; old negatives are half at most; the notebook knows every negative that was trained on."""
    assert [each["round"] for each in whole.report["rounds"]] == [1, 2, 3]
    book = Notebook.load(whole.folder / "notebook.parquet")
    trained = set()
    for turn in (1, 2, 3):
        folder = whole.folder / f"round-{turn}"
        assert (folder / "mined" / "report.html").is_file()
        for (query, _), anchor in anchors_of(folder).items():
            assert 1 <= len(anchor.negatives) == len(set(anchor.negatives)) <= 3
            trained |= {(query, passage) for passage in anchor.negatives}
        delta = json.loads((folder / "delta.json").read_text())
        assert delta["retained"] <= delta["retained"] + delta["refreshed"]
        assert (delta["retained"] == 0) if turn == 1 else delta["retained"] > 0
    assert set(book.entries) <= trained
    assert all(entry.times_wrong <= entry.last_round - entry.first_round + 1 for entry in book.entries.values())
    scores = {each["round"]: each["dev"] for each in whole.report["rounds"]}
    best = whole.folder / f"round-{max(scores, key=lambda turn: (scores[turn], -turn))}" / "model" / "model.safetensors"
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
    with pytest.raises(ConfigError, match=r"another loop\.retain"):
        loop(data, *settings(tiny_model, retain=0.1), out=tmp_path / "out", dev=dev, resume=True)
    loop(data, *settings(tiny_model), out=tmp_path / "out", dev=dev, resume=True)
    assert content(tmp_path / "out").keys() == content(whole.folder).keys()
    different = [name for name, data in content(tmp_path / "out").items() if data != content(whole.folder)[name]]
    assert different == []


def test_only_what_is_wrong_and_nothing_kept(tiny_model, tiny_folder, tmp_path):
    """retain 0 keeps nothing from the last round; only_wrong trains on fewer; continuing starts where the last round ended."""
    data = inputs(tiny_folder, "train")
    more = {"rounds": 2, "retain": 0.0, "only_wrong": True, "start": "last"}
    done = loop(data, *settings(tiny_model, **more), out=tmp_path / "out")
    assert [each["retained"] for each in done.report["rounds"]] == [0, 0]
    assert done.report["best"] == 2
    assert done.report["rounds"][0]["missing"] > 0


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
    said.write_text("")
    with pytest.raises(ConfigError, match="begun with another verdicts"):
        loop(data, *settings(tiny_model, rounds=2), out=tmp_path / "out", resume=True)


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


def delta(turn, dev, jaccard=None, rate=None, before=0.5):
    return {"round": turn, "dev": dev, "dev_before": before, "jaccard": jaccard, "false_negatives": rate}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([delta(1, 0.6)], None),
        ([delta(1, 0.501)], "no gain"),
        ([delta(1, 0.6), delta(2, 0.601)], "no gain"),
        ([delta(1, 0.6), delta(2, 0.7, 0.95)], "95% of the negatives"),
        ([delta(1, 0.6, None, 0.01), delta(2, 0.7, 0.3, 0.03)], "false negatives rose to 3.0% from 1.0%"),
        ([delta(1, 0.6, None, 0.01), delta(2, 0.7, 0.3, 0.02)], None),
        ([delta(1, None), delta(2, None, 0.5)], None),
    ],
)
def test_stop_rules(told, said):
    """No gain, the same negatives, doubled false negatives; without dev only the last two."""
    reason = stop_reason(told, LoopConfig.of())
    assert (reason is None) if said is None else said in reason


def test_the_best_round_is_the_earliest_of_equals():
    """By dev; the last where there is none."""
    assert best_round([delta(1, 0.6), delta(2, 0.7), delta(3, 0.7)]) == 2
    assert best_round([delta(1, None), delta(2, None)]) == 2


def test_the_notebook_forgets_the_lowest(tmp_path):
    """At most so many of one query; statuses and counts go through the file."""
    book = Notebook()
    for place in range(4):
        book.record_training(1, "q", f"p{place}", place / 10, wrong=place > 1)
    book.record_training(2, "q", "p3", 0.9, wrong=True)
    book.update("q", "p2", float("nan"), "easy")
    assert book.cap(2) == 2
    book.save(tmp_path / "n.parquet")
    again = Notebook.load(tmp_path / "n.parquet")
    assert set(again.entries) == {("q", "p3"), ("q", "p1")}
    assert (again.entries["q", "p3"].times_wrong, again.entries["q", "p3"].first_round, again.entries["q", "p3"].last_round) == (2, 1, 2)
    assert again.counts() == {"active": 2}


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
