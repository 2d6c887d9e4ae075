"""Positives hidden from mining and training, so that negatives which are really positives can be counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from miner.errors import InputError
from miner.formats.atomic import write_json
from miner.noise import generator
from miner.types import Dataset

FEWEST = 50
"""Queries with two positives or more, below which a rate would say nothing."""


def hide(dataset: Dataset, folder: Path, seed: int) -> None:
    """Leave one positive of each query, drawn by (seed, query id); the others' judgements go, and hidden.json names them.

    InputError where fewer than 50 queries have two positives.
    """
    qrels = dataset.qrels
    owner = np.repeat(np.arange(len(dataset.queries)), np.diff(qrels.indptr))
    relevant = qrels.grades >= qrels.min_grade
    many = np.flatnonzero(np.bincount(owner, weights=relevant, minlength=len(dataset.queries)) > 1)
    if len(many) < FEWEST:
        raise InputError(
            f"hold_out wants {FEWEST} queries with two positives or more, and there are {len(many)}: nothing could be measured"
        )
    gone = np.zeros(len(owner), dtype=bool)
    hidden: dict[str, list[str]] = {}
    for query, name in zip(many.tolist(), dataset.queries.ids(many), strict=True):
        places = np.flatnonzero((owner == query) & relevant)
        shown = int(generator(seed, "hold out", name).integers(len(places)))
        gone[np.delete(places, shown)] = True
        hidden[name] = sorted(dataset.corpus.ids(qrels.rows[np.delete(places, shown)]))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner[~gone], minlength=len(dataset.queries)))]).astype(np.int64)
    extras = None if qrels.extras is None else [extra for extra, left in zip(qrels.extras, gone.tolist(), strict=True) if not left]
    shown_qrels = replace(qrels, indptr=indptr, rows=qrels.rows[~gone], grades=qrels.grades[~gone], extras=extras)
    replace(dataset, qrels=shown_qrels).save(folder)
    write_json(folder / "hidden.json", hidden)


def hidden_of(folder: Path) -> dict[str, set[str]]:
    """{query id: ids of its hidden positives}; empty where nothing is hidden."""
    path = folder / "hidden.json"
    return {query: set(passages) for query, passages in orjson.loads(path.read_bytes()).items()} if path.is_file() else {}
