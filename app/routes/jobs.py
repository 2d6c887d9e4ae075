"""/v1/jobs: long work that goes on without whoever asked for it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.auth.keys import Caller
from app.guard import caller_of
from app.requests import job_events, job_requests, job_results
from app.schemas import JobList, JobOut, JobPlan
from app.services import Desk, desk

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

At = Annotated[Desk, Depends(desk)]
By = Annotated[Caller, Depends(caller_of)]
Key = Annotated[str | None, Depends(job_requests.idempotency_key)]
State = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled", "crashed"]
KEY_PARAMETER = {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255}}
BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobRequest"}}}},
    "parameters": [KEY_PARAMETER],
}
EVENT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["id", "event", "data"],
}
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": EVENT}}}}
MADE: dict[int | str, dict[str, Any]] = {
    200: {"model": JobPlan, "description": "?dry_run=true: what it would be."},
    202: {"model": JobOut, "description": "It waits for a worker, or was made before with this Idempotency-Key."},
}
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}


@router.post("", status_code=202, response_model=None, openapi_extra=BODY, responses=MADE, operation_id="create_job")
async def create_job(
    wanted: Annotated[Any, Depends(job_requests.job_request)], response: Response, at: At, by: By, key: Key, dry_run: bool = False
) -> JobOut | JobPlan:
    """Put a job into the queue; with ?dry_run=true say what it would be, and do nothing."""
    if dry_run:
        response.status_code = 200
        return await at.plans.run(job_results.plan, wanted, at)
    job = await run_sync(job_requests.submit, wanted, at, by, key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobOut.of(job)


@router.get("", response_model=JobList, operation_id="list_jobs")
def list_jobs(
    at: At,
    state: State | None = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    after: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobList:
    """The jobs, newest first; `after` goes on behind one."""
    return JobList(jobs=[JobOut.of(job) for job in at.queue.ls(state, kind, after, limit)])


@router.get("/{job_id}", response_model=JobOut, operation_id="get_job")
async def get_job(job_id: str, at: At, wait: Annotated[float, Query(ge=0, le=60)] = 0, seen: Annotated[int, Query(ge=0)] = 2**53) -> JobOut:
    """What has become of a job; ?wait= holds the answer for so many seconds, until it ends or something beyond event ?seen= happens."""
    return JobOut.of(await job_events.job_when(at, job_id, wait, seen))


@router.get("/{job_id}/events", response_class=Response, responses=EVENTS, operation_id="get_job_events")
async def get_job_events(job_id: str, at: At, last_event_id: Annotated[str, Header(pattern=r"^\d{1,18}$")] = "0") -> Response:
    """What happens to a job, as Server-Sent Events; Last-Event-ID goes on behind one, after a restart too."""
    return await job_events.event_stream(at, job_id, int(last_event_id))


@router.head("/{job_id}/results", include_in_schema=False)
@router.get("/{job_id}/results", response_class=Response, responses=LINES, operation_id="get_job_results")
async def get_job_results(job_id: str, request: Request, at: At, wait: Annotated[float, Query(ge=0, le=60)] = 0) -> Response:
    """The training rows, one JSON object a line, whatever the file is written as; 409 while there are none."""
    return await job_results.rows(at, await job_events.finished(at, job_id, wait), request.headers)


@router.post("/{job_id}/cancel", response_model=JobOut, operation_id="cancel_job")
def cancel_job(job_id: str, at: At) -> JobOut:
    """Stop a job; one that has ended stays as it is."""
    return JobOut.of(at.queue.cancel(job_id))


@router.post("/{job_id}/retry", status_code=202, response_model=JobOut, operation_id="retry_job")
def retry_job(job_id: str, at: At) -> JobOut:
    """Try a job again that failed, crashed or was cancelled; what it has done is not done again. 409 when what it needs is gone."""
    return JobOut.of(at.queue.retry(job_id))


@router.delete("/{job_id}", status_code=204, operation_id="delete_job")
def delete_job(job_id: str, at: At) -> None:
    """Forget a job that has ended, with its files; 409 while another job needs its run or one of its files."""
    job_results.remove(at, job_id)
