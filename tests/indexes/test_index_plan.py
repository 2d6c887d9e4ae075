"""What an index will be is known before it is built: its memory is that of the built one, and what cannot be built is refused alike."""

import faiss
import numpy as np
import pytest

from miner.errors import ConfigError
from miner.indexes import Factory, plan_index

DIMS, VECTORS = 32, 3000
FACTORIES = ["Flat", "IVF16,Flat", "HNSW32", "IVF16,SQ8", "SQ8"]


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).standard_normal((VECTORS, DIMS)).astype(np.float32)


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_memory_is_that_of_the_built_index(vectors, factory):
    """Against its size when FAISS writes it, within a tenth and the codebooks."""
    built = faiss.serialize_index(Factory(vectors, "dot", factory)._index).nbytes
    assert plan_index(factory, VECTORS, DIMS, "dot")["memory_bytes"] == pytest.approx(built, rel=0.1, abs=50_000)


def test_what_is_searched_is_in_the_plan():
    """What is given, FAISS' defaults for the rest, and with a recall what it chooses."""
    plan = plan_index("IVF64,PQ8,RFlat:nprobe=8", 300_000, DIMS, "cosine")
    assert (plan["settings"], plan["chosen"], plan["lists"]) == ({"nprobe": 8, "k_factor_rf": 1}, [], 64)
    assert plan["limits"]["nprobe"] == "a whole number from 1 to 64"
    assert plan["trained_on"] == 300_000
    plan = plan_index("IVF64,PQ8,RFlat:nprobe=8", 600_000, DIMS, "cosine", 0.98)
    assert (plan["settings"], plan["chosen"], plan["trained_on"]) == ({"nprobe": 8}, ["k_factor_rf"], 300_000)


@pytest.mark.parametrize(("passages", "index"), [(50_000, "exact"), (1_000_000, "IVF4000,Flat")])
def test_auto_is_resolved(passages, index):
    plan = plan_index("auto", passages, DIMS, "cosine", 0.98)
    assert (plan["index"], plan["chosen"]) == (index, [] if index == "exact" else ["nprobe"])
    assert plan["memory_bytes"] >= passages * DIMS * 4


@pytest.mark.parametrize("factory", ["IVF64,Flat", "PQ4", "IVF2,PQ4", "IVF64,Flat:nprobe=65", "Nonsense", "PQ5"])
def test_what_cannot_be_built_is_refused_before(vectors, factory):
    """As the index itself would be; 20 vectors are fewer than 64 lists, or than the 256 codes of a part."""
    for build in (lambda: Factory(vectors[:20], "dot", factory), lambda: plan_index(factory, 20, DIMS, "dot")):
        with pytest.raises(ConfigError):
            build()
