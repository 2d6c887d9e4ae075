"""A static model's words, tokenised once each, give what its tokenizer gives for whole texts."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import DIM, word_level, word_piece

from miner.encode import Encoder, static
from miner.encode.static import StaticWords

WORDLIKE = [
    "w1",
    "The",
    "ing",
    "a.b",
    "[UNK]",
    "[mask]",
    "x" * 120,
    "é",
    "ß",
    "漢字",
    "İ",
    "\u200b",
    "\x1c",
    "\t",
    "don't",
    "C++",
    "naïve",
    "w1\x00",
]
texts = st.lists(st.text(max_size=12) | st.lists(st.sampled_from(WORDLIKE), max_size=6).map(" ".join), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def model():
    """A static model with a lower-casing BERT tokenizer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    tokenizer = word_piece()
    weights = np.random.default_rng(1).standard_normal((tokenizer.get_vocab_size(), DIM)).astype(np.float32)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")


@settings(max_examples=150)
@given(given_texts=texts)
def test_ids_are_the_tokenizers(model, given_texts):
    """Piece by piece, for any text."""
    ids, counts = StaticWords.of(model).token_ids([*given_texts, "w1"])
    right = [encoding.ids for encoding in model[0].tokenizer.encode_batch([*given_texts, "w1"], add_special_tokens=False)]
    assert [part.tolist() for part in np.split(ids, np.cumsum(counts)[:-1])] == right


@pytest.mark.parametrize("few", [0, 100])
def test_vectors_are_the_models(few, model, monkeypatch):
    """The same bits as the model's own encode gives for the same batch, whether new words are tokenised one by one or together."""
    monkeypatch.setattr(static, "MIN_BATCH_TEXTS", few)
    batch = ["w1 w2 the", "W1, w2!", "", "é è", "w7 w7 w7"]
    assert np.array_equal(StaticWords.of(model).encode(batch), model.encode(batch, show_progress_bar=False))


def test_a_full_memory_is_forgotten(model, monkeypatch):
    """What is remembered has an end, and forgetting changes nothing."""
    monkeypatch.setattr(static, "MAX_CACHED_PIECES", 5)
    words = StaticWords.of(model)
    batches = [[f"w{i} w{i + 1} thing"] for i in range(12)]
    assert all(np.array_equal(words.encode(batch), model.encode(batch, show_progress_bar=False)) for batch in batches)
    assert len(words._cache.ids) < 20


def test_another_state_of_a_model_tokenises_nothing_again(model, monkeypatch):
    """Its vectors are those of its own weights."""
    later = copy.deepcopy(model)
    later[0].embedding.weight.data *= -2
    encoder = Encoder(model, "m", prompts={"query": "w1 ", "passage": ""})
    batch = ["w1 w2 the", "é è"]
    first = encoder.encode(batch, "passage")
    monkeypatch.setattr(static.PieceCache, "_pieces", lambda self, texts: pytest.fail(f"tokenised again: {texts}"))
    assert np.array_equal(encoder.with_model(later).encode(batch, "passage"), -2 * first)
    assert encoder.with_model(later).fingerprint("query") != encoder.fingerprint("query")


def test_other_tokenizers_are_left_alone(model):
    """Only a lower-casing BERT tokenizer cuts each word by itself for sure."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    weights = np.zeros((61, DIM), dtype=np.float32)
    assert StaticWords.of(SentenceTransformer(modules=[StaticEmbedding(word_level(), embedding_weights=weights)], device="cpu")) is None
    assert StaticWords.of(model) is not None
