"""The passages' vectors for pass 2: of length one, in half precision, by row.

Sums of products of such numbers are exact in float64 (multiples of 2^-48 that stay under 2), so what is computed from them has the same
bits in any order, batch or processor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.errors import StorageError
from miner.io.array_files import create_array, map_array
from miner.io.folder_tree import rename
from miner.types import Ints, Rows

NAME = "vectors"
FILE = "vectors.npy"
PASSAGES_PER_BATCH = 16_384


class HalfVectors:
    """The vectors of a source, made when they are asked for: `vectors[rows]` is float16 (*rows.shape, D)."""

    def __init__(self, source: Any) -> None:
        self._vectors, self._position = source.passages, source.position

    def __getitem__(self, rows: Ints | Rows) -> NDArray[np.float16]:
        vectors = np.asarray(self._vectors[self._position[rows]], dtype=np.float64)
        lengths = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float16)

    def save(self, folder: Path) -> None:
        """Write those of all passages into `folder`, row by row, memory-mapped; the file appears when it is complete."""
        shape = (len(self._position), self._vectors.shape[1])
        half = folder / f".{FILE}"
        out = create_array(half, shape, np.float16)
        for start in range(0, len(out), PASSAGES_PER_BATCH):
            out[start : start + PASSAGES_PER_BATCH] = self[np.arange(start, min(start + PASSAGES_PER_BATCH, len(out)))]
        out.flush()
        rename(half, folder / FILE)


def stored(folder: Path) -> dict[str, NDArray[Any]]:
    """{"vectors": float16 (N, D), memory-mapped} if the run in `folder` kept them, else nothing. StorageError where they are damaged."""
    if not (folder / FILE).exists():
        return {}
    try:
        return {NAME: map_array(folder / FILE)}
    except (OSError, ValueError) as error:
        raise StorageError(f"{folder / FILE} cannot be read as vectors: {str(error).splitlines()[0]}") from error
