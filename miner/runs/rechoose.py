"""Repeats pass 2 on stored candidates without writing: shared by explain, sweep, survey and comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from miner.config import MiningConfig
from miner.core.pipeline import Chooser
from miner.evidence.passage_vectors import stored
from miner.runs.candidate_store import check_belongs, positive_scores, read_blocks
from miner.runs.verdict_files import load_verdicts
from miner.types import Candidates, Codes, Dataset, Negatives


class Choice(NamedTuple):
    """The result of pass 2 for B anchors: candidates, the filter that dropped each (B, K), and negatives (B, M)."""

    anchors: Candidates
    dropped: Codes
    negatives: Negatives


def chooser(candidates: Path, dataset: Dataset, config: MiningConfig, verdicts: Path | None = None) -> Chooser:
    """Pass 2 of a run with a config.

    candidates: the folder of stored candidates.
    verdicts: the folder with the file of verdicts; None: that of the run.
    """
    tables = {**stored(candidates.parent), **load_verdicts(verdicts or candidates.parent, dataset)}
    selector = Chooser(dataset, config, positive_scores(candidates), tables)
    selector.allot(lambda: read_blocks(candidates))
    return selector


def choices(candidates: Path, dataset: Dataset, config: MiningConfig) -> Iterator[Choice]:
    """The results of pass 2 of a run, block by block."""
    check_belongs(candidates, dataset)
    selector = chooser(candidates, dataset, config)
    for block in read_blocks(candidates):
        for part in selector.searched(block):
            yield Choice(*selector.choose(part))
