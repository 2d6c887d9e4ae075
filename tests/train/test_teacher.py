"""A second model's vectors beside a batch, and the losses that learn from them: plain twins, static models, resumed trainings."""

import hashlib

import numpy as np
import pytest
import torch
from test_distillation import kl, unit
from test_losses import SCALE, embeddings, info_nce, plain_rows
from test_plain_script import rows as dataset_of
from test_plain_script import trainer_of

from miner.config import Runtime
from miner.encode import load_encoder
from miner.errors import ConfigError
from miner.formats import TrainingRow
from miner.train import TrainConfig, connect, train
from miner.train.losses import BatchDistillation, Contrastive, EmbeddingDistillation, Guided
from miner.train.teacher import TeacherVectors, known, teacher_collator

pytestmark = pytest.mark.filterwarnings("ignore:'pin_memory' argument is set")


@pytest.fixture(scope="module")
def guide(tiny_model):
    return TeacherVectors(load_encoder(TrainConfig.of(model=str(tiny_model)).encoding(), Runtime.of()))


def guide_parts(dim=3):
    """Vectors of a second model of other dims."""
    draw = torch.Generator().manual_seed(9)
    parts = [torch.randn(6, dim, generator=draw, dtype=torch.float64) for _ in range(4)]
    return [part / part.norm(dim=1, keepdim=True) for part in parts]


@pytest.mark.parametrize(("margin", "relative"), [(0.0, False), (0.3, False), (-0.3, False), (0.4, True)])
@pytest.mark.parametrize("with_known", [True, False])
def test_guided_is_its_formula(guide, margin, relative, with_known):
    """In loops: what the guide places above the ceiling is no negative, nor is a known positive; a row without negatives does not count."""
    parts, guides, positives = embeddings(4), guide_parts(), torch.zeros(6, 18, dtype=torch.bool)
    positives[0, 7] = positives[3, 2] = True
    q, p = unit(parts[0]), np.concatenate([unit(part) for part in parts[1:]])
    gq, gp = guides[0].numpy(), torch.cat(guides[1:]).numpy()
    wanted = []
    for i in range(6):
        own = gq[i] @ gp[i]
        ceiling = own - (abs(own) * margin if relative else margin)
        left = [j for j in range(18) if j != i and gq[i] @ gp[j] <= ceiling and not (with_known and positives[i, j])]
        if left:
            wanted.append(info_nce(SCALE * q[i] @ p[i], [SCALE * q[i] @ p[j] for j in left]))
    loss = Guided(None, guide, SCALE, margin, relative, with_known).loss(parts, guides, positives)
    assert float(loss.detach()) == pytest.approx(np.mean(wanted), abs=1e-6)
    assert len(wanted) > 0


def test_batch_kl_is_its_formula(guide):
    """InfoNCE without known positives, and the divergence over all passages of the batch, in loops."""
    parts, guides, none = embeddings(4), guide_parts(), torch.zeros(6, 18, dtype=torch.bool)
    q, p = unit(parts[0]), np.concatenate([unit(part) for part in parts[1:]])
    gq, gp = guides[0].numpy(), torch.cat(guides[1:]).numpy()
    divergence = np.mean([kl(p @ q[i] / 0.2, gp @ gq[i] / 0.1) for i in range(6)])
    contrast = np.mean([info_nce(SCALE * a @ b, [SCALE * a @ n for n in others]) for a, b, others in plain_rows(parts)])
    loss = BatchDistillation(None, guide, SCALE, 3.0, 0.2, 0.1).loss(parts, guides, none)
    assert float(loss.detach()) == pytest.approx(contrast + 3.0 * 0.2**2 * divergence, abs=1e-6)


@pytest.mark.parametrize(("dim", "matrix"), [(4, False), (4, True), (3, False)])
def test_embed_distill_is_its_formula(guide, dim, matrix):
    """Squared distances of unit vectors, or of cosines where dims differ; beside a share of the in-batch loss."""
    parts, guides, none = embeddings(4), guide_parts(dim), torch.zeros(6, 18, dtype=torch.bool)
    units, teachers = [unit(part) for part in parts], [part.numpy() for part in guides]
    if matrix or dim != 4:
        gap = np.mean((units[0] @ np.concatenate(units[1:]).T - teachers[0] @ np.concatenate(teachers[1:]).T) ** 2)
    else:
        gap = np.mean([((a - b) ** 2).sum() for a, b in zip(np.concatenate(units), np.concatenate(teachers), strict=True)])
    contrast = float(Contrastive(None, SCALE).compute_loss_from_embeddings(parts).detach())
    loss = EmbeddingDistillation(None, guide, SCALE, 2.0, 0.5, matrix).loss(parts, guides, none)
    assert float(loss.detach()) == pytest.approx(2.0 * gap + 0.5 * contrast, abs=1e-6)


