"""`mine_hard_negatives`, with the signature of sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from miner.compat.arguments import check_arguments
from miner.compat.choose import choose
from miner.compat.distinct_texts import DistinctTexts
from miner.compat.embed import embed
from miner.compat.output import table
from miner.compat.repairs import repairs
from miner.compat.search import open_search
from miner.compat.verbose import statistics

if TYPE_CHECKING:
    from datasets import Dataset


def mine_hard_negatives(
    dataset: Dataset,
    model: Any,
    anchor_column_name: str | None = None,
    positive_column_name: str | None = None,
    corpus: Iterable[str] | None = None,
    cross_encoder: Any = None,
    range_min: int = 0,
    range_max: int | None = None,
    max_score: float | None = None,
    min_score: float | None = None,
    absolute_margin: float | None = None,
    relative_margin: float | None = None,
    num_negatives: int = 3,
    sampling_strategy: Literal["random", "top"] = "top",
    query_prompt_name: str | None = None,
    query_prompt: str | None = None,
    corpus_prompt_name: str | None = None,
    corpus_prompt: str | None = None,
    include_positives: bool = False,
    output_format: Literal["triplet", "n-tuple", "labeled-pair", "labeled-list"] = "triplet",
    output_scores: bool = False,
    batch_size: int = 32,
    faiss_batch_size: int = 16384,
    use_faiss: bool = False,
    use_multi_process: list[str] | bool = False,
    verbose: bool = True,
    cache_folder: str | None = None,
    as_triplets: bool | None = None,
    margin: float | None = None,
) -> Dataset:
    """Mine hard negatives for a dataset of (anchor, positive) rows: sentence-transformers 6.2.0's function on this project's engine.

    model: a SentenceTransformer, or any object with `encode_query`, `encode_document`, `similarity` and `similarity_pairwise`.
    corpus: texts to mine from beside the positives: a list, a tuple, a column of `datasets`, a Series of pandas or polars, an array of
    NumPy or Arrow, a generator. cross_encoder: anything with `predict`; its scores replace the model's where a
    margin, max_score or min_score is set.

    Filters: a positive of the query is never its negative (unless include_positives). With P the score of the query's weakest positive, a
    candidate above P - absolute_margin, P - |P| * relative_margin or max_score, or below min_score, is dropped. range_min and range_max
    count the remaining candidates.
    Choosing: the first num_negatives ("top"), or as many drawn from Python's global `random` ("random").
    Rows: "triplet" anchor, positive, negative · "n-tuple" anchor, positive, negative_1 … (rows that are full) · "labeled-pair" anchor,
    passage, label · "labeled-list" anchor, passages, labels; output_scores adds or puts in their place the scores.

    Vectors are cached in `cache_folder`, by the model's content. Where this differs from the original: see `Repairs`.
    Raises ValueError for arguments, as the original does, and ModelError where a model gives NaN.
    """
    values = dict(locals())
    from datasets import Dataset

    arguments = check_arguments(dataset, values, repairs())
    pairs = DistinctTexts.read(arguments)
    queries, passages = embed(model, pairs, arguments)
    mined = choose(open_search(model, queries, passages, pairs, arguments), pairs, arguments)
    arguments.say("Negative candidates mined, preparing dataset...")
    result = table(pairs, arguments, mined)
    output = Dataset.from_dict(result.columns)
    if verbose:
        statistics(arguments, mined, result, len(output), len(pairs.queries))
    return output
