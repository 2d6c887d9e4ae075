"""What is no retriever is refused at every door, in one sentence, before any work; a setting may insist."""

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tiny import DIM, bare_model

from miner import Inputs, MiningConfig, mine
from miner.config import Runtime
from miner.encode import load_encoder, model_kind
from miner.errors import ConfigError, ModelError
from miner.evaluation import evaluate
from miner.runs.dry_run import plan
from miner.runs.open_source import check

HEADS = {
    "BertForMaskedLM": "a masked language model",
    "BertForPreTraining": "a pre-trained language model",
    "BertForTokenClassification": "a classifier of tokens",
    "BertForQuestionAnswering": "a reader that marks answers",
    "BertForMultipleChoice": "a multiple-choice model",
    "BertForNextSentencePrediction": "a next-sentence classifier",
    "GPT2LMHeadModel": "a language model",
    "T5ForConditionalGeneration": "a sequence-to-sequence model",
}
CPU = Runtime.of(device="cpu")


def load(path, **given):
    return load_encoder(MiningConfig.of(model=str(path), **given), CPU)


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    """A cross-encoder as transformers saves it."""
    return bare_model(tmp_path_factory.mktemp("models") / "reranker", "BertForSequenceClassification", num_labels=1)


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return bare_model(tmp_path_factory.mktemp("models") / "masked", "BertForMaskedLM")


@pytest.mark.parametrize("name", HEADS)
def test_a_model_with_another_head_is_refused(tmp_path, name):
    """By what its config says, from the folder and from the loaded object."""
    path = bare_model(tmp_path / "model", name)
    with pytest.raises(ModelError, match=rf"is {HEADS[name]} \({name}\), and no retriever: .*pooling= mean"):
        load(path)
    assert model_kind.kind_of_model(SentenceTransformer(str(path), device="cpu")) == model_kind.kind_of_name(str(path))


def test_labels_tell_a_cross_encoder_from_a_classifier(tmp_path, reranker):
    """One label scores a pair."""
    with pytest.raises(ModelError, match=r"is a cross-encoder, .* \(BertForSequenceClassification\)"):
        load(reranker)
    with pytest.raises(ModelError, match=r"is a classifier with 3 labels"):
        load(bare_model(tmp_path / "nli", "BertForSequenceClassification", num_labels=3))


@pytest.mark.parametrize("family", [CrossEncoder, SparseEncoder, MultiVectorEncoder])
def test_other_families_of_sentence_transformers_are_refused(tmp_path, reranker, masked, family):
    """Their folders have modules.json too; a loaded one is refused whatever the setting."""
    model = family(str(reranker if family is CrossEncoder else masked), device="cpu")
    model.save_pretrained(str(tmp_path / "saved"))
    with pytest.raises(ModelError, match="and no retriever"):
        load(tmp_path / "saved")
    with pytest.raises(ModelError, match="and no retriever"):
        load_encoder(MiningConfig.of(pooling="mean"), CPU, model)


@pytest.mark.parametrize("name", ["BertModel", "T5EncoderModel"])
def test_a_plain_encoder_is_taken_and_says_what_is_pooled(tmp_path, caplog, name):
    """As sentence-transformers does: Contriever is such a one. Silent where the setting says it."""
    path = bare_model(tmp_path / "model", name)
    assert load(path).dim == DIM
    assert "names no pooling: the mean of its token vectors is taken" in caplog.text
    caplog.clear()
    load(path, pooling="mean")
    assert not caplog.text


def test_an_own_pooling_is_a_retriever_whatever_the_architecture(tmp_path, tiny_bert):
    """all-mpnet-base-v2 says MPNetForMaskedLM: its modules.json counts."""
    shutil.copytree(tiny_bert, tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "architectures": ["BertForMaskedLM"]}))
    assert load(tmp_path / "model").dim == DIM


@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
def test_a_setting_insists_and_is_what_is_pooled(reranker, pooling):
    """The vectors are those of the token vectors pooled so."""
    by_hand = SentenceTransformer(modules=[Transformer(str(reranker)), Pooling(DIM, pooling)], device="cpu")
    assert np.allclose(load(reranker, pooling=pooling).encode(["w1 w2", "w3"], "query"), by_hand.encode(["w1 w2", "w3"]), atol=1e-6)


def test_a_pooling_that_does_not_go_is_refused(tiny_bert, tiny_model):
    """Where the model names another, or has no token vectors; the same one is fine."""
    with pytest.raises(ConfigError, match=r"has a pooling of its own, mean: leave pooling out"):
        load(tiny_bert, pooling="cls")
    with pytest.raises(ConfigError, match="which has no token vectors to pool"):
        load(tiny_model, pooling="mean")
    load(tiny_bert, pooling="mean")


def test_a_model_that_gives_no_vector_is_one_sentence(tmp_path):
    """Modules without a pooling, and an encoder that takes no text through sentence-transformers."""
    path = bare_model(tmp_path / "bert")
    SentenceTransformer(modules=[Transformer(str(path))], device="cpu").save_pretrained(str(tmp_path / "unpooled"))
    for name in (tmp_path / "unpooled", bare_model(tmp_path / "dpr", "DPRQuestionEncoder")):
        with pytest.raises(ModelError, match="gives no vector of a text"):
            load(name)


def test_a_loaded_object_counts_as_its_modules_say(masked):
    """Made by sentence-transformers for want of a pooling: refused; put together by hand, or trained since: taken."""
    made = SentenceTransformer(str(masked), device="cpu")
    with pytest.raises(ModelError, match="model 'in memory' is a masked language model"):
        load_encoder(MiningConfig.of(), CPU, made)
    load_encoder(MiningConfig.of(pooling="mean"), CPU, made)
    load_encoder(MiningConfig.of(), CPU, SentenceTransformer(modules=[Transformer(str(masked)), Pooling(DIM)], device="cpu"))
    made.model_card_data.trainer = object()
    load_encoder(MiningConfig.of(), CPU, made)


def test_every_door_refuses_before_it_reads(reranker, tmp_path):
    """Nothing of the data is there; a further source too, and an evaluation."""
    data, named = Inputs.of(data=str(tmp_path / "nowhere")), MiningConfig.of(model=str(reranker))
    second = MiningConfig.of(sources=("bm25", f"dense:model={reranker}"))
    for ask in (
        lambda: mine(data, named, out=tmp_path / "run"),
        lambda: mine(data, second, out=tmp_path / "run"),
        lambda: plan(data, named, CPU),
        lambda: evaluate(data, {"it": str(reranker)}),
    ):
        with pytest.raises(ModelError, match="is a cross-encoder"):
            ask()
    assert not (tmp_path / "run").exists()
    check(data, MiningConfig.of(sources=("bm25", f"dense:model={reranker},pooling=cls")), None)


def test_a_name_in_the_cache_is_looked_at(monkeypatch, reranker):
    """Without loading it; a name of which the cache knows too little is looked at when it is loaded."""
    import huggingface_hub

    def cached(repo, file, **_):
        return huggingface_hub._CACHED_NO_EXIST if repo == "some/reranker" and file != "config.json" else str(reranker / file)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert model_kind.kind_of_name("some/reranker").startswith("a cross-encoder")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    assert model_kind.kind_of_name("some/reranker") is None
