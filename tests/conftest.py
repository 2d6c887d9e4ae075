"""What all tests share: no network, a cache of their own, and two tiny models made on the spot."""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # worlds are tiny: starting threads costs more than they save

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from tiny import DIM, WORDS, word_level, word_piece

settings.register_profile("here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("red", settings.get_profile("here"), phases=[Phase.explicit, Phase.generate])  # the first failure will do
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "here"))


def pytest_make_parametrize_id(val, argname):
    """Bytes are no part of a test's name: two processes that compress the same text may get other bytes, and would collect other tests."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items):
    """Mark the tests that took long when they were last measured: see long/slow_tests.py."""
    slow = set(Path(__file__).with_name("slow.txt").read_text(encoding="utf-8").split())
    for item in items:
        if item.nodeid.partition("[")[0].removeprefix("tests/") in slow:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test sees or leaves anything in the user's cache or data folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HARDNEG_DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("HARDNEG_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Path of a real sentence-transformers model, static, 8 dims, prompts 'query' and 'document' empty; its words are w0 … w59."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    weights = np.random.default_rng(0).standard_normal((len(WORDS) + 1, DIM)).astype(np.float32)
    path = tmp_path_factory.mktemp("models") / "tiny-static"
    SentenceTransformer(modules=[StaticEmbedding(word_level(), embedding_weights=weights)], device="cpu").save_pretrained(str(path))
    return path


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    """Path of a real one-layer BERT with mean pooling, 8 dims, at most 16 tokens, prompts 'query' and 'document'."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models")
    tokens = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=word_piece(), model_max_length=16, **tokens)
    torch.manual_seed(0)  # the same weights whichever tests ran before
    sizes = {"hidden_size": DIM, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": DIM}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes)).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    bert = Transformer(str(folder / "bert"), max_seq_length=16)
    prompts = {"query": "w1 ", "document": "w2 "}
    model = SentenceTransformer(modules=[bert, Pooling(DIM)], prompts=prompts, device="cpu")
    model.save_pretrained(str(folder / "tiny-bert"))
    return folder / "tiny-bert"
