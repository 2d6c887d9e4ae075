"""Candidates on disk are what they were in memory, and anything that reads Parquet reads them."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Prescribed, config_of, dataset_of, make

from miner.core import retrieval
from miner.core.retrieval import deep_search_settings, retrieve
from miner.errors import StorageError
from miner.runs.candidate_store import CandidateWriter, about, positive_scores, read_blocks
from miner.sources import Dense


def written(world, config, folder):
    """(dataset, what was in memory by query, the file)."""
    dataset, told = dataset_of(world, into=folder / "dataset"), {}
    writer = CandidateWriter(folder / "c.parquet", dataset, {"depth": config.depth, "similarity": world.similarity})
    for number, block in enumerate(retrieve(dataset, Dense(dataset, Prescribed(world), folder), config)):
        writer.write(number, block)
        told |= by_query(block)
    return dataset, told, folder / "c.parquet"


def by_query(block):
    """{(query, whether deep): every field as bytes, padding of positives left out}."""
    told = {}
    for deep, part in ((deep, part) for deep, parts in enumerate((block.within, block.deep)) for part in parts):
        for i, query in enumerate(part.queries.tolist()):
            there = part.positives[i] >= 0
            fields = [
                part.rows[i],
                part.scores[i],
                part.positives[i][there],
                part.positive_scores[i][there],
                part.reference_scores[i],
                part.noise_floors[i],
            ]
            told[query, deep] = [
                (field.dtype, field.tolist()) for field in (*fields, *(part.evidence[name][i] for name in sorted(part.evidence)))
            ]
    return told


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), block=st.sampled_from([1, 3, 100]))
def test_what_is_read_is_what_was_written(tmp_path_factory, seed, block):
    """Every field of every query, whatever the blocks and depths; queries lie in id order."""
    world, config = make(seed, passages=40, queries=8), config_of(seed, min_grade=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK", block)
        _, told, path = written(world, config, tmp_path_factory.mktemp("candidates"))
    read = {}
    for stored in read_blocks(path):
        read |= by_query(stored)
    assert str(sorted(read.items())) == str(sorted(told.items()))
    names = pq.read_table(path)["query_id"].to_pylist()
    assert names == sorted(world.queries, key=str.encode)
    assert len(list(read_blocks(path))) == -(-8 // block)
    assert sorted(positive_scores(path).tolist()) == sorted(
        score for (_, deep), fields in told.items() if not deep for score in fields[3][1]
    )


def test_what_is_told_about_the_file(tmp_path):
    """Depth and similarity travel with it, and its version."""
    config = config_of(1, min_grade=1)
    _, _, path = written(make(1), config, tmp_path)
    assert about(path) == {"version": 1, "depth": config.depth, "similarity": "cosine", "deepened_for": deep_search_settings(config)}
    table = pq.read_table(path)
    assert {"query_id", "query", "positives", "positive_scores", "rows", "scores", "same_text", "near_positive"} <= set(table.column_names)
    assert np.array_equal([len(row) for row in table["rows"].to_pylist()], [len(row) for row in table["scores"].to_pylist()])


@pytest.mark.parametrize("content", [None, b"", b"PAR1 not at all PAR1"])
def test_a_file_that_is_none_is_told(tmp_path, content):
    """Missing, empty or something else."""
    path = tmp_path / "c.parquet"
    path.mkdir()
    if content is not None:
        (path / "block-000000.parquet").write_bytes(content)
    with pytest.raises(StorageError, match=r"c\.parquet.* cannot be read as candidates"):
        positive_scores(path)
