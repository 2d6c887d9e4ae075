"""The experiment with a transformer student: its texts, vectors, loss and cells are those of sentence-transformers and of the other student."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")
SCRIPTS = Path(__file__).parents[2] / "experiments" / "downstream"
DATA = ("--steps", "2", "--batch", "2", "--negatives", "2", "--seeds", "2", "--rates", "0.001,0.01")


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.fixture
def subject(tiny_bert, tiny_folder, tmp_path):
    from pieces import Subject

    return Subject("tiny", tiny_folder, tmp_path, str(tiny_bert), length=8)


def test_vectors_are_those_of_encode(subject):
    """Every text, cut and padded beside others, as the model itself gives it; half precision is near."""
    texts, every = subject.bags.texts, range(len(subject.bags.texts))
    wanted = subject.fresh.encode(texts, prompt="", normalize_embeddings=True)
    np.testing.assert_allclose(subject.bags.table(subject.fresh, every), wanted, atol=1e-5)
    np.testing.assert_allclose(subject.model.encode_document(texts[3:5]), wanted[3:5], atol=1e-5)
    np.testing.assert_allclose(subject.bags.table(subject.fresh, every, half=True), wanted, atol=0.05)


def test_steps_have_the_losses_and_weights_of_sentence_transformers(subject):
    """Three steps without dropout, theirs in a loop of their own; decay, clipping, warm-up."""
    import torch
    from fit import Plan, no_duplicates, share
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformer import trained

    for module in subject.fresh.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    subject.fresh[0].auto_model.config.attention_probs_dropout_prob = 0.0
    names = subject.bags.numbers(subject.bags.texts[:24])
    rows, plan = names.reshape(8, 3), Plan(0.01, 3, 4)
    model, losses = trained(subject, rows, plan, half=False)
    optimiser = torch.optim.AdamW(subject.fresh.parameters(), lr=1, weight_decay=plan.decay)
    batches, theirs = no_duplicates(rows, 4, 0), MultipleNegativesRankingLoss(subject.fresh.train())
    for step, found in enumerate(losses):
        optimiser.param_groups[0]["lr"] = 0.01 * share(step, 3)
        columns = rows[next(batches)].T
        value = theirs([subject.fresh.preprocess([subject.bags.texts[n] for n in column]) for column in columns], None)
        assert found == pytest.approx(value.item(), abs=1e-5)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(subject.fresh.parameters(), 1.0)
        optimiser.step()
    for one, other in zip(model.parameters(), subject.fresh.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_cells_are_made_once_and_dev_chooses_the_rate(tiny_bert, tiny_folder, tmp_path, monkeypatch, capsys):
    """Both rates with seed 0, the better one alone with seed 1; tables of what is there; nothing made twice."""
    import sys

    import transformer

    arms = "A0,A1,A1b,A2,A4,A8,A8k"  # A8n drops everything here: untrained, all texts lie close together
    call = ["transformer.py", f"--data=tiny={tiny_folder}", f"--student={tiny_bert}", f"--work={tmp_path}", f"--arms={arms}", *DATA]
    monkeypatch.setattr(sys, "argv", call)
    transformer.main()
    assert len(capsys.readouterr().out.splitlines()) == 1 + 6 * 3
    made = {path.name for path in (tmp_path / "cells" / "tiny" / "A8").iterdir()}
    assert made in ({"0.001-0", "0.001-1"}, {"0.01-0", "0.01-1"})
    assert "A8k ours, margin off" in (tmp_path / "downstream-transformer.md").read_text()
    transformer.main()
    assert capsys.readouterr().out == ""
