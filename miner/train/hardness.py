"""The loss and the margin of every row under the current model, for batch samplers. numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from miner.train.training_rows import TrainingColumns
from miner.types import Floats, Side

CHUNK_ROWS = 256
Encode = Callable[[list[str], Side], Floats]


def row_losses(rows: TrainingColumns, encode: Encode, scale: float = 20.0) -> NDArray[np.float64]:
    """Return shape (rows,): -log of the positive's softmax share among the row's negatives and the positives of its chunk of 256 rows."""
    chunks = [np.arange(start, min(start + CHUNK_ROWS, len(rows))) for start in range(0, len(rows), CHUNK_ROWS)]
    return _losses(rows, encode, chunks, scale)


def batch_losses(rows: TrainingColumns, encode: Encode, batches: Sequence[Sequence[int]], scale: float = 20.0) -> NDArray[np.float64]:
    """Return shape (batches,): the mean loss of each batch's rows, whose chunk is the batch."""
    chunks = [np.asarray(batch, dtype=np.int64) for batch in batches]
    losses = _losses(rows, encode, chunks, scale)
    return np.array([losses[chunk].mean() for chunk in chunks])


def _losses(rows: TrainingColumns, encode: Encode, chunks: Sequence[NDArray[np.int64]], scale: float) -> NDArray[np.float64]:
    """Shape (rows,). chunks: row numbers; positives of the same chunk are each other's negatives."""
    anchors, positives = unit(encode(rows.columns["anchor"], "query")), unit(encode(rows.columns["positive"], "passage"))
    negatives = [unit(encode(rows.columns[name], "passage")) for name in rows.negatives]
    all_texts = np.array(rows.columns["positive"], dtype=object)
    losses = np.full(len(rows), np.nan)
    for part in chunks:
        texts = all_texts[part]
        logits = scale * anchors[part] @ positives[part].T
        logits[(texts[:, None] == texts) & ~np.eye(len(texts), dtype=bool)] = -np.inf
        negative_logits = [scale * (anchors[part] * vectors[part]).sum(axis=1)[:, None] for vectors in negatives]
        all_logits = np.concatenate([logits, *negative_logits], axis=1)
        top = all_logits.max(axis=1, keepdims=True)
        losses[part] = np.log(np.exp(all_logits - top).sum(axis=1)) + top[:, 0] - np.diag(logits)
    return losses


def margins(rows: TrainingColumns, encode: Encode) -> NDArray[np.float64] | None:
    """Return shape (rows,): cosine of the positive minus that of the nearest negative; None without negatives."""
    if not rows.negatives:
        return None
    anchors = unit(encode(rows.columns["anchor"], "query"))
    scores = [(anchors * unit(encode(rows.columns[name], "passage"))).sum(axis=1) for name in ("positive", *rows.negatives)]
    gaps: NDArray[np.float64] = scores[0] - np.max(scores[1:], axis=0)
    return gaps


def unit(vectors: Floats) -> NDArray[np.float64]:
    """Return the vectors with unit length, in float64; a zero vector stays zero."""
    float64_vectors = vectors.astype(np.float64)
    unit_vectors: NDArray[np.float64] = float64_vectors / np.maximum(np.linalg.norm(float64_vectors, axis=1, keepdims=True), 1e-12)
    return unit_vectors
