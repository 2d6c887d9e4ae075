"""Preflight: before a long run, every stage runs on ten queries, so that an error of a late stage appears within seconds.

It uses the code of the run, in a temporary folder beside the run; vectors are read from the store or encoded and not stored.
Short runs have no preflight. Its size is such that it encodes about a hundredth of the texts of the run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from miner.config import MiningConfig
from miner.encode import StoredVectors, TrialVectors
from miner.errors import IntegrityError, StorageError
from miner.formats import file_rows, read_training
from miner.indexes import AUTO, EXACT, check_factory
from miner.runs.subset import sample
from miner.types import Dataset, Vectors

MIN_NEW_TEXTS, MIN_TEXTS = 2_000, 50_000
"""Texts to encode, or queries and passages in all, from which a run is long enough for a preflight."""

QUERIES = 10
MIN_PASSAGES, MAX_PASSAGES = 20, 256
"""Passages of the preflight."""

CANDIDATE_BYTES = 18
"""Approximate size of one candidate on disk: row, score, evidence and its part of the deep lists."""

KEY_BYTES = 16
"""Size of the key of a text in the vector store."""


def texts_to_encode(dataset: Dataset, vectors: Mapping[str, Vectors]) -> int:
    """The number of texts that are not in the vector store, summed over encoders."""
    return sum(source_vectors.missing(dataset) for source_vectors in vectors.values() if isinstance(source_vectors, StoredVectors))


def is_worthwhile(dataset: Dataset, new: int) -> bool:
    """True where a run is long enough for a preflight. new: texts that must be encoded."""
    return new >= MIN_NEW_TEXTS or len(dataset.queries) + len(dataset.corpus) >= MIN_TEXTS


def disk_space(dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig) -> dict[str, int]:
    """Bytes that a run will write: `store` (vectors of new texts), `scratch` (temporary matrices), `candidates` (an estimate)."""
    texts = len(dataset.queries) + len(dataset.corpus)
    new_texts = {
        name: source_vectors.missing(dataset) for name, source_vectors in vectors.items() if isinstance(source_vectors, StoredVectors)
    }
    return {
        "store": sum(count * (vectors[name].dim * 4 + KEY_BYTES) for name, count in new_texts.items()),
        "scratch": texts * 4 * sum(source_vectors.dim for source_vectors in vectors.values()),
        "candidates": len(dataset.queries) * min(config.depth, len(dataset.corpus)) * CANDIDATE_BYTES,
    }


def check_disk_space(needed: Mapping[str, int], folder: Path, cache: Path) -> None:
    """StorageError where the vectors and half of the estimated candidates exceed the free disk space.

    needed: see `disk_space`. folder: of the run. cache: of the vector store.
    """
    required: dict[int, tuple[Path, int]] = {}
    for path, size in ((folder, needed["scratch"] + needed["candidates"] // 2), (cache, needed["store"])):
        device = path.stat().st_dev if path.exists() else -1
        required[device] = (path, required.get(device, (path, 0))[1] + size)
    for path, size in required.values():
        free = shutil.disk_usage(path).free if path.exists() else size
        if size > free:
            raise StorageError(f"the run needs about {gigabytes(size)} of disk at {path}, and {gigabytes(free)} are free")


def gigabytes(size: int) -> str:
    """`1.3 GB`, `240 MB`."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def preflight_config(config: MiningConfig, vectors: Mapping[str, Vectors]) -> MiningConfig:
    """The config of a preflight or pilot: exact search, as an approximate index needs more vectors; its factory string is checked only."""
    for source_vectors in vectors.values():
        if config.index not in (EXACT, AUTO):
            check_factory(source_vectors.dim, source_vectors.similarity, config.index)
    return config.without_judges().model_copy(update={"index": EXACT, "recall": None})


def trial_vectors(vectors: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """The vectors of a preflight or pilot, which are not written to the store."""
    return {
        name: TrialVectors(source_vectors) if isinstance(source_vectors, StoredVectors) else source_vectors
        for name, source_vectors in vectors.items()
    }


def run_preflight(dataset: Dataset, folder: Path, passes: Callable[[Dataset], tuple[Path, str, int]]) -> None:
    """Run both passes on ten queries and read the training file back.

    folder: an empty folder.
    passes: runs both passes on a dataset and returns the training file, its format and its number of rows.
    Raises the errors of the run, with a note; IntegrityError where the file cannot be read back.
    """
    texts = len(dataset.queries) + len(dataset.corpus)
    try:
        small = sample(dataset, folder / "dataset", QUERIES, min(MAX_PASSAGES, max(MIN_PASSAGES, texts // 100)))
        file, output_format, rows = passes(small)
        rows_read = sum(1 for _ in file_rows(file, output_format)) if rows else 0
        if rows_read != rows or (rows and next(iter(read_training(file, output_format)), None) is None):
            raise IntegrityError(f"{file.name} cannot be read back: {rows_read} of the {rows} rows that were written are there")
    except Exception as error:
        error.add_note(f"found by the preflight on {QUERIES} queries, before the run began")
        raise
