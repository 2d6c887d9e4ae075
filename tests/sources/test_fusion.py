"""Several sources through both passes equal the slow twin: what is pooled, judged by consensus, chosen, and from which rung."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Prescribed, config_of, dataset_of, make, rows_of, worlds

from miner.sources import BM25, Dense, Fused

FUSIONS = [
    ("dense", "bm25"),
    ("bm25", "dense"),
    ("dense", "dense:model=second"),
    ("dense", "dense:model=second", "bm25"),
    ("bm25", "bm25:k1=2.0", "dense"),
]


def another(world, seed):
    """The same texts with the vectors and the similarity of another model."""
    rng = np.random.default_rng(seed)
    dim, similarity = int(rng.integers(1, 6)), str(rng.choice(["cosine", "dot", "euclidean"]))
    queries, passages = (
        {text: rng.standard_normal(dim).tolist() for text in texts} for texts in (world.query_vectors, world.passage_vectors)
    )
    return replace(world, query_vectors=queries, passage_vectors=passages, similarity=similarity)


def opened(world, dataset, config, folder, seed):
    """The config's sources by name, searching this world."""
    models = {"dense": world, "dense-2": another(world, seed)}
    sources = {}
    for name, part in config.active_sources.items():
        (work := folder / f"source-{name}").mkdir()
        sources[name] = Dense(dataset, Prescribed(models[name]), work) if part.encodes else BM25(dataset, work, part.k1, part.b)
    return sources


def scores_of(dataset, source):
    """A source as the twin has it: the score of one pair."""
    queries, passages = (texts.ids(range(len(texts))) for texts in (dataset.queries, dataset.corpus))
    rows = np.broadcast_to(np.arange(len(passages), dtype=np.int32), (len(queries), len(passages)))
    table = source.score(np.arange(len(queries)), rows).tolist()
    known = {(query, passage): table[q][p] for q, query in enumerate(queries) for p, passage in enumerate(passages)}
    return lambda query, passage: known[query, passage]


def both(world, config, seed, order=None):
    """The rows of the two passes, and the twin's."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        dataset = dataset_of(world, config.min_grade, folder / "dataset", order)
        sources = opened(world, dataset, config, folder, seed)
        told = {name: scores_of(dataset, source) for name, source in sources.items()}
        rows = rows_of(dataset, None, config, world=world, source=Fused(dataset, sources, config.rrf_k))
        return rows, oracle.mine(replace(world, sources=told), config)


@settings(max_examples=60)
@given(
    world=worlds,
    sources=st.sampled_from(FUSIONS),
    seed=st.integers(0, 2**32),
    k=st.sampled_from([0, 1, 60]),
    order=st.sampled_from([None, 1, 2]),
)
def test_fusion_equals_the_oracle(world, sources, seed, k, order):
    """Candidates, reasons, negatives, scores, ranks and tiers, bit for bit, whatever the config and the order of the input."""
    rows, wanted = both(world, config_of(seed, verdicts=True, sources=sources, model="first", rrf_k=k), seed, order)
    assert rows == wanted


@pytest.mark.parametrize("sources", FUSIONS)
def test_consensus_is_a_reason_and_is_left_behind_on_the_third_rung(sources):
    """It drops something in every fusion; what the third rung takes may be what it dropped."""
    given_ = {
        "filters": ("near_positive:off", "margin:off", "consensus:margin=0.3,relax=true"),
        "anchor": "weakest",
        "ladder": 3,
        "fill": "none",
    }
    reasons, again = [], []
    for seed in range(6):
        world = make(seed, passages=40, queries=6, dim=4)
        config = config_of(
            seed, sources=sources, model="first", depth=40, max_depth=40, negatives=20, hub_cap=None, distinct=None, **given_
        )
        rows, wanted = both(world, config, seed)
        assert rows == wanted
        for row in rows:
            why = dict(zip([name for name, _ in row.candidates], row.dropped_by, strict=True))
            reasons += row.dropped_by
            again += [why[name] for name, _, _, tier in row.negatives if tier == 3]
    assert "consensus" in reasons
    assert "consensus" in again
