"""Data of the pages about a run: its folder, and its survey, which is computed once and stored beside it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import takewhile

from app.errors import Conflict
from app.jobs.stores import Stores
from app.pages.overview import SampleSummary
from app.storage.job_rows import Job
from app.storage.reviews import REVIEWED, Review
from miner.analysis.survey import VERSION, SurveyReport, survey
from miner.io.plain_files import read_json
from miner.io.row_writer import write_json
from miner.runs.run import Run

SURVEY = "survey.json"

_lock = threading.Lock()
"""One survey is computed at a time: it reads all candidates of a run."""


def run_of(stores: Stores, job_id: str) -> tuple[Job, Run]:
    """A job that succeeded, with its run. NotFound, Conflict where there is none."""
    job = stores.queue.get(job_id)
    if job.kind not in REVIEWED or job.state != "succeeded":
        raise Conflict(f"this job has no page: it is {job.state}, of kind {job.kind}")
    return job, Run(stores.reviews.folder(job.id))


def survey_of(run: Run) -> SurveyReport:
    """The stored survey of a run; computed if there is none, or one of an older version."""
    path = run.folder.parent / SURVEY
    with _lock:
        if path.exists():
            stored: SurveyReport = read_json(path)
            if stored["version"] == VERSION:
                return stored
        result = survey(run)
        write_json(path, result)
    return result


def sample_summary(sample: Sequence[Mapping[str, str]], reviews: Sequence[Review]) -> SampleSummary:
    """Counts over the reviewed prefix of the sample. Later reviews do not count: the reviewer selected those pairs, so they are biased."""
    verdicts = {(review.query_id, review.passage_id): review.verdict for review in reviews}
    prefix = list(takewhile(bool, (verdicts.get((pair["query_id"], pair["passage_id"])) for pair in sample)))
    decided = [verdict for verdict in prefix if verdict != "unsure"]
    return SampleSummary(len(sample), len(prefix), len(decided), decided.count("false_negative"))
