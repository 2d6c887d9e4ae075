"""Topic-aware batches with balanced margins (TAS-B, arXiv 2104.06967).

Queries are clustered once; a batch is drawn from one cluster, so that its in-batch negatives are on the same topic and hard. Within it,
rows are drawn evenly over `bins` bins of their margin (positive minus negative, where margins exist), so that easy pairs are not the
majority. A small cluster is filled from the nearest ones. In-batch positives of other rows become more likely: use a loss that masks them.
NGAME (arXiv 2207.04452, abstract only) does the same with new clusters each round: give new vectors each round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.train.batches.row_batches import RowBatches
from miner.train.parts.knobs import check_numbers
from miner.types import Floats


class TopicBatches(RowBatches):
    """Vectors (rows, D): of each row's query. topics: how many clusters (default: rows / (4 × batch)). margins (rows,): optional."""

    def __init__(
        self,
        dataset: Any,
        *,
        vectors: Floats,
        topics: int | None = None,
        margins: NDArray[Any] | None = None,
        bins: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, **kwargs)
        if len(vectors) != self.rows:
            raise ValueError(f"{len(vectors)} vectors for {self.rows} rows: one of each row's query is wanted")
        self.bins, self.margins = bins, margins
        check_numbers(self, "topics")
        count = min(self.rows, max(1, topics or self.rows // (4 * self.batch_size)))
        self.topic, self.centres = clusters(np.ascontiguousarray(vectors, dtype=np.float32), count, self.seed)

    def batches(self, draw: Any) -> list[list[int]]:
        """Return every row once: clusters are drawn by their remaining rows, short batches are filled from the nearest cluster."""
        remaining = {topic: list(self._balanced(np.flatnonzero(self.topic == topic), draw)) for topic in np.unique(self.topic).tolist()}
        batches: list[list[int]] = []
        while remaining:
            names = list(remaining)
            sizes = np.array([len(remaining[name]) for name in names], dtype=np.float64)
            topic = names[int(draw.choice(len(names), p=sizes / sizes.sum()))]
            batch: list[int] = []
            for near in self._by_distance(topic, names):
                missing = self.batch_size - len(batch)
                batch, remaining[near] = batch + remaining[near][:missing], remaining[near][missing:]
                if len(batch) == self.batch_size:
                    break
            remaining = {name: rows for name, rows in remaining.items() if rows}
            batches.append(batch)
        return batches[: len(self)]

    def _by_distance(self, topic: int, names: list[int]) -> list[int]:
        gaps = np.linalg.norm(self.centres[names] - self.centres[topic], axis=1)
        return [names[place] for place in np.argsort(gaps, kind="stable")]

    def _balanced(self, rows: NDArray[Any], draw: Any) -> NDArray[Any]:
        """Order the rows of a cluster so that they alternate between the margin bins; random without margins."""
        shuffled: NDArray[Any] = rows[draw.permutation(len(rows))]
        if self.margins is None or len(rows) < 2:
            return shuffled
        margins = np.asarray(self.margins)[shuffled]
        width: float = max(float(np.ptp(margins)), 1e-12) / self.bins
        bins = np.minimum(((margins - margins.min()) / width).astype(np.int64), self.bins - 1)
        turn = np.zeros(len(bins), dtype=np.int64)
        for bin_number in np.unique(bins):
            turn[bins == bin_number] = np.arange(int((bins == bin_number).sum()))
        ordered: NDArray[Any] = shuffled[np.lexsort((bins, turn))]
        return ordered


def clusters(vectors: Floats, count: int, seed: int) -> tuple[NDArray[Any], Floats]:
    """Return the cluster of each vector, and the centres, by FAISS' seeded k-means; each vector is a cluster where `count` is as large."""
    import faiss

    if count >= len(vectors):
        return np.arange(len(vectors)), vectors
    kmeans = faiss.Kmeans(vectors.shape[1], count, niter=20, seed=seed % 2**31, min_points_per_centroid=1, verbose=False)
    kmeans.train(vectors)
    _, nearest = kmeans.index.search(vectors, 1)
    return nearest[:, 0], np.asarray(kmeans.centroids)
