"""An index that a run would build: can FAISS build it, how is it searched, and what memory does it take?"""

from __future__ import annotations

from dataclasses import dataclass

from miner.config import MiningConfig
from miner.doctor.doctor_report import IndexCheck
from miner.errors import ConfigError
from miner.indexes import plan_index


@dataclass(frozen=True)
class IndexQuestion:
    """index: None: the one that suits the recall. passages, dims: how many vectors of how many dimensions."""

    index: str | None
    recall: float | None
    passages: int
    dims: int


def check_index(question: IndexQuestion) -> IndexCheck:
    """Return what the index would be, or why there can be none."""
    settings = {name: value for name, value in (("index", question.index), ("recall", question.recall)) if value is not None}
    try:
        config = MiningConfig.of(**settings)
        plan = plan_index(config.index, question.passages, question.dims, "cosine", config.recall)
    except ConfigError as error:
        return {"index": question.index or "", "recall": question.recall, "plan": None, "fault": error.with_flags}
    return {"index": config.index, "recall": config.recall, "plan": plan, "fault": ""}
