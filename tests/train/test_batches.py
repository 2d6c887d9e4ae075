"""Which rows come together, against plain loops: every row once, topics, losses, hard examples."""

import numpy as np
import pytest
from datasets import Dataset

from miner.errors import ConfigError
from miner.train.batches import HardExamples, HighLoss, TopicBatches
from miner.train.batches.topics import clusters
from miner.train.hardness import batch_losses
from miner.train.parts import BATCH_SAMPLERS, TrainingContext
from miner.train.training_rows import TrainingColumns


def table(count):
    return Dataset.from_dict({"anchor": [f"q{i}" for i in range(count)]})


def vectors(count, topics=4, seed=0):
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(topics, 8)) * 10
    return (centres[np.arange(count) % topics] + draw.normal(size=(count, 8))).astype(np.float32)


@pytest.mark.parametrize("count", [1, 7, 32, 45])
@pytest.mark.parametrize("margins", [None, "some"])
def test_topics_use_every_row_once(count, margins):
    """Another order each epoch, the same for the same seed, batches full but the last."""
    known = None if margins is None else np.linspace(-1, 1, count)
    sampler = TopicBatches.of(vectors=vectors(count), topics=4, margins=known)(table(count), batch_size=4, drop_last=False, seed=1)
    first = list(sampler)
    assert sorted(row for batch in first for row in batch) == list(range(count))
    assert len(first) == len(sampler)
    assert all(len(batch) == 4 for batch in first[:-1])
    assert first == list(sampler)
    sampler.set_epoch(1)
    assert count < 7 or first != list(sampler)


def test_a_batch_is_of_one_topic_while_there_is_enough():
    """Clusters of known groups: batches hold one group, but for the ends of clusters, topped up from the nearest."""
    sampler = TopicBatches.of(vectors=vectors(64), topics=4)(table(64), batch_size=4, drop_last=False, seed=0)
    assert [len({row % 4 for row in batch}) for batch in sampler].count(1) == 16
    odd = TopicBatches.of(vectors=vectors(36), topics=4)(table(36), batch_size=4, drop_last=False, seed=0)
    mixed = [batch for batch in odd if len({row % 4 for row in batch}) > 1]
    assert len(mixed) <= 3


def test_margins_are_taken_in_turn():
    """Within a cluster the first rows come one from each margin bin, the plain way."""
    margins = np.array([0.0] * 12 + [0.5] * 2 + [1.0] * 2)
    sampler = TopicBatches.of(vectors=vectors(16, 1), topics=1, margins=margins, bins=3)(table(16), batch_size=3, drop_last=False, seed=0)
    batches = list(sampler)
    assert [sorted(margins[batch].tolist()) for batch in batches[:2]] == [[0.0, 0.5, 1.0]] * 2
    assert {value for batch in batches[2:] for value in margins[batch].tolist()} == {0.0}


def test_clusters_are_the_nearest_centres():
    """Of every vector; as many clusters as vectors is each its own."""
    some = vectors(40)
    topic, centres = clusters(some, 4, seed=0)
    assert topic.tolist() == [int(np.linalg.norm(centres - one, axis=1).argmin()) for one in some]
    assert clusters(some, 40, 0)[0].tolist() == list(range(40))
    with pytest.raises(ValueError, match="40 vectors for 5 rows"):
        TopicBatches.of(vectors=some)(table(5), batch_size=2, drop_last=False)


@pytest.mark.parametrize("delta", [0.01, 0.3, 0.5, 1.0])
def test_high_loss_is_the_published_loop(delta):
    """First all batches; then, sorted by last loss, the top max(1, int(delta b)), their losses overwritten; b batches a pass."""
    sampler = HighLoss.of(delta=delta)(table(20), batch_size=2, drop_last=False, seed=3)
    draw, losses, seen = np.random.default_rng(0), {}, []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for batch in sampler:
            value = float(draw.random())
            sampler.record_loss(value)
            seen.append((tuple(batch), value))
    batches = [batch for batch, _ in seen[:10]]
    losses = dict(seen[:10])
    told = list(seen[:10])
    for start in (10, 20):
        left = 10
        while left:
            turn = sorted(batches, key=lambda batch: -losses[batch])[: max(1, int(delta * 10))][:left]
            left -= len(turn)
            for batch in turn:
                told.append((batch, seen[len(told)][1]))
                losses[batch] = told[-1][1]
        assert len(told) == start + 10
    assert told == seen


def test_a_measured_first_pass_chooses_too():
    """Eight batches, losses known beforehand: the harder half twice, and what it did is counted; a resumed one has the counts."""
    losses = [3.0, 8.0, 1.0, 6.0, 2.0, 7.0, 4.0, 5.0]
    sampler = HighLoss.of(delta=0.5, first_losses=lambda batches: losses[: len(batches)])(table(16), batch_size=2, drop_last=False)
    order = []
    for batch in sampler:
        order.append(sampler.all_batches.index(batch))
        sampler.record_loss(losses[order[-1]])
    assert order == [1, 5, 3, 7] * 2
    assert list(sampler.effects()) == [("trained batches in place of easier ones", 4, 8), ("batches never trained", 4, 8)]
    again = HighLoss.of()(table(16), batch_size=2, drop_last=False)
    again.load(sampler.state())
    assert list(again.effects()) == list(sampler.effects())


