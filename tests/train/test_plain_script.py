"""Parts in a script of the user's own: what connect adds to a trainer of sentence-transformers, and what it refuses."""

import gc

import numpy as np
import pytest
from datasets import Dataset
from tiny import bare_model

from miner.errors import ConfigError
from miner.train import connect
from miner.train.augment import Una, WordDeletion
from miner.train.batches import HighLoss
from miner.train.draw import NegativeDraws
from miner.train.hardness import row_losses
from miner.train.losses import HardContrastive
from miner.train.parts import TrainingContext
from miner.train.training_rows import TrainingColumns

pytest.importorskip("accelerate")
pytestmark = pytest.mark.filterwarnings("ignore:'pin_memory' argument is set")


@pytest.fixture(autouse=True)
def small_garbage():
    """Every training collects garbage, which takes a second with all that is loaded."""
    gc.freeze()
    yield
    gc.unfreeze()


def rows(count=8, **more):
    columns = {"anchor": "w{} w1", "positive": "w{} w2", "negative_1": "w{} w3"}
    return Dataset.from_dict({name: [text.format(row) for row in range(count)] for name, text in columns.items()} | more)


def trainer_of(model, folder, train=None, **arguments):
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    settings = {"per_device_train_batch_size": 2, "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "use_cpu": True}
    student = SentenceTransformer(str(model), device="cpu")
    return SentenceTransformerTrainer(
        model=student,
        args=SentenceTransformerTrainingArguments(str(folder), **{**settings, "logging_steps": 1, **arguments}),
        train_dataset=train or rows(),
        eval_dataset=rows(4),
        loss=MultipleNegativesRankingLoss(student),
    )


class Witness:
    """A change that notes what it gets, and has a state."""

    def __init__(self):
        self.seen = []

    def __call__(self, batch, number):
        self.seen.append((number, [row["anchor"] for row in batch]))
        return [{**row, "anchor": "w9"} for row in batch]

    def state(self):
        return {"seen": len(self.seen)}

    def load(self, state):
        self.restored = state["seen"]


def test_changes_are_of_training_batches_alone(tiny_model, tmp_path):
    """Numbered from 0 over both passes; the rows of an evaluation after every step stay as they are."""
    trainer = trainer_of(tiny_model, tmp_path, num_train_epochs=2, eval_strategy="steps", eval_steps=1)
    inner, texts = trainer.data_collator, []
    witness = Witness()
    connect(trainer, witness, lambda batch, number: texts.extend(row["anchor"] for row in batch) or batch)
    trainer.train()
    assert [number for number, _ in witness.seen] == list(range(8))
    assert sorted(text for _, anchors in witness.seen for text in anchors) == sorted([f"w{row} w1" for row in range(8)] * 2)
    assert set(texts) == {"w9"}
    assert trainer.data_collator is inner


def test_a_sampler_gets_the_losses_of_training_batches(tiny_model, tmp_path, monkeypatch):
    """The log of every step is what it has recorded, in order; losses of evaluation batches are none of its own."""
    recorded, record = [], HighLoss.record_loss
    monkeypatch.setattr(HighLoss, "record_loss", lambda self, loss: recorded.append(loss) or record(self, loss))
    trainer = trainer_of(
        tiny_model, tmp_path, num_train_epochs=3, eval_strategy="steps", eval_steps=1, batch_sampler=HighLoss.of(delta=0.5)
    )
    connection = connect(trainer)
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert recorded == pytest.approx(logged, rel=1e-3)
    assert sorted(connection._samplers[0].counts) == [1, 1, 5, 5]


def test_high_loss_without_losses_is_an_error(tiny_model, tmp_path):
    """Not an ordinary training that nobody notices."""
    trainer = trainer_of(tiny_model, tmp_path, num_train_epochs=2, batch_sampler=HighLoss.of(delta=0.5))
    with pytest.raises(ConfigError, match=r"call hardneg\.train\.connect\(trainer\)"):
        trainer.train()


@pytest.mark.parametrize(("accumulated", "step"), [(1, 6), (2, 3)])
def test_a_resumed_script_goes_on(tiny_model, tmp_path, accumulated, step):
    """The number of the batch, the step of the loss, the losses of the sampler, the state of a change."""
    arguments = {"batch_sampler": HighLoss.of(delta=0.5), "save_strategy": "steps", "save_steps": 3, "num_train_epochs": 2}
    arguments["gradient_accumulation_steps"] = accumulated
    whole = trainer_of(tiny_model, tmp_path, **arguments)
    connect(whole, first := Witness())
    whole.train()
    part = trainer_of(tiny_model, tmp_path, **arguments)
    part.loss.step = 0
    connection = connect(part, again := Witness())
    part.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
    assert again.seen == first.seen[6:]
    assert again.restored >= 6
    assert part.loss.step == 6
    assert sum(connection._samplers[0].counts) == 8


class Wrong:
    """No trainer."""


LABELS = {"label": [1.0] * 8}
REFUSED = {
    "wants a trainer of sentence-transformers, got Wrong": (lambda make: Wrong(), ()),
    "such as WordDeletion": (lambda make: make(), (WordDeletion,)),
    "WordDeletion reads column question, and the training rows have anchor": (lambda make: make(), (WordDeletion(0.1, ("question",)),)),
    "NegativeDraws reads column negative_1": (lambda make: make(train=rows().remove_columns("negative_1")), (NegativeDraws({}),)),
    "Una brings negatives without labels": (lambda make: make(train=rows(**LABELS)), (Una(["w1 w2"]),)),
    "dataloader_num_workers has to be 0, got 2": (lambda make: make(dataloader_num_workers=2), (WordDeletion(),)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_one_sentence(tiny_model, tmp_path, message):
    build, changes = REFUSED[message]
    trainer = build(lambda **more: trainer_of(tiny_model, tmp_path, **more))
    with pytest.raises(ConfigError, match=message):
        connect(trainer, *changes)


def test_a_trainer_is_connected_once(tiny_model, tmp_path):
    trainer = trainer_of(tiny_model, tmp_path)
    connect(trainer)
    with pytest.raises(ConfigError, match="connected already"):
        connect(trainer)


def test_losses_of_several_datasets_alternate(tiny_model, tmp_path):
    """A sampler that learns from losses cannot tell them apart."""
    from datasets import DatasetDict

    trainer = trainer_of(tiny_model, tmp_path, train=DatasetDict(a=rows(), b=rows()), batch_sampler=HighLoss.of())
    connect(trainer, WordDeletion())
    with pytest.raises(ConfigError, match="train on one dataset"):
        trainer.train()


def test_a_context_measures_with_the_current_model(tiny_model):
    """As encode does, whatever the columns are called; training mode stays."""
    from sentence_transformers import SentenceTransformer

    model, train = SentenceTransformer(str(tiny_model), device="cpu"), rows(**LABELS)
    own = train.rename_columns({"anchor": "question", "positive": "answer", "negative_1": "wrong"})
    context = TrainingContext.of(model.train(), own)
    columns = TrainingColumns({name: list(train[name]) for name in ("anchor", "positive", "negative_1")})
    expected = row_losses(columns, lambda texts, side: model.encode(texts))
    np.testing.assert_allclose(row_losses(context.rows, context.encode_current), expected, rtol=1e-6)
    model.train()
    context.encode_current(["w1"], "query")
    assert model.training
    with pytest.raises(ConfigError, match="need an anchor and a positive, and have question"):
        TrainingContext.of(model, own.select_columns(["question", "label"]))
    with pytest.raises(ConfigError, match="Wrong gives no vectors"):
        TrainingContext.of(Wrong(), own)


def test_other_encoders_of_sentence_transformers(tmp_path):
    """A sparse one is measured with its own vectors and trained with dot products; a cross-encoder is refused by what needs vectors."""
    from sentence_transformers import CrossEncoder, SparseEncoder

    sparse = SparseEncoder(str(bare_model(tmp_path / "sparse", "BertForMaskedLM")), device="cpu")
    reranker = CrossEncoder(str(bare_model(tmp_path / "reranker", "BertForSequenceClassification", num_labels=1)), device="cpu")
    vectors = TrainingContext.of(sparse, rows()).encode_current(["w1 w2", "w3"], "query")
    np.testing.assert_allclose(vectors, sparse.encode(["w1 w2", "w3"]).to_dense().numpy(), rtol=1e-5)
    with pytest.raises(ConfigError, match="a CrossEncoder gives no vectors"):
        TrainingContext.of(reranker, rows())
    for model, message in ((sparse, "needs dot products"), (reranker, "does not give: take one of its own losses")):
        with pytest.raises(ValueError, match=message):
            HardContrastive(model)