def test_vectors_are_looked_up_by_text(guide, tiny_model, tmp_path):
    """Those of the model, of unit length, in memory and from the store alike; each text is encoded once."""
    encoder = load_encoder(TrainConfig.of(model=str(tiny_model)).encoding(), Runtime.of())
    texts = ["w1 w2", "w3", "w1 w2", "w4 w4 w5"]
    stored = TeacherVectors(encoder)
    stored.use_cache(tmp_path)
    wanted = unit(torch.from_numpy(encoder.encode(texts, "passage")))
    for teacher in (guide, stored):
        teacher.learn(texts[:2], "passage")
        np.testing.assert_allclose(teacher.vectors(texts, "passage"), wanted, atol=1e-6)
    stored._encoder = None
    assert stored.vectors(texts, "passage").shape == wanted.shape


def test_a_text_without_a_vector_is_encoded_alone(guide):
    """What it gets does not depend on the texts beside it, so a resumed training has the same."""
    calls = []

    class Recorder:
        def encode(self, texts, side):
            calls.append(list(texts))
            return np.ones((len(texts), 2), np.float32)

    teacher = TeacherVectors(Recorder())
    teacher.learn(["w1", "w22", "w1"], "query")
    teacher.vectors(["w1", "w3", "w4", "w3"], "query")
    assert calls == [["w22", "w1"], ["w3"], ["w4"]]


@pytest.mark.parametrize("kind", ["CrossEncoder", "SparseEncoder"])
def test_models_that_these_losses_cannot_train_are_refused(kind, guide):
    """When the loss is made, as by the others."""
    for loss in (Guided, BatchDistillation, EmbeddingDistillation):
        with pytest.raises(ValueError, match=rf"^{loss.__name__} .*{kind}"):
            loss(type(kind, (), {})(), guide)


def test_known_positives_are_those_of_all_rows():
    """A passage of the batch that another row of the file names for the query."""
    assert known(["a", "b"], ["p", "q", "p"], {"a": ["p", "z"], "c": ["q"]}).tolist() == [[True, False, True], [False] * 3]


SPECS = ("guided:guide={}", "batch_kl:teacher={}", "embed_distill:teacher={},contrast=0.5")


@pytest.mark.parametrize("spec", SPECS)
def test_a_static_student_is_resumed_to_the_same_bytes(spec, tiny_model, tiny_bert, tmp_path):
    """With a transformer as the second model and changed queries: killed after three of six steps, the same weights."""
    rows = [TrainingRow(f"w{i} w{i + 1}", (f"w{i} w{i + 2}", f"w{i + 20}"), (1, 0)) for i in range(16)]
    settings = {"steps": 6, "train_batch_size": 4, "learning_rates": (0.05,), "changes": ("delete:share=0.5",), "eval_every": 2}
    config = TrainConfig.of(model=str(tiny_model), loss=spec.format(tiny_bert), **settings)

    def stop(stage, done, total):
        if done == 3:
            raise KeyboardInterrupt

    whole = train(rows, config, out=tmp_path / "whole", runtime=Runtime.of(cache=tmp_path / "c1"))
    cut = {"out": tmp_path / "cut", "runtime": Runtime.of(cache=tmp_path / "c2")}
    with pytest.raises(KeyboardInterrupt):
        train(rows, config, on_progress=stop, **cut)
    again = train(rows, config, resume=True, **cut)
    hashes = [
        [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(done.folder.rglob("*.safetensors"))] for done in (whole, again)
    ]
    assert hashes[0] == hashes[1] != []


def test_a_script_is_connected(guide, tiny_model, tmp_path):
    """Training and evaluation batches get vectors; without connect, and with several datasets, one sentence says so."""
    trainer = trainer_of(tiny_model, tmp_path, max_steps=2, eval_strategy="steps", eval_steps=1)
    trainer.loss = Guided(trainer.model, guide)
    with pytest.raises(ValueError, match=r"Guided finds no vectors of its teacher: call hardneg\.train\.connect\(trainer\)"):
        trainer.train()
    connect(trainer)
    trainer.train()
    assert any("eval_loss" in entry for entry in trainer.state.log_history)
    several = trainer_of(tiny_model, tmp_path)
    several.loss = {"a": Guided(several.model, guide)}
    with pytest.raises(ConfigError, match="train on one dataset, with one loss"):
        connect(several)
    with pytest.raises(ConfigError, match="wants an anchor and a positive"):
        teacher_collator(None, trainer.loss, {"anchor": dataset_of()["anchor"]})
