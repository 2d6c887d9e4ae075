"""Several sources as one: the pool is the plain sum of reciprocal ranks, the first source judges, the others' word is kept."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Prescribed, dataset_of, make

from miner.sources import BM25, Dense, Fused
from miner.sources.fused import ONE, pool

lists = st.lists(st.permutations(range(12)), min_size=1, max_size=4)


@settings(max_examples=150)
@given(found=lists, length=st.integers(1, 12), cuts=st.lists(st.integers(0, 12), min_size=4, max_size=4), k=st.sampled_from([0, 1, 60]), depth=st.integers(1, 15))  # fmt: skip
def test_the_pool_is_the_plain_sum(found, length, cuts, k, depth):
    """Ranks from 1, worths to 2^-40, ties by position, and who found what at which rank."""
    proposed = np.full((1, len(found), length), -1, dtype=np.int64)
    for source, (order, cut) in enumerate(zip(found, cuts, strict=False)):
        proposed[0, source, : min(cut, length)] = order[: min(cut, length)]
    seen = {}
    for source in range(len(found)):
        for rank, position in enumerate([p for p in proposed[0, source].tolist() if p >= 0], 1):
            seen.setdefault(position, {})[source] = rank
    worth = {position: sum(round(Fraction(ONE, k + rank)) for rank in ranks.values()) for position, ranks in seen.items()}
    wanted = sorted(seen, key=lambda position: (-worth[position], position))[:depth]
    chosen, ranks = pool(proposed, k, depth)
    assert [position for position in chosen[0].tolist() if position >= 0] == wanted
    for place, position in enumerate(wanted):
        assert ranks[0, :, place].tolist() == [seen[position].get(source, 0) for source in range(len(found))]
    assert not ranks[0, :, len(wanted) :].any()


def opened(world, folder, names=("dense", "bm25"), k=60, order=None):
    dataset, sources = dataset_of(world, into=folder / "dataset", order=order), {}
    for name in names:
        (folder / name).mkdir()
        sources[name] = BM25(dataset, folder / name) if name.startswith("bm25") else Dense(dataset, Prescribed(world), folder / name)
    return dataset, sources, Fused(dataset, sources, k)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 30), names=st.permutations(["dense", "bm25"]), order=st.integers(0, 3))
def test_candidates_keep_their_promises(tmp_path_factory, seed, depth, names, order):
    """Best first in the first source's own scores, ties by id; ranks, scores and gaps of the others are the others' own."""
    dataset, sources, fused = opened(make(seed, passages=40), tmp_path_factory.mktemp("fused"), names, order=order)
    queries = np.arange(len(dataset.queries))
    rows, scores, evidence = fused.retrieve(queries, depth)
    alone = {name: source.retrieve(queries, depth).rows for name, source in sources.items()}
    other = sources[names[1]]
    assert np.array_equal(scores, sources[names[0]].score(queries, rows), equal_nan=True)
    assert list(evidence) == [f"rank:{names[0]}", f"rank:{names[1]}", f"score:{names[1]}", f"gap:{names[1]}"]
    assert np.array_equal(evidence[f"score:{names[1]}"], other.score(queries, rows), equal_nan=True)
    ids = [dataset.corpus.ids(found[found >= 0]) for found in rows]
    for query in queries.tolist():
        told = list(zip((-scores[query]).tolist(), [name.encode() for name in ids[query]], strict=False))
        assert told == sorted(told)
        bar = min(other.score(np.array([query]), dataset.qrels.positives(query)[None])[0].tolist())
        for place, row in enumerate(rows[query][rows[query] >= 0].tolist()):
            for name, found in alone.items():
                at = np.flatnonzero(found[query] == row)
                assert evidence[f"rank:{name}"][query, place] == (at[0] + 1 if len(at) else 0)
            wanted = (bar - float(evidence[f"score:{names[1]}"][query, place])) / abs(bar) if bar else np.nan
            assert evidence[f"gap:{names[1]}"][query, place] == pytest.approx(wanted, nan_ok=True)


def test_a_source_that_finds_nothing_leaves_the_other_as_it_is(tmp_path):
    """No word is shared: the pool is the dense list."""
    world = make(1, passages=60, queries=3)
    world.queries.update({name: f"zz{i}" for i, name in enumerate(world.queries)})
    world.query_vectors.update({text: [1.0, 0.5, 0.2] for text in world.queries.values()})
    _, sources, fused = opened(world, tmp_path)
    assert np.array_equal(fused.retrieve(np.arange(3), 20).rows, sources["dense"].retrieve(np.arange(3), 20).rows)


def test_blocks_and_input_order_do_not_show(tmp_path_factory):
    """By id the same candidates and evidence, one query at a time or all together, however the rows came in."""
    world, told = make(5, passages=60, queries=20), []
    for order, step in ((None, 20), (1, 1), (2, 7)):
        dataset, _, fused = opened(world, tmp_path_factory.mktemp("order"), order=order)
        queries = dataset.queries.id_order.astype(np.int64)
        parts = [fused.retrieve(queries[start : start + step], 25) for start in range(0, 20, step)]
        ids = [[dataset.corpus.ids(row[row >= 0]) for row in part.rows] for part in parts]
        told.append(
            (
                [name for part in ids for name in part],
                {name: np.concatenate([part.evidence[name] for part in parts]).tobytes() for name in parts[0].evidence},
            )
        )
    assert told[0] == told[1] == told[2]


def test_what_evidence_needs_is_the_vectors(tmp_path):
    """BM25 may judge and yet vectors are at hand for what compares them."""
    _, sources, fused = opened(make(2, passages=30), tmp_path, ("bm25", "dense"))
    assert (fused.scale, fused.similarity) == ("bm25", "cosine")
    assert fused.passages is sources["dense"].passages
    assert [told["source"] for told in fused.describe()] == ["bm25", "dense"]
    assert fused.parts == list(sources.values())
    assert fused.above(np.arange(3), np.zeros(3, dtype=np.float32)).tolist() == [0, 0, 0]
