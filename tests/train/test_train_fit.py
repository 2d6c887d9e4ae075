"""A training run: an ordinary model folder, the same again, resumed, refused in one sentence."""

import hashlib
import json

import pytest

from miner.config import Inputs, MiningConfig
from miner.errors import ConfigError, InputError, ModelError
from miner.formats import TrainingRow
from miner.train import TrainConfig, train
from miner.train.parts import BATCH_SAMPLERS, LOSSES

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")


def weights(folder):
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*.safetensors")}


def config(model, **more):
    return TrainConfig.of(**{"model": str(model), "steps": 6, "train_batch_size": 4, "learning_rates": (0.05,), **more})


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_trains_a_transformer(tiny_bert, tiny_rows, tmp_path, loss):
    """From the table: finite, the weights move, the folder loads and its card tells how it was made."""
    from sentence_transformers import SentenceTransformer

    knob = {"gist": "guide", "guided": "guide", "batch_kl": "teacher", "embed_distill": "teacher"}.get(loss)
    told = f"{loss}:{knob}={tiny_bert}" if knob else loss
    done = train(tiny_rows, config(tiny_bert, loss=told, steps=2), out=tmp_path / "out")
    assert weights(done.folder) != weights(tiny_bert)
    SentenceTransformer(str(done.folder), device="cpu")
    assert f"Loss `{loss}" in (done.folder / "README.md").read_text()
    assert not (tmp_path / "out.checkpoints").exists()


@pytest.mark.parametrize("batches", list(BATCH_SAMPLERS))
def test_every_batch_sampler_trains_a_static_model(tiny_model, tiny_rows, tmp_path, batches):
    """From the table, and the same bytes twice."""
    made = [train(tiny_rows, config(tiny_model, batch_sampler=batches), out=tmp_path / name) for name in "ab"]
    assert weights(made[0].folder) == weights(made[1].folder) != weights(tiny_model)


def test_dev_chooses_and_what_was_killed_goes_on(tiny_bert, tiny_folder, tmp_path, monkeypatch):
    """Interrupted after four of eight steps, resumed: the same weights as never interrupted, and the best checkpoint kept."""
    data, dev = Inputs.of(data=str(tiny_folder), split=("train",)), Inputs.of(data=str(tiny_folder), split=("dev",))
    settings = config(tiny_bert, steps=8, eval_every=2, patience=0)
    whole = train(data, settings, out=tmp_path / "whole", dev=dev)
    assert [step for step, _ in whole.report["history"]] == [0, 2, 4, 6, 8]
    assert whole.report["dev_score"] == max(score for step, score in whole.report["history"] if step)

    def stop(stage, done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, settings, out=tmp_path / "cut", dev=dev, on_progress=stop)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(ConfigError, match="resume=True continues"):
        train(data, settings, out=tmp_path / "cut", dev=dev)
    with pytest.raises(ConfigError, match="another seed"):
        train(data, settings.model_copy(update={"seed": 9}), out=tmp_path / "cut", dev=dev, resume=True)
    resumed = train(data, settings, out=tmp_path / "cut", dev=dev, resume=True)
    assert weights(resumed.folder) == weights(whole.folder)
    assert resumed.report["history"] == whole.report["history"]


def test_several_rates_and_dev_chooses(tiny_model, tiny_folder, tmp_path):
    """Both are told; the better one on dev is the model."""
    data, dev = Inputs.of(data=str(tiny_folder), split=("train",)), Inputs.of(data=str(tiny_folder), split=("dev",))
    done = train(data, config(tiny_model, learning_rates=(1e-6, 0.3)), out=tmp_path / "out", dev=dev)
    scores = {each["learning_rate"]: each["dev_score"] for each in done.report["rates"]}
    assert done.report["learning_rate"] == max(scores, key=scores.get)
    with pytest.raises(ConfigError, match="nothing that chooses"):
        train(data, config(tiny_model, learning_rates=(1e-6, 0.3)), out=tmp_path / "b")


def test_pairs_are_mined_first(tiny_model, tiny_world, tmp_path):
    """With a mining config, rows have negatives; without, none."""
    mined = train(tiny_world, config(tiny_model), out=tmp_path / "a", mining=MiningConfig.of(negatives=2))
    assert mined.report["rows"]["negatives"] == 2
    assert train(tiny_world, config(tiny_model), out=tmp_path / "b").report["rows"]["negatives"] == 0


def test_pairs_are_mined_with_variations(tiny_model, tiny_world, tmp_path):
    """They are further negatives of the rows that train; the paraphrase is the function of the call."""
    mining = MiningConfig.of(negatives=2, filters=("margin:off",), variations=("delete:share=0.5", "paraphrase"))
    rows = train(tiny_world, config(tiny_model), out=tmp_path / "a", mining=mining, paraphrase=lambda text: f"{text} w59").report["rows"]
    assert rows["negatives"] == 4
    with pytest.raises(ConfigError, match="variation 'paraphrase' needs your function"):
        train(tiny_world, config(tiny_model), out=tmp_path / "b", mining=mining)


