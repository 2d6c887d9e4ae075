"""The results of a job: its training rows as lines, its dry run, and the deletion of all its data."""

from __future__ import annotations

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
from app.services import Services
from app.storage.job_rows import Job, JobResult
from miner.formats.row_readers import read_rows
from miner.io import folder_tree
from miner.io.scratch import scratch

LINES = "application/x-ndjson"
BATCH_ROWS = 256


async def rows(services: Services, job: Job, headers: Headers) -> Response:
    """The rows of a job that succeeded. Conflict where there are none."""
    file_id = job.result.get("files", {}).get("training_file")
    if job.state != "succeeded" or file_id is None:
        hint = " and its format is a folder of files: see result.files" if job.state == "succeeded" else ""
        raise Conflict(f"this job has no training file: it is {job.state}, of kind {job.kind}{hint}")
    file = await run_sync(services.files.get, file_id)
    if file.suffix == ".jsonl":
        return Content(services.files.path(file), file.bytes, file.etag, file.name, LINES, headers_of(headers))
    return StreamingResponse(_lines(services.state.jobs / job.id / "run" / file.name), media_type=LINES)


def plan(body: Any, services: Services) -> JobPlan:
    """The dry run of a job: its spec, and for a mining job the counts of its files, read as the job would read them."""
    spec = resolve(body, services)
    counts: JobResult = {}
    if body.kind == "mine":
        with scratch(services.state.incoming, ".plan-") as parent:
            folder = parent / "plan"  # the child process locks a file in it
            folder.mkdir()
            counts = services.readers.read(KINDS["plan"].prepare(spec, services, folder), folder)
    return JobPlan(kind=body.kind, spec=spec, counts=counts, free_bytes=services.state.free_bytes())


def remove(services: Services, job_id: str) -> None:
    """Delete a job: its rows, then the contents of its files, then its folder. A crash leaves unreferenced files, never dangling rows."""
    services.files.drop(services.state.reserve.with_reserve(lambda: services.queue.remove(job_id)))
    folder_tree.remove(services.state.jobs / job_id, ignore_errors=True)


def _lines(path: Path) -> Iterator[bytes]:
    buffer: list[bytes] = []
    for row in read_rows(path):
        buffer.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        if len(buffer) == BATCH_ROWS:
            yield b"".join(buffer)
            buffer.clear()
    yield b"".join(buffer)
