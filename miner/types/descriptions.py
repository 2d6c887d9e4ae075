"""What a manifest says of files, models and sources; the keys are those of its JSON."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

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


class CodeDescription(TypedDict):
    """Code of a model that ran.

    name: the model, or the repository that its configs name.
    revision: the commit; None for a folder.
    sha256: of its code files.
    """

    name: str
    revision: str | None
    sha256: str


class ModelDescription(VectorFields):
    """A model, or vectors made before (`name` is None). code: what ran of the model's own code, where some did."""

    name: str | None
    similarity: str
    code: NotRequired[list[CodeDescription]]


class RecallFields(TypedDict):
    """What an approximate index finds of the true nearest. An exact one has no field but the recall: 1 where one is asked for, else None.

    index: with its search settings.
    recall_interval: 95 %, over queries.
    recall_queries: of the sample.
    """

    recall: float | None
    index: NotRequired[str]
    recall_interval: NotRequired[list[float]]
    recall_queries: NotRequired[int]


class DenseDescription(ModelDescription, RecallFields):
    """A source that compares vectors."""

    source: str


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


class JudgeDescription(TypedDict):
    """A second judge. judge: its kind and knobs that change scores, as in the config.

    fingerprint: 64 hex digits, equal only for judges that give the same scores for the same pair.
    model: what is told of its model.
    """

    judge: str
    fingerprint: str
    model: dict[str, Any]


class RetrievalMetadata(TypedDict):
    """What the stored candidates say of themselves. evidence: the names of what was measured for each candidate.

    judges: the second judges whose scores are stored, by name.
    """

    similarity: str
    depth: int
    max_depth: int
    evidence: list[str]
    judges: NotRequired[dict[str, JudgeDescription]]


class RetrievalSection(RetrievalMetadata):
    """What the manifest says of pass 1.

    index, recall, recall_interval, recall_queries: of the approximate index that finds least. Where all are exact, the recall is 1
        if one is asked for, else None, and there is no interval.
    recall_target: the recall asked for.
    queries_deepened: queries whose list to `max_depth` was used, once pass 2 has counted them.
    """

    index: str
    recall: float | None
    recall_interval: NotRequired[list[float]]
    recall_queries: NotRequired[int]
    recall_target: NotRequired[float]
    distinct_passages: int
    sources: dict[str, SourceDescription]
    queries_deepened: NotRequired[int]
