"""/v1/jobs/{id}/reviews: an append-only log of verdicts on the pairs of a run. An export can use them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.guard import CallerDep
from app.requests import review_requests
from app.requests.review_requests import ReviewList, ReviewOut
from app.schemas import Responses
from app.services import ServicesDep
from miner.core.verdicts import Verdict

router = APIRouter(prefix="/v1/jobs/{job_id}/reviews", tags=["reviews"])

IfMatch = Annotated[int | None, Depends(review_requests.if_match)]
Verdicts = Annotated[list[Verdict], Depends(review_requests.read_verdicts)]
MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "412 if there are newer reviews",
}
LINES = {review_requests.LINES: {"schema": {"type": "string"}}}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReviewRequest"}}, **LINES},
    },
    "parameters": [MATCH],
}
RESPONSES: Responses = {200: {"content": LINES}, 304: {"description": "The client has it already (If-None-Match)."}}


@router.get("", response_model=ReviewList, responses=RESPONSES, operation_id="list_reviews")
def list_reviews(
    job_id: str,
    request: Request,
    response: Response,
    services: ServicesDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    format: Literal["json", "jsonl"] = "json",  # noqa: A002 - the parameter's name
) -> Any:
    """Get the log, oldest first. format=jsonl gives the verdicts in force, as a file for `hardneg export --verdicts`."""
    last = services.reviews.last(job_id)
    if format == "jsonl":
        return review_requests.as_file(services.reviews.current(job_id, last), last, request.headers.get("if-none-match", ""))
    response.headers["ETag"] = review_requests.etag(last)
    return ReviewList.of(services.reviews.ls(job_id, after, limit))


@router.post("", status_code=201, response_model=ReviewList, openapi_extra=BODY, operation_id="add_reviews")
def add_reviews(
    job_id: str, verdicts: Verdicts, response: Response, services: ServicesDep, caller: CallerDep, expected_last: IfMatch
) -> ReviewList:
    """Add verdicts on pairs of a job that succeeded. They are stored when the answer arrives. The latest verdict on a pair counts."""
    added = services.reviews.append(job_id, verdicts, caller, expected_last)
    response.headers["ETag"] = review_requests.etag(added[-1].number)
    return ReviewList.of(added)


@router.delete("/{number}", response_model=ReviewOut, openapi_extra={"parameters": [MATCH]}, operation_id="withdraw_review")
def withdraw_review(
    job_id: str, number: int, response: Response, services: ServicesDep, caller: CallerDep, expected_last: IfMatch
) -> ReviewOut:
    """Withdraw an entry. The withdrawal is a new entry, and the previous verdict on the pair counts again."""
    review = services.reviews.withdraw(job_id, number, caller, expected_last)
    response.headers["ETag"] = review_requests.etag(review.number)
    return ReviewOut.of(review)
