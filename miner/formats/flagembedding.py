"""`flagembedding`: query, pos, neg as lists; what FlagEmbedding's (BGE's) embedder and reranker trainers read.

Its trainer repeats negatives where a row has fewer than it wants, so rows that ran short stay; a row without any would divide by zero
there, and is left out. The user's own columns `prompt` and `type` come along with --column extra, under these names, as it reads them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from miner.formats.row_checks import Row
from miner.formats.row_format import Format, TrainingRow, add_extra, anchors, merged_extra, own_columns
from miner.types import Dataset, Negatives

OURS = re.compile(r"query(_id)?|(pos|neg)(_id|_scores)?|neg_(ranks|tiers|sources)")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per anchor with at least one negative: all its positives, all its negatives, best first."""
    for query, positives, found in anchors(dataset, negatives, columns):
        if not found:
            continue
        row: dict[str, Any] = {
            "query": query.text,
            "pos": [passage.text for passage in positives],
            "neg": [passage.text for passage in found],
        }
        if "scores" in columns:
            row |= {"pos_scores": [passage.score for passage in positives], "neg_scores": [passage.score for passage in found]}
        if "ids" in columns:
            row |= {"query_id": query.id, "pos_id": [passage.id for passage in positives], "neg_id": [passage.id for passage in found]}
        if "ranks" in columns:
            row["neg_ranks"] = [passage.rank for passage in found]
        if "tiers" in columns:
            row["neg_tiers"] = [passage.tier for passage in found]
        if "sources" in columns:
            row["neg_sources"] = [list(passage.sources) for passage in found]
        yield add_extra(row, merged_extra(positives), OURS)


def read(row: Row) -> TrainingRow:
    """The positives, then the negatives."""
    positives, found = row.texts("pos"), row.texts("neg") if "neg" in row else ()
    zeros = (0,) * len(positives)
    return row.training(
        row.text("query"),
        positives + found,
        (1,) * len(positives) + (0,) * len(found),
        query_id=row.id("query_id"),
        ids=row.ids("pos_id", "neg_id"),
        scores=row.numbers("pos_scores", "neg_scores"),
        ranks=zeros + row.counts("neg_ranks") if "neg_ranks" in row else (),
        tiers=zeros + row.counts("neg_tiers") if "neg_tiers" in row else (),
        extra=own_columns(row.values, OURS),
    )


FLAGEMBEDDING = Format(write, read, knows=lambda row: "query" in row and "pos" in row)
