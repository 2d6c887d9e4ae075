"""Pass 2 over stored candidates, without writing anything: what explaining, sweeping and comparing have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from miner.config import MiningConfig
from miner.core.choosing import Chooser
from miner.evidence.passage_vectors import stored
from miner.runs.candidate_store import check_belongs, positive_scores, read_blocks
from miner.runs.verdict_files import load_verdicts
from miner.types import Candidates, Codes, Dataset, Floats, Negatives


class Choice(NamedTuple):
    """Some anchors, what became of each of their candidates (B, K), and their negatives (B, M)."""

    anchors: Candidates
    dropped: Codes
    negatives: Negatives


def chooser(candidates: Path, dataset: Dataset, config: MiningConfig, verdicts: Path | None = None) -> Chooser:
    """The chooser that made a run, or would make it with another config. verdicts: the folder that holds them, if it is not the run's."""
    tables = {**stored(candidates.parent), **load_verdicts(verdicts or candidates.parent, dataset), **populations(candidates, config)}
    selector = Chooser(dataset, config, positive_scores(candidates), tables)
    selector.allot(lambda: read_blocks(candidates))
    return selector


def populations(candidates: Path, config: MiningConfig) -> dict[str, Floats]:
    """The scores of all known positives by each second judge, ascending: {"population:NAME": (S,)}."""
    scores = {name: positive_scores(candidates, name) for name in config.active_judges}
    return {f"population:{name}": np.sort(values[~np.isnan(values)]) for name, values in scores.items()}


def choices(candidates: Path, dataset: Dataset, config: MiningConfig) -> Iterator[Choice]:
    """Every anchor of a run, block by block."""
    check_belongs(candidates, dataset)
    selector = chooser(candidates, dataset, config)
    for block in read_blocks(candidates):
        for part in selector.lists_in_use(block):
            yield Choice(*selector.choose(part))
