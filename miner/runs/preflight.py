"""Before a long run: every stage on ten queries, so that what would fail in the last one fails in the first seconds.

The run's own code does it, in a folder beside the run that is removed again; vectors are read from the store or encoded and forgotten.
Left out where the run itself is short, and sized so that it encodes about a hundredth of what the run does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from miner.config import MiningConfig
from miner.encode import StoredVectors, TrialVectors
from miner.errors import IntegrityError, StorageError
from miner.formats import file_rows, read_training
from miner.indexes import check_factory
from miner.runs.subset import sample
from miner.types import Dataset, Vectors

SMALL, LARGE = 2_000, 50_000
"""Texts, of both sides: so many to encode, or so many in all, make a run long enough to be rehearsed."""

QUERIES = 10
FEWEST, MOST = 20, 256
"""Passages of the rehearsal."""

CANDIDATE_BYTES = 18
"""Of one candidate on disk, about: row, score, evidence, and the deeper ones spread over all."""

KEY_BYTES = 16


def unknown(dataset: Dataset, vectors: Mapping[str, Vectors]) -> int:
    """Texts that must be encoded, once for each encoder."""
    return sum(each.missing(dataset) for each in vectors.values() if isinstance(each, StoredVectors))


def worth(dataset: Dataset, new: int) -> bool:
    """Whether a run is so long that ten queries first are nothing beside it. new: texts that must be encoded."""
    return new >= SMALL or len(dataset.queries) + len(dataset.corpus) >= LARGE


def room(dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig) -> dict[str, int]:
    """Bytes that a run will write: `store` (vectors of new texts, for good), `scratch` (matrices, while it lasts), `candidates` (about)."""
    texts = len(dataset.queries) + len(dataset.corpus)
    new = {name: each.missing(dataset) for name, each in vectors.items() if isinstance(each, StoredVectors)}
    return {
        "store": sum(count * (vectors[name].dim * 4 + KEY_BYTES) for name, count in new.items()),
        "scratch": texts * 4 * sum(each.dim for each in vectors.values()),
        "candidates": len(dataset.queries) * min(config.depth, len(dataset.corpus)) * CANDIDATE_BYTES,
    }


def check_room(needed: Mapping[str, int], folder: Path, cache: Path) -> None:
    """StorageError where what is sure to be written does not fit: the vectors exactly, of the candidates a half."""
    wanted: dict[int, tuple[Path, int]] = {}
    for place, size in ((folder, needed["scratch"] + needed["candidates"] // 2), (cache, needed["store"])):
        device = place.stat().st_dev if place.exists() else -1
        wanted[device] = (place, wanted.get(device, (place, 0))[1] + size)
    for place, size in wanted.values():
        free = shutil.disk_usage(place).free if place.exists() else size
        if size > free:
            raise StorageError(f"the run needs about {gigabytes(size)} of disk at {place}, and {gigabytes(free)} are free")


def gigabytes(size: int) -> str:
    """`1.3 GB`, `240 MB`."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def settings(config: MiningConfig, vectors: Mapping[str, Vectors]) -> MiningConfig:
    """The config a trial runs with: an approximate index wants more vectors than a trial has, so that only its name is tried."""
    for each in vectors.values():
        if config.index != "exact":
            check_factory(each.dim, each.similarity, config.index)
    return config.model_copy(update={"index": "exact"})


def trial(vectors: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """The same vectors, the store left as it is."""
    return {name: TrialVectors(each) if isinstance(each, StoredVectors) else each for name, each in vectors.items()}


def rehearse(dataset: Dataset, folder: Path, passes: Callable[[Dataset], tuple[Path, str, int]]) -> None:
    """Both passes over ten queries, and the training file read back. `passes` runs them in `folder`: file, its format, its rows.

    Raises what the run would have raised, with a note that it was a rehearsal; IntegrityError where the file is not what was written.
    """
    texts = len(dataset.queries) + len(dataset.corpus)
    try:
        small = sample(dataset, folder / "dataset", QUERIES, min(MOST, max(FEWEST, texts // 100)))
        file, output_format, rows = passes(small)
        read = sum(1 for _ in file_rows(file, output_format)) if rows else 0
        if read != rows or (rows and next(iter(read_training(file, output_format)), None) is None):
            raise IntegrityError(f"{file.name} cannot be read back: {read} of the {rows} rows that were written are there")
    except Exception as error:
        error.add_note(f"found by a rehearsal on {QUERIES} queries, before the run began")
        raise
