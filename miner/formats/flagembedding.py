"""`flagembedding`: query, pos, neg as lists; what FlagEmbedding's (BGE's) embedder and reranker trainers read.

Its trainer repeats negatives where a row has too few, so short queries keep their row; a row without any would divide by zero there, and
is left out. With --column extra the user's columns `prompt` and `type` keep their names, as the trainer reads them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, TrainingRow, add_extra, anchors, merged_extra, own_columns
from miner.types import Dataset, Negatives

RESERVED_COLUMNS = re.compile(r"query(_id)?|(pos|neg)(_id|_scores)?|neg_(ranks|tiers|sources)")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per anchor with at least one negative: all its positives, all its negatives, best first."""
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        if not hard_negatives:
            continue
        row: JsonRow = {
            "query": query.text,
            "pos": [passage.text for passage in positives],
            "neg": [passage.text for passage in hard_negatives],
        }
        if "scores" in columns:
            row |= {"pos_scores": [passage.score for passage in positives], "neg_scores": [passage.score for passage in hard_negatives]}
        if "ids" in columns:
            row |= {
                "query_id": query.id,
                "pos_id": [passage.id for passage in positives],
                "neg_id": [passage.id for passage in hard_negatives],
            }
        if "ranks" in columns:
            row["neg_ranks"] = [passage.rank for passage in hard_negatives]
        if "tiers" in columns:
            row["neg_tiers"] = [passage.tier for passage in hard_negatives]
        if "sources" in columns:
            row["neg_sources"] = [list(passage.sources) for passage in hard_negatives]
        yield add_extra(row, merged_extra(positives), RESERVED_COLUMNS)


def read(row: ParsedRow) -> TrainingRow:
    """Read the positives, then the negatives."""
    positives, negatives = row.texts("pos"), row.texts("neg") if "neg" in row else ()
    zeros = (0,) * len(positives)
    return row.training(
        row.text("query"),
        positives + negatives,
        (1,) * len(positives) + (0,) * len(negatives),
        query_id=row.id("query_id"),
        ids=row.ids("pos_id", "neg_id"),
        scores=row.numbers("pos_scores", "neg_scores"),
        ranks=zeros + row.counts("neg_ranks") if "neg_ranks" in row else (),
        tiers=zeros + row.counts("neg_tiers") if "neg_tiers" in row else (),
        extra=own_columns(row.values, RESERVED_COLUMNS),
    )


FLAGEMBEDDING = Format(write, read, matches=lambda row: "query" in row and "pos" in row)