def test_warnings_that_help(tiny_model, tiny_rows, tmp_path):
    """Negatives above the positive; a row's own positive as another row's passage; a loss that is no number stops."""
    around = zip(tiny_rows, tiny_rows[1:] + tiny_rows[:1], strict=True)
    crossed = [type(row)(row.query, (row.passages[1], row.query, other.passages[1]), row.labels) for row, other in around]
    told = train(crossed, config(tiny_model, batch_sampler="shuffle"), out=tmp_path / "a").report
    assert any("scores above the positive" in text for text in told["warnings"])
    assert any("met their own positive" in text for text in told["warnings"])
    with pytest.raises(ModelError, match="no longer a number"):
        train(tiny_rows, config(tiny_model, learning_rates=(1e38,), steps=30), out=tmp_path / "b")


def asked(times, others):
    """One question so many times, and others that come once."""
    crowd = [TrainingRow("w0", (f"w{i + 1} w9 w9", f"w{i + 1} w8 w8"), (1, 0)) for i in range(times)]
    return crowd + [TrainingRow(f"w{i + 1}", (f"w{i} w{i + 1}", f"w{i} w3 w4"), (1, 0)) for i in range(others)]


def test_drop_last_goes_without_what_a_pass_leaves_over(tiny_model, tmp_path):
    """Thirty rows of one question: four of seven batches hold one row, and are told; with drop_last six full ones make the pass."""
    rows, knobs = asked(30, 21), {"train_batch_size": 8, "steps": None}
    kept = train(rows, config(tiny_model, **knobs), out=tmp_path / "kept").report
    assert kept["steps"] == 7
    assert any("4 of 7 batches had less than 25% of 8 rows" in text for text in kept["warnings"])
    full = train(rows, config(tiny_model, **knobs, drop_last=True), out=tmp_path / "full").report
    assert (full["steps"], full["config"]["drop_last"]) == (6, True)
    assert not any("had less than" in text for text in full["warnings"])
    for few, said in ((asked(0, 7), "drop_last leaves nothing of 7 rows in batches of 8"), (asked(9, 2), "no batch of 8 rows holds no")):
        with pytest.raises(ConfigError, match=said):
            train(few, config(tiny_model, **knobs, drop_last=True), out=tmp_path / "none")


def test_prompts_reach_the_trainer(tiny_bert, tiny_rows, tmp_path):
    """Other prompts, other weights."""
    made = [train(tiny_rows, config(tiny_bert, query_prompt=prompt), out=tmp_path / prompt.strip()) for prompt in ("w5 ", "w6 ")]
    assert weights(made[0].folder) != weights(made[1].folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"loss": "tripet"}, "there is no loss 'tripet'; there are: in_batch"),
        ({"loss": "in_batch:scal=3"}, "no knob 'scal'"),
        ({"loss": "gist"}, "needs a guide"),
        ({"loss": "guided"}, "needs a guide: write guided:guide=FOLDER"),
        ({"loss": "batch_kl"}, "needs a teacher: write batch_kl:teacher=FOLDER"),
        ({"loss": "embed_distill"}, "needs a teacher: write embed_distill:teacher=FOLDER"),
        ({"batch_sampler": "x"}, "there is no batch sampler 'x'"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"dev_measure": "ndcg"}, "no measure 'ndcg'"),
        ({"stepz": 3}, "there is no setting 'stepz'"),
    ],
)
def test_wrong_settings_are_one_sentence(values, said):
    """At config time, before any work."""
    with pytest.raises(ConfigError, match=said):
        TrainConfig.of(**values)


def test_wrong_use(tiny_model, tiny_rows, tmp_path):
    """Half precision without a GPU; scores that are not there; a folder that is taken."""
    with pytest.raises(ConfigError, match="needs a GPU"):
        train(tiny_rows, config(tiny_model, precision="fp16"), out=tmp_path / "a")
    bare = [type(row)(row.query, row.passages, row.labels) for row in tiny_rows]
    with pytest.raises(InputError, match="learns from scores"):
        train(bare, config(tiny_model, loss="margin_mse"), out=tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        train(tiny_rows, config(tiny_model), out=tmp_path / "c")


def test_training_json_tells_what_made_it(tiny_model, tiny_rows, tmp_path):
    """Config, rows with their hash, losses."""
    done = train(tiny_rows, config(tiny_model), out=tmp_path / "out")
    told = json.loads((done.folder / "training.json").read_text())
    assert told["config"]["learning_rates"] == [0.05]
    assert told["rows"]["rows"] == 16
    assert len(told["rows"]["sha256"]) == 64
