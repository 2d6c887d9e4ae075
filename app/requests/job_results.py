"""What a job has made, on its way out: the training rows as lines, and everything that goes when the job goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from app.errors import Conflict
from app.http.content import Content, headers_of
from app.jobs.job_kinds import KINDS
from app.requests.job_requests import resolve
from app.schemas import JobPlan
from app.services import Desk
from app.storage.job_rows import Job
from miner.formats.row_readers import read_rows
from miner.io.scratch import scratch

LINES = "application/x-ndjson"
BATCH = 256


async def rows(at: Desk, job: Job, asked: Headers) -> Response:
    """The rows of a job that succeeded. Conflict where there are none."""
    file_id = job.result.get("files", {}).get("training_file")
    if job.state != "succeeded" or file_id is None:
        several = " and its format is a folder of files: see result.files" if job.state == "succeeded" else ""
        raise Conflict(f"there are no training rows in one file: this job is {job.state}, of kind {job.kind}{several}")
    file = await run_sync(at.files.get, file_id)
    if file.suffix == ".jsonl":
        return Content(at.files.path(file), file.bytes, file.etag, file.name, LINES, headers_of(asked))
    return StreamingResponse(_lines(at.state.jobs / job.id / "run" / file.name), media_type=LINES)


def plan(wanted: Any, at: Desk) -> JobPlan:
    """What a job would be: the spec, and for a mining job what is in the files, read as the job would read them."""
    spec = resolve(wanted, at)
    counts: dict[str, Any] = {}
    if wanted.kind == "mine":
        with scratch(at.state.incoming, ".plan-") as held:
            folder = held / "plan"  # the process that reads has a lock of its own
            folder.mkdir()
            counts = at.readers.read(KINDS["plan"].prepare(spec, at, folder), folder)
    return JobPlan(kind=wanted.kind, spec=spec, counts=counts, free_bytes=at.state.free_bytes())


def remove(at: Desk, job_id: str) -> None:
    """Forget a job: its row and those of its files, then their contents, then its folder, so that a cut leaves bytes and never a lie."""
    at.files.drop(at.state.reserve.freeing(lambda: at.queue.remove(job_id)))
    shutil.rmtree(at.state.jobs / job_id, ignore_errors=True)


def _lines(path: Path) -> Iterator[bytes]:
    held: list[bytes] = []
    for row in read_rows(path):
        held.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        if len(held) == BATCH:
            yield b"".join(held)
            held.clear()
    yield b"".join(held)
