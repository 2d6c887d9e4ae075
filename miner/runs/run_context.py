"""What the stages of a run share: config, runtime, progress, the time each stage took, the hashes of what they read and wrote."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from miner.config import MiningConfig, Runtime
from miner.io.row_writer import sha256_of
from miner.judges import Judge
from miner.judges.open_judge import open_judge
from miner.types import SAME_QUESTIONS_FILE, Progress, RetrievalSection

log = logging.getLogger(__name__)

SHOWN_NAMES = {"rehearse": "preflight"}
"""Stages that manifests call otherwise than the glossary."""

MAX_PARALLEL_BLOCKS = 8
"""Blocks in the making at the same time: each holds some 60 MB at depth 1,000."""

SHARED_ARTIFACTS = ("candidates.parquet", "vectors.npy")
"""Of pass 1: what an export shares with the run it was made from."""

DATA_FILES = ("queries.arrow", "corpus.arrow", "qrels.arrow", SAME_QUESTIONS_FILE)
DATASET_FILES = (*DATA_FILES, "dataset.json", "errors.jsonl")


class RunContext:
    """Config, runtime, progress and the time each stage took.

    paraphrase: the user's function for the variation of that name. judge_models: loaded models of second judges, by name.
    """

    def __init__(
        self,
        config: MiningConfig,
        runtime: Runtime,
        on_progress: Progress | None,
        paraphrase: Callable[[str], str] | None = None,
        judge_models: Mapping[str, Any] | None = None,
    ) -> None:
        self.paraphrase = paraphrase
        self.config, self.runtime, self.timings = config, runtime, dict[str, float]()
        self.judges, self._judge_models = dict[str, Judge](), judge_models or {}
        self.progress: Progress = on_progress or no_progress
        self.retrieval: RetrievalSection | None = None
        self.hashes: dict[Path, str] = {}

    @property
    def retrieved(self) -> RetrievalSection:
        """What pass 1 of this run said of itself."""
        assert self.retrieval is not None, "pass 1 comes first"
        return self.retrieval

    def judge(self, name: str) -> Judge:
        """The second judge of that name, opened when it is first asked for."""
        if name not in self.judges:
            part = self.config.active_judges[name]
            self.judges[name] = open_judge(part, self.config, self.runtime, self.progress, self._judge_models.get(name))
        return self.judges[name]

    def sha256_of(self, path: Path) -> str:
        """Of a file or folder that the run is done with: read once."""
        if path not in self.hashes:
            self.hashes[path] = sha256_of(path)
        return self.hashes[path]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs inside takes this stage's time."""
        started, shown_name = time.perf_counter(), SHOWN_NAMES.get(name, name)
        self.progress(shown_name, 0, 0)
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)
        log.info("%s took %.1f s", shown_name, self.timings[name])


def no_progress(stage: str, done: int, total: int) -> None:
    """Nobody is watching."""
