"""The downstream experiment trains static students in a loop of its own: the same training as the trainer's, measured the same way."""

from pathlib import Path

import numpy as np
import pytest

from miner.config import Inputs, MiningConfig, Runtime
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import score_queries
from miner.read import read
from miner.train import TrainConfig, train

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")
SCRIPTS = Path(__file__).parents[2] / "experiments" / "downstream"
STEPS = 6


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.fixture
def static(tiny_model):
    """The tiny static model, with unit vectors as the real student has."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize

    return SentenceTransformer(modules=[SentenceTransformer(str(tiny_model), device="cpu")[0], Normalize()], device="cpu")


def loop(static, rows, plan, loss="in_batch"):
    """Our loop over all rows as one batch."""
    from fit import Fit, columns_of
    from student import Bags, Student, table_of

    bags = Bags([text for row in rows for text in (row.query, *row.passages)], static[0].tokenizer)
    numbers = np.array([bags.numbers([row.query, *row.passages]) for row in rows])
    student = Student(table_of(static, bags))
    fit = Fit(student, TrainConfig.of(loss=loss).active_loss(student, 0), plan, lambda table: 0.0)
    fit.run(columns_of(bags, numbers, iter([list(range(len(rows)))] * plan.steps)), plan.steps)
    return fit, bags


@pytest.mark.parametrize("loss", ["in_batch", "hcl", "ohem"])
def test_the_loop_gives_the_weights_that_the_trainer_gives(static, tiny_rows, tmp_path, loss):
    """Loss of every step and all weights, on a batch of all rows: warm-up, clipping, decay and the scale of the loss are the same."""
    from fit import Plan
    from sentence_transformers import SentenceTransformer
    from student import table_of

    fit, bags = loop(static, tiny_rows, Plan(0.1, STEPS, len(tiny_rows), every=STEPS), loss)
    how = {"steps": STEPS, "train_batch_size": len(tiny_rows), "learning_rates": (0.1,), "loss": loss, "batch_sampler": "shuffle"}
    done = train(tiny_rows, TrainConfig.of(**how), model=static, out=tmp_path / "out")
    theirs = table_of(SentenceTransformer(str(done.folder), device="cpu"), bags)
    assert np.abs(theirs - table_of(static, bags)).max() > 0.01
    np.testing.assert_allclose(fit.student.numpy(), theirs, atol=2e-5)
    np.testing.assert_allclose(fit.losses, [value for _, value in done.report["loss"]], atol=1e-3)


def test_a_step_has_the_loss_and_gradient_of_sentence_transformers(static, tiny_rows):
    """One batch through their model and their loss, and through ours."""
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from student import Bags, Student, table_of

    columns = [[row.query for row in tiny_rows], *(list(each) for each in zip(*(row.passages for row in tiny_rows), strict=True))]
    theirs = MultipleNegativesRankingLoss(static)([static.preprocess(column) for column in columns], None)
    theirs.backward()
    bags = Bags([text for column in columns for text in column], static[0].tokenizer)
    student = Student(table_of(static, bags))
    vectors = [student(bags.matrix[bags.numbers(column)]) for column in columns]
    ours = MultipleNegativesRankingLoss(static).compute_loss_from_embeddings(vectors, None)
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    torch.testing.assert_close(student.table.grad, static[0].embedding.weight.grad[torch.from_numpy(bags.pieces)], atol=1e-6, rtol=1e-4)


def test_batches_are_full_and_hold_no_text_twice():
    """Forty rows of one question take turns, one a batch; a pass ends where no full batch is left."""
    from fit import no_duplicates

    rows = np.array([[0 if row < 40 else row, 1000 + row] for row in range(100)])
    batches = no_duplicates(rows, 10, seed=3)
    first = [next(batches) for _ in range(6)]
    assert all(len(batch) == 10 and len({*rows[batch].ravel()}) == 20 for batch in first)
    assert len({row for batch in first for row in batch}) == 60
    with pytest.raises(ValueError, match="no batch of 70 rows"):
        next(no_duplicates(rows, 70, seed=3))


def test_scores_are_those_of_evaluate(tiny_model, tiny_folder, tmp_path):
    """nDCG@10 of every query, by one matrix product and by our exact ranking."""
    from sets import Set

    one = Set("tiny", tiny_folder, tmp_path, str(tiny_model))
    for split, judged in (("dev", one.dev), ("test", one.test)):
        data, runtime = read(Inputs.of(data=str(tiny_folder), split=(split,)), None), Runtime.of(cache=tmp_path / "vectors")
        wanted = score_queries(data, str(tiny_model), EvaluateConfig.of(measures=("ndcg@10",)), MiningConfig.of(), runtime)
        np.testing.assert_allclose(judged(one.table), wanted[:, 0], atol=1e-9)


def test_cells_are_told_and_every_arm_can_be_mined(tiny_model, tiny_folder, tmp_path):
    """Two steps of the arms that mine with the student; a rounds arm leaves the set's model as it was."""
    from cells import Cell, run
    from fit import Plan
    from sets import Set
    from student import table_of

    one = Set("tiny", tiny_folder, tmp_path, str(tiny_model))
    for arm in ("A0", "A1", "A1b", "A2", "A4", "A8", "A9"):
        told, values = run(one, Cell(arm, Plan(0.1, 3, 3, 1), negatives=2))
        assert values.shape == (8,)
        assert told["dev"] >= 0
    np.testing.assert_array_equal(table_of(one.model, one.bags), one.table)


def test_the_oracle_takes_no_hidden_positive(tiny_model, tiny_folder, tmp_path):
    """train.tsv shows one positive, train_full.tsv says that four more are: ours takes some of them, the oracle none."""
    import shutil

    from arms import choose
    from sets import Set

    folder = tmp_path / "beir"
    shutil.copytree(tiny_folder, folder)
    lines = [f"q{i:02}\tp{(i + step) % 48}\t1\n" for i in range(24) for step in (0, 7, 14, 21, 28)]
    (folder / "qrels" / "train_full.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    one = Set("tiny", folder, tmp_path, str(tiny_model), dev=4)
    text_of = dict(zip(one.train.corpus.ids(range(48)), one.train.corpus.texts(range(48)), strict=True))
    hits = {
        arm: sum(text in {text_of[p] for p in one.truth[name]} for name, texts in choose(arm, one, 4).items() for text in texts)
        for arm in ("A4", "A10")
    }
    assert hits["A4"] > hits["A10"] == 0
