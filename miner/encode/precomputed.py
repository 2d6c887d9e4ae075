"""Precomputed vectors: a `.npy` (n, D) and, beside it, the ids, one a line (`x.npy` + `x.ids`)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from miner.errors import InputError
from miner.io.array_files import map_array
from miner.io.input_files import FileHash, hash_file
from miner.io.plain_files import read_bytes
from miner.types import Floats, Ints, ModelDescription, Rows, Side, Similarity, Texts

MAX_COMPONENT = 1e15
"""Largest absolute value of a component: a sum of some thousand products of two such numbers still fits into float32."""


class Precomputed:
    """Rows of two matrices, looked up by id. The store is not used: nothing is encoded."""

    def __init__(self, query_file: str, passage_file: str, similarity: str = "auto") -> None:
        self.similarity: Similarity = "cosine" if similarity == "auto" else similarity  # type: ignore[assignment]  # checked by the config
        self._files = {"query": Path(query_file), "passage": Path(passage_file)}
        self._matrices = {side: _load(path) for side, path in self._files.items()}
        self._ids = {side: _ids(path, len(self._matrices[side])) for side, path in self._files.items()}
        dims = {side: matrix.shape[1] for side, matrix in self._matrices.items()}
        if dims["query"] != dims["passage"]:
            raise InputError(f"query vectors have {dims['query']} dims, passage vectors {dims['passage']}", query_file)

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Return shape (len(rows), D). Raises InputError for an id without a vector, or a vector that is not finite."""
        ids = texts.ids(rows)
        positions = self._find(ids, side)
        vectors = np.ascontiguousarray(self._matrices[side][positions], dtype=np.float32)
        if not np.isfinite(vectors).all():
            bad = ids[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise InputError(f"the vector of {side} '{bad}' is not finite", str(self._files[side]))
        if (largest := float(np.abs(vectors).max(initial=0))) > MAX_COMPONENT:
            raise InputError(
                f"a component is {largest:.3g}; above {MAX_COMPONENT:g} products are no numbers any more", str(self._files[side])
            )
        return vectors

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the vectors of `rows` into `out` (len(rows), D)."""
        for start in range(0, len(rows), 16_384):
            out[start : start + 16_384] = self.vectors(texts, rows[start : start + 16_384], side)

    def describe(self) -> ModelDescription:
        """Return files, shapes and similarity, for the manifest."""
        shapes = {side: list(matrix.shape) for side, matrix in self._matrices.items()}
        names = {side: str(path) for side, path in self._files.items()}
        return {"name": None, "vectors": names, "shapes": shapes, "similarity": self.similarity, "files": self.files}

    @cached_property
    def files(self) -> dict[str, FileHash]:
        """{name: {"bytes", "sha256"}} of the matrices and their id files."""
        paths = [file for path in self._files.values() for file in (path, path.with_suffix(".ids"))]
        return {str(file): hash_file(file) for file in paths}

    @property
    def dim(self) -> int:
        """D."""
        return int(self._matrices["passage"].shape[1])

    def _find(self, ids: list[str], side: Side) -> Ints:
        names, order = self._ids[side]
        keys = np.array([text.encode() for text in ids] or [b""])[: len(ids)]
        positions = np.minimum(np.searchsorted(names, keys), len(names) - 1)
        missing = names[positions] != keys
        if missing.any():
            raise InputError(f"there is no vector for {side} '{ids[int(np.flatnonzero(missing)[0])]}'", str(self._files[side]))
        rows: Ints = order[positions]
        return rows


def check_vectors(query_file: str, passage_file: str) -> None:
    """Raise InputError for missing files or files without a matrix, as `Precomputed` does, but without reading the ids."""
    for path in map(Path, (query_file, passage_file)):
        _load(path)
        _ids_file(path)


def _load(path: Path) -> Floats:
    try:
        matrix: Floats = map_array(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as a numpy matrix: {error}", str(path)) from error
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not matrix.size:
        raise InputError(f"holds {matrix.dtype} of shape {matrix.shape}; a matrix of floats (n, D) is wanted", str(path))
    return matrix


def _ids_file(path: Path) -> Path:
    file = path.with_suffix(".ids")
    if not file.is_file():
        raise InputError(f"there is no {file.name} beside it: the ids of its rows, one a line", str(path))
    return file


def _ids(path: Path, count: int) -> tuple[Any, Ints]:
    """Return the ids sorted, and the row of each."""
    file = _ids_file(path)
    names = np.array(read_bytes(file).splitlines() or [b""])
    if len(names) != count:
        raise InputError(f"holds {len(names)} ids, {path.name} holds {count} vectors", str(file))
    order = np.argsort(names, kind="stable")
    duplicates = np.flatnonzero(names[order][1:] == names[order][:-1])
    if len(duplicates):
        raise InputError(f"duplicate id '{names[order][duplicates[0]].decode()}'", f"{file}:{int(order[duplicates[0] + 1]) + 1}")
    return names[order], order
