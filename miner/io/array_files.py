"""numpy arrays in files, memory-mapped: `.npy`, which tells its shape, and raw float32, which does not.

A map needs a file of this machine: another file system would fetch the file first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from miner.io.plain_files import create_reserved


def map_array(path: Path) -> NDArray[Any]:
    """Return the array in a .npy file, memory-mapped, read-only. Raises OSError, and ValueError for a file that is no array."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def write_array(path: Path, values: NDArray[Any]) -> None:
    """Write a .npy file; neither atomic nor synced."""
    np.save(path, values)


def create_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """Return a writable memory-mapped array in a new .npy file; its `flush` writes what is left."""
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def map_raw(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the first rows of a raw float32 file as a matrix, memory-mapped, read-only."""
    return np.memmap(path, dtype=np.float32, mode="r", shape=shape)


def create_raw(path: Path, shape: tuple[int, int]) -> np.memmap[Any, np.dtype[np.float32]]:
    """Return a writable memory-mapped matrix in a new raw float32 file. Raises OSError where the disk is too small for it."""
    create_reserved(path, shape[0] * shape[1] * np.dtype(np.float32).itemsize)
    return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)
