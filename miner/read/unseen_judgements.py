"""Judgements that a run did not use: further positives of its queries. Imports its neighbours only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from miner.errors import InputError
from miner.io.input_files import InputHashes, existing_path
from miner.io.scratch import scratch
from miner.read.ids import xxh_keys
from miner.read.judgements import read_qrels
from miner.read.rejects import Origin, Rejects
from miner.read.text_writer import StoredTexts
from miner.types import Dataset, Ints, Texts


@dataclass(frozen=True)
class Truth:
    """Relevant pairs as rows of a dataset, (J,) each. unknown: number of judgements of queries or passages outside the dataset."""

    queries: Ints
    passages: Ints
    unknown: int


def read_truth(path: Path | str, dataset: Dataset, min_grade: int = 1) -> Truth:
    """Read all relevant pairs of a qrels file of any kind. Raises InputError when none is in the dataset."""
    existing_path(str(path), "truth")
    with scratch() as folder, Rejects(folder, "skip") as rejects:
        judgements = read_qrels(
            (str(path),), _read(dataset.queries, "queries"), _read(dataset.corpus, "corpus"), {}, rejects, InputHashes()
        )
        queries, passages, grades = judgements.arrays()
    relevant = grades >= min_grade
    if not relevant.any():
        raise InputError(f"{path} judges no query and passage of this run ({rejects.count:,} judgements of others)")
    return Truth(queries[relevant], passages[relevant], rejects.count)


def _read(texts: Texts, name: str) -> StoredTexts:
    parts = [xxh_keys(batch.column("id").to_pylist()) for batch in texts.batches()]
    return StoredTexts(texts, np.concatenate([xxh_keys(()), *parts]), Origin(name))
