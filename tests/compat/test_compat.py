"""The drop-in against sentence-transformers' own function: a sample of the fuzz (all of it: benchmarks/peers/fuzz_compat.py), and real models."""

import inspect

import numpy as np
import pytest
from peer import Call, differences, repaired_differences, run
from peer_calls import call_of
from sentence_transformers.util import mine_hard_negatives as original

from miner.compat import PARITY, mine_hard_negatives, repairing

CHUNK = 8


def test_the_signature_is_theirs():
    """Names, order, kinds and defaults."""
    one, two = (inspect.signature(function).parameters.values() for function in (original, mine_hard_negatives))
    assert [(p.name, p.kind, p.default) for p in one] == [(p.name, p.kind, p.default) for p in two]


@pytest.mark.parametrize("chunk", range(10))
def test_random_calls_do_the_same(chunk):
    """Rows, columns, types, errors, warnings, printed text, calls of the model, and where Python's random numbers stand afterwards."""
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        call = call_of(seed)
        theirs = run(original, call)
        with repairing(PARITY):
            ours = run(mine_hard_negatives, call)
        assert differences(theirs, ours) == [], (seed, call)
        assert repaired_differences(original, mine_hard_negatives, call, theirs) == [], (seed, call)


@pytest.fixture(scope="module")
def sentences():
    """Forty pairs of random words, each query with one or two positives."""
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 60, 5)) for _ in range(100)]
    return {"query": [texts[i // 2] for i in range(40)], "answer": texts[50:90]}


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean", "manhattan"])
@pytest.mark.parametrize("use_faiss", [False, True])
def test_a_real_model_gives_their_rows(tiny_model, sentences, similarity, use_faiss, capsys):
    """With every way of comparing; scores within rounding. Theirs mixes two scales with FAISS and a distance: then, without FAISS."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model), device="cpu", similarity_fn_name=similarity)
    wanted = {"output_scores": True, "relative_margin": 0.05, "range_min": 1, "num_negatives": 2, "verbose": False}
    theirs_faiss = use_faiss and similarity in ("cosine", "dot")
    theirs, ours = (
        function(Dataset.from_dict(sentences), model, use_faiss=faiss, **wanted)
        for function, faiss in ((original, theirs_faiss), (mine_hard_negatives, use_faiss))
    )
    assert len(ours) > 10
    assert [theirs[name] == ours[name] for name in ("query", "answer", "negative")] == [True] * 3
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=2e-6)


def test_a_call_without_options_prints_what_theirs_prints(tiny_bert, sentences, capsys):
    """A real model with prompts of its own: the same text on standard output, to the last digit shown."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_bert), device="cpu")
    told = []
    for function in (original, mine_hard_negatives):
        function(Dataset.from_dict(sentences), model)
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert "Negative candidates mined" in told[1]


def test_the_fuzz_reaches_every_argument():
    """Among the first calls each argument but the model's own occurs, and most calls mine something."""
    calls = [call_of(seed) for seed in range(300)]
    given = {name for call in calls for name in call.arguments} | {"cross_encoder", "cache_folder", "dataset", "model"}
    assert set(inspect.signature(original).parameters) <= given
    assert sum(bool(call.cross) for call in calls) > 60
    assert sum(call.cached for call in calls) > 10
    assert isinstance(calls[0], Call)
