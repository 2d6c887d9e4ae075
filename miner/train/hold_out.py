"""Positives hidden from mining and training: all but one of each query, in a file beside the dataset."""

from __future__ import annotations

from pathlib import Path

from miner.analysis import hidden_positives
from miner.analysis.hidden_positives import MIN_QUERIES
from miner.io.atomic import write_json
from miner.io.plain_files import read_json
from miner.types import Dataset


def hide(dataset: Dataset, folder: Path, seed: int) -> None:
    """Keep one positive of each query, drawn by (seed, ids); remove the judgements of the others and write them to hidden.json.

    Raises InputError where fewer than 50 queries have two positives.
    """
    reduced, truth = hidden_positives.hide(dataset, seed, min_queries=MIN_QUERIES)
    hidden: dict[str, list[str]] = {}
    for query, passage in zip(dataset.queries.ids(truth.queries), dataset.corpus.ids(truth.passages), strict=True):
        hidden.setdefault(query, []).append(passage)
    reduced.save(folder)
    write_json(folder / "hidden.json", {query: sorted(passages) for query, passages in hidden.items()})


def hidden_of(folder: Path) -> dict[str, set[str]]:
    """{query id: ids of its hidden positives}; empty where nothing is hidden."""
    path = folder / "hidden.json"
    return {query: set(passages) for query, passages in read_json(path).items()} if path.is_file() else {}
