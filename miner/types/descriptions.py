"""What a manifest says of files, models and sources; the keys are those of its JSON."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from miner.io.input_files import FileHash
from miner.types.arrays import Side


class VectorFields(TypedDict, total=False):
    """Where vectors come from: an encoder (up to `fingerprints`), or matrices made before (`vectors`, `shapes`, `files`).

    prompts, fingerprints: by side, query or passage.
    content: a hash of the model's weights and modules.
    vectors, shapes: path and shape of each side's matrix.
    files: the matrices and their id files, by path.
    """

    dim: int
    max_length: int | None
    dtype: str
    prompts: dict[Side, str | None]
    content: str
    fingerprints: dict[Side, str]
    vectors: dict[str, str]
    shapes: dict[str, list[int]]
    files: dict[str, FileHash]


class ModelDescription(VectorFields):
    """A model, or vectors made before (`name` is None)."""

    name: str | None
    similarity: str


class DenseDescription(ModelDescription):
    """A source that compares vectors. recall: of an approximate index, None where it is exact."""

    source: str
    recall: float | None


class BM25Description(TypedDict):
    """BM25: its parameters, the size of its vocabulary, and a hash of terms and weights."""

    source: str
    k1: float
    b: float
    terms: int
    content: str


SourceDescription = DenseDescription | BM25Description


class Relaxation(TypedDict):
    """Ceilings and windows of ranks that hold on every fallback level, those that may be relaxed, and how far rows are filled."""

    firm: list[str]
    relaxable: list[str]
    ladder: int
    fill: str


class RetrievalMetadata(TypedDict):
    """What the stored candidates say of themselves. evidence: the names of what was measured for each candidate."""

    similarity: str
    depth: int
    max_depth: int
    evidence: list[str]


class RetrievalSection(RetrievalMetadata):
    """What the manifest says of pass 1.

    recall: the lowest of the approximate indexes, None where all are exact.
    queries_deepened: queries whose list to `max_depth` was used, once pass 2 has counted them.
    """

    index: str
    recall: float | None
    distinct_passages: int
    sources: dict[str, SourceDescription]
    queries_deepened: NotRequired[int]