def test_the_loss_of_a_batch_is_that_of_its_rows_among_themselves():
    """By hand: two rows, each other's positives and their own negative."""
    angles = {"a0": 0.0, "a1": 0.5, "p0": 0.25, "p1": 0.75, "n0": 1.0, "n1": 1.5, "a2": 2.0, "p2": 2.5, "n2": 3.0}
    rows = TrainingColumns({name: [f"{name[0]}{i}" for i in range(3)] for name in ("anchor", "positive", "negative_1")})

    def encode(texts, side):
        return np.array([[np.cos(angles[text]), np.sin(angles[text])] for text in texts])

    def loss(row, others):
        logits = [20 * np.cos(angles[f"a{row}"] - angles[name]) for name in (f"p{row}", *others, f"n{row}")]
        return np.log(np.exp(logits).sum()) - logits[0]

    expected = [(loss(0, ["p2"]) + loss(2, ["p0"])) / 2, loss(1, [])]
    np.testing.assert_allclose(batch_losses(rows, encode, [[0, 2], [1]]), expected)


def test_high_loss_hears_in_order_though_fetched_ahead():
    """A trainer fetches ahead; the oldest batch without a loss gets it. Batches thrown away at a resume hear nothing."""
    sampler = HighLoss.of()(table(8), batch_size=2, drop_last=False)
    fetched = iter(sampler)
    next(fetched), next(fetched)
    sampler.record_loss(5.0)
    assert sampler.losses == [5.0, None, None, None]
    again = HighLoss.of()(table(8), batch_size=2, drop_last=False)
    again.load(sampler.state())
    again.skip = 1
    fetched = iter(again)
    next(fetched), next(fetched)
    again.record_loss(7.0)
    assert again.losses == [5.0, 7.0, None, None]


def test_left_out_batches_come_back():
    """With decay their recorded loss grows until they are the hardest; without, never."""

    def visited(decay):
        sampler = HighLoss.of(delta=0.5, decay=decay)(table(8), batch_size=2, drop_last=False)
        for epoch in range(12):
            sampler.set_epoch(epoch)
            for batch in sampler:
                sampler.record_loss(2.0 if sampler.all_batches.index(batch) < 2 else 1.0)
                last = batch
                if epoch > 1 and sampler.all_batches.index(last) >= 2:
                    return True
        return False

    assert visited(0.3)
    assert not visited(0.0)


def test_hard_examples_plainly():
    """The hardest 10 % out, the next 30 % of the rest twice, small groups twice, the others once."""
    losses = np.random.default_rng(0).permutation(40).astype(float)
    groups = ["big"] * 38 + ["small"] * 2
    sampler = HardExamples.of(losses=lambda: losses, share=0.3, times=2, guard=0.1, groups=groups)(table(40), batch_size=4, drop_last=False)
    order = sorted(range(40), key=lambda row: -losses[row])
    expected = [0 if row in order[:4] else 2 if row in order[4:15] or groups[row] == "small" else 1 for row in range(40)]
    assert sampler.repetitions(losses).tolist() == expected
    batches = list(sampler)
    repeated = sum(count > 1 for count in expected)
    assert [(count, of) for _, count, of in sampler.effects()] == [(repeated, 40), (4, 40)]
    assert len(batches) == 10
    rows = [row for batch in batches for row in batch]
    assert not set(order[:4]) & set(rows)
    assert set(order[4:15]) <= set(rows)
    with pytest.raises(ValueError, match="HardExamples wants 1 <= times <= 100, got times=0"):
        HardExamples.of(losses=lambda: losses, times=0)(table(40), batch_size=4, drop_last=False)


def test_rows_of_small_topics_come_more_often():
    """By name, with topics: the queries are clustered with the model before training."""
    vectors = np.repeat(np.eye(2, 4, dtype=np.float32), [36, 4], axis=0) + np.arange(40, dtype=np.float32)[:, None] * 1e-4
    rows = TrainingColumns({"anchor": [f"q{i}" for i in range(40)], "positive": ["p"] * 40})
    part = BATCH_SAMPLERS["hard_examples"](share=0.0, guard=0.0, topics=2)
    given = TrainingContext(
        rows, lambda texts, side: vectors[[int(text[1:]) for text in texts]], lambda texts, side: vectors[: len(texts)], seed=0
    )
    sampler = part(given)(table(40), batch_size=4, drop_last=False)
    assert sampler.repetitions(np.zeros(40)).tolist() == [1] * 36 + [2] * 4
    with pytest.raises(ConfigError, match="two topics or more"):
        BATCH_SAMPLERS["hard_examples"](topics=1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (HighLoss.of(decay=-3), "HighLoss wants 0 <= decay <= 1, got decay=-3"),
        (TopicBatches.of(vectors=vectors(8), bins=0), "TopicBatches wants 1 <= bins"),
    ],
)
def test_a_class_has_the_ranges_of_its_part(build, message):
    with pytest.raises(ValueError, match=message):
        build(table(8), batch_size=2, drop_last=False)
