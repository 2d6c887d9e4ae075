"""/v1/jobs: background jobs that outlive the request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.guard import CallerDep
from app.requests import job_events, job_requests, job_results
from app.requests.job_requests import IDEMPOTENCY_HEADER, IdempotencyKey
from app.schemas import JobList, JobOut, JobPlan, Responses
from app.services import ServicesDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

State = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled", "crashed"]
BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobRequest"}}}},
    "parameters": [IDEMPOTENCY_HEADER],
}
EVENT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["id", "event", "data"],
}
EVENTS: Responses = {200: {"content": {"text/event-stream": {"schema": EVENT}}}}
RESPONSES: Responses = {
    200: {"model": JobPlan, "description": "?dry_run=true: an estimate of the job."},
    202: {"model": JobOut, "description": "The job waits for a worker, or exists already under this Idempotency-Key."},
}
LINES: Responses = {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}


@router.post("", status_code=202, response_model=None, openapi_extra=BODY, responses=RESPONSES, operation_id="create_job")
async def create_job(
    body: Annotated[Any, Depends(job_requests.job_request)],
    response: Response,
    services: ServicesDep,
    caller: CallerDep,
    key: IdempotencyKey,
    dry_run: bool = False,
) -> JobOut | JobPlan:
    """Submit a job. With dry_run=true it is checked and estimated, but not run."""
    if dry_run:
        response.status_code = 200
        return await services.dry_run_pool.run(job_results.plan, body, services)
    job = await run_sync(job_requests.submit, body, services, caller, key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobOut.of(job)


@router.get("", response_model=JobList, operation_id="list_jobs")
def list_jobs(
    services: ServicesDep,
    state: State | None = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    after: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobList:
    """List the jobs, newest first. `after` is the id of the last job of the previous page."""
    return JobList(jobs=[JobOut.of(job) for job in services.queue.ls(state, kind, after, limit)])


@router.get("/{job_id}", response_model=JobOut, operation_id="get_job")
async def get_job(
    job_id: str, services: ServicesDep, wait: Annotated[float, Query(ge=0, le=60)] = 0, seen: Annotated[int, Query(ge=0)] = 2**53
) -> JobOut:
    """Get a job. `wait` delays the answer by up to that many seconds, until the job ends or has an event later than number `seen`."""
    return JobOut.of(await job_events.wait_for_job(services, job_id, wait, seen))


@router.get("/{job_id}/events", response_class=Response, responses=EVENTS, operation_id="get_job_events")
async def get_job_events(
    job_id: str, services: ServicesDep, last_event_id: Annotated[str, Header(pattern=r"^\d{1,18}$")] = "0"
) -> Response:
    """Stream the events of a job as Server-Sent Events. Last-Event-ID resumes after that event, also after a restart of the service."""
    return await job_events.event_stream(services, job_id, int(last_event_id))


@router.head("/{job_id}/results", include_in_schema=False)
@router.get("/{job_id}/results", response_class=Response, responses=LINES, operation_id="get_job_results")
async def get_job_results(job_id: str, request: Request, services: ServicesDep, wait: Annotated[float, Query(ge=0, le=60)] = 0) -> Response:
    """Get the training rows as JSON lines, whatever the format of the stored file. 409 until the job has produced them."""
    return await job_results.rows(services, await job_events.finished(services, job_id, wait), request.headers)


@router.post("/{job_id}/cancel", response_model=JobOut, operation_id="cancel_job")
def cancel_job(job_id: str, services: ServicesDep) -> JobOut:
    """Cancel a job. A job that has ended is not changed."""
    return JobOut.of(services.queue.cancel(job_id))


@router.post("/{job_id}/retry", status_code=202, response_model=JobOut, operation_id="retry_job")
def retry_job(job_id: str, services: ServicesDep) -> JobOut:
    """Retry a job that failed, crashed or was cancelled. Finished work is not repeated. 409 when an input was deleted."""
    return JobOut.of(services.queue.retry(job_id))


@router.delete("/{job_id}", status_code=204, operation_id="delete_job")
def delete_job(job_id: str, services: ServicesDep) -> None:
    """Delete a job that has ended, with its files. 409 while another job needs its run or one of its files."""
    job_results.remove(services, job_id)
