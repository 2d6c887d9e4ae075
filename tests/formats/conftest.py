"""A small world for the formats: a dataset on disk, and negatives drawn at random, with holes."""

import json

import numpy as np
import pyarrow as pa
import pytest

from miner.formats import FORMATS, open_training, read_training
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Dataset, Negatives, Qrels, Texts


def write_texts(path, prefix, count):
    rows = [{"id": f"{prefix}{i}", "title": "T" if i % 3 == 0 else None, "text": f"{prefix} text \u2028 <{i}>"} for i in range(count)]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=TEXTS_SCHEMA), max_chunksize=BATCH_ROWS)
    return Texts(path)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """12 queries with two positives each (passages 2q and 2q + 1) out of 60 passages; the even ones carry other columns."""
    folder = tmp_path_factory.mktemp("world")
    extra = json.dumps({"topic": "x", "label": 7, "extra_label": 8})
    qrels = Qrels(np.arange(0, 25, 2), np.arange(24, dtype=np.int32), np.ones(24, np.int8), extras=[extra, None] * 12)
    return Dataset(write_texts(folder / "queries.arrow", "q", 12), write_texts(folder / "corpus.arrow", "p", 60), qrels)


def draw(seed, own=False):
    """Negatives for 12 queries (or 24 pairs), 3 wide, among passages that are nobody's positive."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(12), 2) if own else np.arange(12)
    positives = np.arange(24, dtype=np.int32).reshape(-1, 1 if own else 2).copy()
    rows = np.stack([rng.permutation(np.arange(24, 60))[:3] for _ in queries]).astype(np.int32)
    rows[np.arange(3) >= rng.integers(0, 4, (len(queries), 1))] = -1
    found = rows >= 0
    scores = np.where(found, rng.standard_normal(rows.shape), np.nan).astype(np.float32)
    ranks = np.where(found, rng.integers(1, 99, rows.shape), 0).astype(np.int32)
    tiers = np.where(found, rng.integers(0, 4, rows.shape), 0).astype(np.uint8)
    return Negatives(queries, positives, rng.standard_normal(positives.shape).astype(np.float32), rows, scores, ranks, tiers)


@pytest.fixture(scope="session")
def negatives_of():
    return draw


@pytest.fixture(scope="session")
def read_back(dataset, tmp_path_factory):
    """Write blocks of negatives in a format, and read them back with the format recognised: TrainingRows."""
    folder = tmp_path_factory.mktemp("written")

    def through(name, columns, *blocks):
        shape = FORMATS[name]
        path = folder / (name if shape.layout else f"{name}{shape.kind}")
        with open_training(path, shape, dataset) as sink:
            for block in blocks:
                sink.write(shape.write(dataset, block, columns))
        return list(read_training(path))

    return through
