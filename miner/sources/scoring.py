"""One fixed-order function scores every (query, passage) pair, so that no batch, thread or index changes a bit of a score.

FAISS computes each pair by itself, in one order of dims; the pairs are only spread over threads.
"""

from __future__ import annotations

import numpy as np

from miner.types import Floats, Ints, Similarity


def pair_scores(queries: Floats, passages: Floats, positions: Ints, similarity: Similarity) -> Floats:
    """Shape (B, K): the score of query b and passage positions[b, k]; NaN where the position is -1.

    queries float32 (B, D), passages float32 (U, D), positions int64 (B, K). Cosine expects unit rows; euclidean gives minus the distance.
    """
    import faiss

    indices = np.ascontiguousarray(positions, dtype=np.int64)
    if indices.size and (indices.max() >= len(passages) or indices.min() < -1):
        raise IndexError(f"positions {indices.min()}..{indices.max()} of {len(passages)} passages")
    out = np.full(indices.shape, np.nan, dtype=np.float32)
    if not indices.size:
        return out
    score = getattr(faiss, "fvec_L2sqr_by_idx" if similarity == "euclidean" else "fvec_inner_products_by_idx")  # generated, unknown to mypy
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    pointers = (faiss.swig_ptr(array) for array in (out, queries, passages, indices))
    score(*pointers, passages.shape[1], len(indices), indices.shape[1])
    out[indices < 0] = np.nan
    if similarity == "euclidean":
        np.negative(np.sqrt(out, out=out), out=out)
    return out + np.float32(0)  # -0.0 becomes 0.0: one bit pattern per score


def to_unit(vectors: Floats) -> None:
    """Make every row (N, D) of length one, in place. A zero vector stays zero."""
    for start in range(0, len(vectors), 16_384):
        part = vectors[start : start + 16_384]
        # In float64, so that a row's length does not depend on how numpy sums it.
        norms = np.sqrt(np.einsum("nd,nd->n", part, part, dtype=np.float64))
        part /= np.maximum(norms, np.finfo(np.float32).tiny)[:, None]


def lengths(vectors: Floats) -> Floats:
    """Shape (N,): the length of each row."""
    parts = [
        np.sqrt(np.einsum("nd,nd->n", v, v, dtype=np.float64)) for v in (vectors[s : s + 16_384] for s in range(0, len(vectors), 16_384))
    ]
    return np.concatenate(parts).astype(np.float32)


def order_keys(scores: Floats, positions: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    """Shape (B, K): integers that sort as (score falling, position rising), padding last."""
    bits = scores.view(np.uint32)
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    falling = np.where(positions < 0, np.uint32(0xFFFFFFFF), ~rising).astype(np.uint64)
    return (falling << np.uint64(32)) | (positions.astype(np.uint64) & np.uint64(0xFFFFFFFF))
