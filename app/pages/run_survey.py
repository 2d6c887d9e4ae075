"""Runs as the pages look at them: the run folder of a job, and the survey that is made of it once and kept beside it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import orjson

from app.errors import Conflict
from app.jobs.stores import Stock
from app.pages.overview import Sampled
from app.storage.job_rows import Job
from app.storage.reviews import REVIEWED, Review
from miner.analysis.survey import VERSION, survey
from miner.io.row_files import write_json
from miner.runs.run import Run

SURVEY = "survey.json"

_making = threading.Lock()
"""One survey at a time: it reads all candidates of a run."""


def run_of(stock: Stock, job_id: str) -> tuple[Job, Run]:
    """A job that succeeded, with its run. NotFound, Conflict where there is none."""
    job = stock.queue.get(job_id)
    if job.kind not in REVIEWED or job.state != "succeeded":
        raise Conflict(f"there is nothing to look at: this job is {job.state}, of kind {job.kind}")
    return job, Run(stock.reviews.folder(job.id))


def survey_of(run: Run) -> dict[str, Any]:
    """The survey; made now where there is none yet, or one that an older version has made."""
    path = run.folder.parent / SURVEY
    with _making:
        if path.exists():
            kept: dict[str, Any] = orjson.loads(path.read_bytes())
            if kept["version"] == VERSION:
                return kept
        made = survey(run)
        write_json(path, made)
    return made


def sampled_of(sample: Sequence[Mapping[str, str]], standing: Sequence[Review]) -> Sampled:
    """What the reviewed beginning of the sample says. Words about pairs further on do not count: somebody chose to look at those."""
    said = {(review.query_id, review.passage_id): review.verdict for review in standing}
    words = list(takewhile(bool, (said.get((pair["query_id"], pair["passage_id"])) for pair in sample)))
    decided = [word for word in words if word != "unsure"]
    return Sampled(len(sample), len(words), len(decided), decided.count("false_negative"))
