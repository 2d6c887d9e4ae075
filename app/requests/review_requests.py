"""Reviews over HTTP: the models of requests and answers, If-Match and ETag. Called by routes/reviews.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import Outdated, TooLarge, WrongFields
from app.http.body import json_body, lines_body, validated
from app.schemas import STRICT, time_of
from app.storage.reviews import Review, verdict_file
from miner.core.verdicts import MAX_VERDICT_CHARS, VERDICTS, Verdict, verdict_of
from miner.errors import InputError
from miner.support.json_depth import depth_fault
from miner.support.json_keys import key_fault

LINES = "application/x-ndjson"
ETAG = re.compile(r'"(\d{1,18})"', re.ASCII)
Id = Annotated[str, Field(min_length=1, max_length=MAX_VERDICT_CHARS)]


class VerdictIn(BaseModel):
    """What is said of a query and a passage."""

    model_config = STRICT

    query_id: Id
    passage_id: Id
    verdict: Literal["false_negative", "true_negative", "unsure"]


class ReviewRequest(BaseModel):
    """Verdicts to be added to the log; the same as a verdict file, one a line, with Content-Type: application/x-ndjson.

    Whose they are is the name of the key that brings them: `by` and `at` of a file are not taken over.
    """

    model_config = STRICT

    verdicts: list[VerdictIn] = Field(min_length=1)


class ReviewOut(BaseModel):
    """An entry of the log: a verdict, or the withdrawal of an earlier entry."""

    number: int
    query_id: str
    passage_id: str
    verdict: Literal["false_negative", "true_negative", "unsure", "withdrawn"]
    by: str = Field(description="the name of the key that gave the verdict")
    key: str = Field(description="the id of that key")
    withdraws: int | None = Field(description="the entry that this one withdraws")
    at: datetime

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        """The answer for an entry."""
        return cls(**{**vars(review), "by": review.said_by, "key": review.key_id, "at": time_of(review.at)})


class ReviewList(BaseModel):
    """Entries of the log, oldest first."""

    reviews: list[ReviewOut]

    @classmethod
    def of(cls, reviews: Sequence[Review]) -> ReviewList:
        """The answer for entries."""
        return cls(reviews=[ReviewOut.of(review) for review in reviews])


SHAPE = TypeAdapter(ReviewRequest)


async def read_verdicts(request: Request) -> list[Verdict]:
    """The verdicts of a request, from JSON or from the lines of a verdict file. TooLarge, WrongFields, InputError."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    entries = await _lines(request) if media == LINES else [Verdict(**entry.model_dump()) for entry in (await _json(request)).verdicts]
    max_verdicts = request.app.state.settings.max_verdicts
    if len(entries) > max_verdicts:
        raise TooLarge(f"the number of verdicts is {len(entries):,}; at most {max_verdicts:,} are accepted here")
    return entries


async def if_match(request: Request) -> int | None:
    """The number in If-Match; None: absent or `*`. Outdated when it is not an ETag of the reviews."""
    value = request.headers.get("if-match", "*").strip()
    if value == "*":
        return None
    match = ETAG.fullmatch(value)
    if not match:
        raise Outdated("If-Match is the ETag of the reviews, a number in quotes")
    return int(match[1])


def etag(last: int) -> str:
    """A strong ETag: the log is append-only, so the number of its last entry identifies its content."""
    return f'"{last}"'


def as_file(reviews: Sequence[Review], last: int, if_none_match: str) -> Response:
    """The verdict file, or 304 when the client has it already."""
    headers = {"ETag": etag(last), "Cache-Control": "private, no-cache"}
    if etag(last) in [item.strip().removeprefix("W/") for item in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = 'attachment; filename="verdicts.jsonl"'
    return Response(verdict_file(reviews), media_type=LINES, headers=headers)


async def _json(request: Request) -> ReviewRequest:
    return validated(SHAPE, await json_body(request))


async def _lines(request: Request) -> list[Verdict]:
    rows = [
        (line_number, _row(line, line_number))
        for line_number, line in enumerate((await lines_body(request)).split(b"\n"), 1)
        if line.strip()
    ]
    entries = [verdict_of(row, f"line {line_number}") for line_number, row in rows]
    if not entries:
        raise WrongFields([{"pointer": "", "detail": f"there is no verdict: query_id, passage_id, verdict ({', '.join(VERDICTS)})"}])
    return entries


def _row(line: bytes, line_number: int) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"this is not JSON: {depth_fault(line) or error.msg}", f"line {line_number}") from None
    if not isinstance(row, dict):
        raise InputError("this is not a JSON object", f"line {line_number}")
    if fault := key_fault(line, row):
        raise InputError(fault, f"line {line_number}")
    return row
