"""Each loss against a slow plain twin in float64: loops over rows, formulas as they are printed."""

import math

import numpy as np
import pytest
import torch

from miner.train.losses import Contrastive, HardContrastive, Informative, MixedNegatives, OnlineHard, SyntheticNegatives
from miner.train.losses.hard_contrastive import debiased

SCALE, ROWS, DIM = 5.0, 6, 4


def embeddings(columns=4, seed=0, rows=ROWS):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, DIM, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(columns)]


def plain_rows(parts):
    """[(query, positive, [negatives])] of unit vectors; copies of the positive are no negatives."""
    unit = [(part / part.norm(dim=1, keepdim=True)).detach().numpy() for part in parts]
    passages = np.concatenate(unit[1:])
    rows = []
    for i in range(len(unit[0])):
        others = [p for j, p in enumerate(passages) if j != i and p @ passages[i] < 1 - 1e-5]
        rows.append((unit[0][i], passages[i], others))
    return rows


def info_nce(positive, negatives):
    return -math.log(math.exp(positive) / (math.exp(positive) + sum(math.exp(n) for n in negatives)))


def test_plain_loss_equals_loops_and_sentence_transformers():
    """InfoNCE over the batch; without copies also MultipleNegativesRankingLoss."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    parts = embeddings()
    found = Contrastive(None, SCALE).compute_loss_from_embeddings(parts)
    told = [info_nce(SCALE * q @ p, [SCALE * q @ n for n in others]) for q, p, others in plain_rows(parts)]
    assert float(found.detach()) == pytest.approx(np.mean(told))
    assert float(found.detach()) == pytest.approx(
        float(MultipleNegativesRankingLoss(None, scale=SCALE).compute_loss_from_embeddings(parts, None).detach())
    )


def test_a_copy_of_the_positive_is_no_negative():
    """Two rows with one positive: neither pushes it away."""
    parts = embeddings(2)
    parts[1] = torch.cat([parts[1][:1], parts[1][:1], parts[1][2:]])
    told = [info_nce(SCALE * q @ p, [SCALE * q @ n for n in others]) for q, p, others in plain_rows(parts)]
    assert float(Contrastive(None, SCALE).compute_loss_from_embeddings(parts).detach()) == pytest.approx(np.mean(told))
    only = [torch.ones(3, 2, requires_grad=True), torch.ones(3, 2)]
    assert float(Contrastive(None).compute_loss_from_embeddings(only).detach()) == 0


@pytest.mark.parametrize(("beta", "tau"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.1), (1.0, 0.1), (2.0, 0.3), (0.5, 0.9)])
def test_hcl_is_its_formula(beta, tau):
    """R, Ng and the floor as printed; beta 0 and tau 0 is InfoNCE."""
    parts = embeddings(seed=3)
    told = []
    for q, p, others in plain_rows(parts):
        e = np.exp(SCALE * np.array([q @ n for n in others]))
        good, count = math.exp(SCALE * q @ p), len(others)
        mass = count * (e**beta * e).sum() / (e**beta).sum()
        mass = max((mass - tau * count * good) / (1 - tau), count * math.exp(-SCALE))
        told.append(-math.log(good / (good + mass)))
    found = HardContrastive(None, SCALE, beta, tau).compute_loss_from_embeddings(parts)
    assert float(found.detach()) == pytest.approx(np.mean(told))
    found.backward()
    assert all(torch.isfinite(part.grad).all() for part in parts)


def test_hcl_does_not_overflow():
    """Scale 100, beta 3, in float32: e^400 fits nowhere."""
    loss = debiased(torch.tensor([100.0]), torch.tensor([[99.0, 98.0, -torch.inf]]), 100.0, 3.0, 0.1)
    assert torch.isfinite(loss).all()


def test_mochi_adds_unit_points_between_hard_negatives_without_gradient():
    """The denominator is the plain one and scale × q·h for every mixture; each mixture lies where the paper says."""
    parts = embeddings(seed=1)
    loss = MixedNegatives(None, SCALE, hardest=3, pairs=5, towards=4, seed=7)
    unit = [torch.nn.functional.normalize(part.detach(), dim=1) for part in parts]
    passages = torch.cat(unit[1:])
    allowed = ~torch.eye(ROWS, len(passages), dtype=torch.bool)
    plain = (SCALE * unit[0] @ passages.T).masked_fill(~allowed, -torch.inf)
    mixed, there = loss.mixtures(plain, unit[0], passages)
    assert mixed.shape == (ROWS, 9, DIM)
    assert there.all()
    told = []
    for i in range(ROWS):
        pool = passages[plain[i].topk(3).indices].numpy()
        for h in mixed[i, :5].numpy():
            assert min(_off_the_arc(h, a, b, 1.0) for k, a in enumerate(pool) for b in pool[k + 1 :]) < 1e-6
        for h in mixed[i, 5:].numpy():
            assert min(_off_the_arc(h, n, unit[0][i].numpy(), 0.5) for n in pool) < 1e-6
        good = float(unit[0][i] @ passages[i]) * SCALE
        against = [*plain[i][allowed[i]].tolist(), *(SCALE * mixed[i] @ unit[0][i]).tolist()]
        told.append(info_nce(good, against))
    assert float(loss.compute_loss_from_embeddings(parts).detach()) == pytest.approx(np.mean(told))


def _off_the_arc(h, a, b, most):
    """How far h is from norm((1 - t) a + t b), 0 <= t <= most, over a fine grid refined at its best place."""
    low, high = 0.0, most
    for _ in range(6):
        grid = np.linspace(low, high, 60)
        points = (1 - grid)[:, None] * a + grid[:, None] * b
        gaps = np.linalg.norm(points / np.linalg.norm(points, axis=1, keepdims=True) - h, axis=1)
        step, best = (high - low) / 59, grid[int(gaps.argmin())]
        low, high = max(0.0, best - step), min(most, best + step)
    return gaps.min()


def test_mochi_waits_and_repeats_itself():
    """Nothing mixed in the warm-up; the same seed and step, the same loss; one negative alone makes no pair."""
    parts = embeddings()
    plain = float(Contrastive(None, SCALE).compute_loss_from_embeddings(parts).detach())
    waiting = MixedNegatives(None, SCALE, warmup=1)
    assert float(waiting.compute_loss_from_embeddings(parts).detach()) == pytest.approx(plain)
    later = float(waiting.compute_loss_from_embeddings(parts).detach())
    assert later > plain
    again = MixedNegatives(None, SCALE)
    again.step = 1
    assert float(again.compute_loss_from_embeddings(parts).detach()) == later
    two = embeddings(2, rows=2)
    single = MixedNegatives(None, SCALE, pairs=4, towards=0)
    assert float(single.compute_loss_from_embeddings(two).detach()) == pytest.approx(
        float(Contrastive(None, SCALE).compute_loss_from_embeddings(two).detach())
    )


def test_sscl_keeps_the_most_contrasting_mixtures():
    """Those with the largest s(q, h) - mean s(n, h) of all that were drawn."""
    parts = [torch.nn.functional.normalize(part.detach(), dim=1) for part in embeddings(seed=2)]
    passages = torch.cat(parts[1:])
    plain = (SCALE * parts[0] @ passages.T).masked_fill(torch.eye(ROWS, len(passages), dtype=torch.bool), -torch.inf)
    drawn, _ = MixedNegatives(None, SCALE, hardest=4, pairs=12, towards=0, seed=5).mixtures(plain, parts[0], passages)
    kept, _ = SyntheticNegatives(None, SCALE, hardest=4, pairs=12, kept=3, seed=5).mixtures(plain, parts[0], passages)
    for i in range(ROWS):
        pool = passages[plain[i].topk(4).indices]
        worth = [float(parts[0][i] @ h - (pool @ h).mean()) for h in drawn[i]]
        best = sorted(range(12), key=lambda place: -worth[place])[:3]
        np.testing.assert_allclose(kept[i].numpy(), drawn[i][best].numpy(), atol=1e-9)


@pytest.mark.parametrize(("kept", "same", "guard"), [(2, 0.95, 2.0), (3, 0.5, 2.0), (3, 0.6, 0.1), (50, 0.99, 2.0)])
def test_ohem_keeps_the_hardest_of_its_kind(kept, same, guard):
    """Greedy, one candidate at a time: near the positive or a harder kept one, or above the guard, is out; no gradient beside the kept."""
    parts = embeddings(5, seed=4)
    told, used = [], set()
    for i, (q, p, others) in enumerate(plain_rows(parts)):
        chosen = []
        for n in sorted(others, key=lambda n: -(q @ n)):
            if len(chosen) < kept and n @ p < same and q @ n <= q @ p + guard and all(n @ other < same for other in chosen):
                chosen.append(n)
        used |= {tuple(np.round(n, 9)) for n in chosen} | {tuple(np.round(p, 9))}
        told.append(info_nce(SCALE * q @ p, [SCALE * q @ n for n in chosen]))
        assert i < ROWS
    found = OnlineHard(None, SCALE, kept, same, guard).compute_loss_from_embeddings(parts)
    assert float(found.detach()) == pytest.approx(np.mean(told))
    found.backward()
    for part in parts[1:]:
        for vector, gradient in zip(part.detach(), part.grad, strict=True):
            if tuple(np.round((vector / vector.norm()).numpy(), 9)) not in used:
                assert gradient.abs().max() == 0


def test_unremix_keeps_the_most_informative():
    """u = z(s) + z(p(1-p)) + z(mean cosine to the others), each by a third, in loops."""
    parts = embeddings(seed=6)
    told = []
    for q, p, others in plain_rows(parts):
        s = np.array([SCALE * q @ n for n in others])
        share = np.exp(s) / np.exp(s).sum()
        typical = np.array([np.mean([n @ m for k, m in enumerate(others) if k != j]) for j, n in enumerate(others)])
        u = sum((x - x.mean()) / x.std() for x in (s, share * (1 - share), typical)) / 3
        told.append(info_nce(SCALE * q @ p, [s[j] for j in np.argsort(-u)[:5]]))
    assert float(Informative(None, SCALE, kept=5).compute_loss_from_embeddings(parts).detach()) == pytest.approx(np.mean(told))


@pytest.mark.parametrize("kind", [Contrastive, HardContrastive, MixedNegatives, SyntheticNegatives, OnlineHard, Informative])
def test_every_loss_learns_in_half_precision_and_in_a_plain_script(kind):
    """Gradients are finite in bfloat16, with one row, and the module takes a model's features as sentence-transformers hands them."""

    class Model(torch.nn.Module):
        def forward(self, features):
            return {"sentence_embedding": features["x"]}

    for rows in (1, 5):
        x = [torch.randn(rows, DIM, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
        loss = kind(Model())([{"x": each} for each in x], None)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(each.grad).all() for each in x)


WRONG = [
    (Contrastive, "scale", 0),
    (HardContrastive, "tau", 1.0),
    (OnlineHard, "kept", 0),
    (Informative, "kept", 0),
    (MixedNegatives, "hardest", 0),
    (SyntheticNegatives, "tau", 1.5),
]


@pytest.mark.parametrize(("kind", "knob", "value"), WRONG)
def test_wrong_knobs_are_said(kind, knob, value):
    """With the range of the part that the class is, and the value."""
    with pytest.raises(ValueError, match=rf"^{kind.__name__} wants .* {knob} .*got {knob}={value}$"):
        kind(None, **{knob: value})


class CrossEncoder:
    """A model of this kind."""


class SparseEncoder:
    """A model of this kind."""


@pytest.mark.parametrize("kind", [Contrastive, HardContrastive, MixedNegatives, SyntheticNegatives, OnlineHard, Informative])
def test_a_model_that_a_loss_cannot_train_is_refused(kind):
    """No vectors, or vectors whose length has to count."""
    with pytest.raises(ValueError, match=f"{kind.__name__} compares one vector of each text, which a CrossEncoder does not give"):
        kind(CrossEncoder())
    with pytest.raises(ValueError, match=r"a SparseEncoder needs dot products .*similarity='dot', scale=1\.0"):
        kind(SparseEncoder())
    if kind.has_dot:
        assert kind(SparseEncoder(), scale=1.0, similarity="dot").get_config_dict()["similarity"] == "dot"


@pytest.mark.parametrize("kind", [Contrastive, OnlineHard, Informative])
def test_a_dot_product_counts_the_length(kind):
    """As the cosine loss does not; copies of the positive are known by direction, so a longer copy is masked."""
    parts = [part.detach() for part in embeddings()]
    shorter = [part / 2 for part in parts]
    cosine, dot = kind(None, 20.0), kind(None, 1.0, similarity="dot")
    assert float(cosine.compute_loss_from_embeddings(shorter)) == pytest.approx(float(cosine.compute_loss_from_embeddings(parts)), rel=1e-5)
    whole, less = (float(dot.compute_loss_from_embeddings(some)) for some in (parts, shorter))
    again = float(kind(None, 0.25, similarity="dot").compute_loss_from_embeddings(parts))
    assert less == pytest.approx(again, rel=1e-5)
    assert whole != pytest.approx(less, rel=1e-2)
