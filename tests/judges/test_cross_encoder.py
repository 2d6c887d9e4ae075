"""A cross-encoder as a judge: what it scores, what is refused, and that no batch changes a score by more than rounding."""

import numpy as np
import pytest
from tiny import bare_model

from miner.config import Runtime
from miner.errors import ConfigError, ModelError
from miner.judges.cross_encoder import check_cross_encoder, load_cross_encoder
from miner.judges.judge_parts import CrossEncoderPart

QUERIES = ["w1 w2", "w3", "w4 w5 w6 w7 w8"] * 5
PASSAGES = [f"w{i} w{i + 1} w{2 * i}" * (1 + i % 3) for i in range(15)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(bare_model(tmp_path_factory.mktemp("cross") / "model", "BertForSequenceClassification", num_labels=1))


def judge(model, **knobs):
    return load_cross_encoder(CrossEncoderPart(model=model, **knobs), Runtime.of(device="cpu"))


def test_scores_are_the_models_own(model):
    """Those of `predict`, prompts put before each side, whatever the batches."""
    loaded = judge(model, query_prompt='"Query: "', passage_prompt="w9 ")
    pairs = [(f"Query: {query}", f"w9 {passage}") for query, passage in zip(QUERIES, PASSAGES, strict=True)]
    wanted = [float(loaded.model.predict([pair])[0]) for pair in pairs]
    assert np.allclose(loaded.score(QUERIES, PASSAGES), wanted, atol=1e-6)
    loaded._batch_size = 2
    assert np.allclose(loaded.score(QUERIES, PASSAGES), wanted, atol=1e-6)


def test_an_activation_is_a_setting(model):
    """sigmoid is the logistic function of identity; the default is the model's own, here sigmoid."""
    logits, shares, default = (judge(model, activation=name).score(QUERIES, PASSAGES) for name in ("identity", "sigmoid", "default"))
    assert np.allclose(shares, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert np.array_equal(shares, default)


def test_long_texts_come_first_in_batches_of_equal_size(model):
    """The padded tokens of a batch stay within the budget, and every pair is in one batch."""
    lengths = np.array([5, 500, 20, 20, 500, 5, 8000, 9000])
    batches = judge(model)._batches(lengths)
    assert [batch.tolist() for batch in batches] == [[7], [6], [1, 4, 2, 3, 0, 5]]


@pytest.mark.parametrize(
    ("knob", "other"),
    [("query_prompt", "w1"), ("passage_prompt", "w1"), ("activation", "identity"), ("max_length", 8), ("dtype", "bfloat16")],
)
def test_what_changes_scores_changes_the_fingerprint(model, knob, other):
    """And `first`, which only says which pairs are scored, does not."""
    plain, changed = judge(model), judge(model, **{knob: other})
    assert plain.describe()["fingerprint"] != changed.describe()["fingerprint"]
    assert plain.describe() == judge(model, first=3).describe()


def test_what_is_no_cross_encoder_is_refused_before_it_is_loaded(model, tiny_model, tmp_path):
    """A bi-encoder, a plain language model, a classifier with two classes, pickled weights, and no model at all."""
    with pytest.raises(ModelError, match=r'is a bi-encoder, and no cross-encoder: write judges=."bi-encoder:model=/'):
        check_cross_encoder(CrossEncoderPart(model=str(tiny_model)))
    with pytest.raises(ModelError, match=r"is a masked language model .*its scores of a pair were not trained"):
        check_cross_encoder(CrossEncoderPart(model=str(bare_model(tmp_path / "masked", "BertForMaskedLM"))))
    with pytest.raises(ModelError, match="is a classifier with 3 labels"):
        check_cross_encoder(CrossEncoderPart(model=str(bare_model(tmp_path / "three", "BertForSequenceClassification", num_labels=3))))
    with pytest.raises(ModelError, match=r"there is no model folder './no'"):
        check_cross_encoder(CrossEncoderPart(model="./no"))
    with pytest.raises(ConfigError, match="judge 'cross-encoder' needs a model"):
        CrossEncoderPart()
    with pytest.raises(ConfigError, match="has no prompt named 'x'; it has:"):
        judge(model, prompt_name="x")
