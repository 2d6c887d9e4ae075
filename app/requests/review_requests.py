"""Reviews over HTTP: what a request may hold, what an answer looks like, and If-Match. What routes/reviews.py calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import Moved, TooLarge, WrongFields
from app.http.body import json_body, lines_body, validated
from app.schemas import STRICT, time_of
from app.storage.reviews import Review, verdict_file
from miner.core.verdicts import MOST_CHARS, VERDICTS, Verdict, verdict_of
from miner.errors import InputError
from miner.support.json_keys import key_fault

LINES = "application/x-ndjson"
ETAG = re.compile(r'"(\d{1,18})"', re.ASCII)
Id = Annotated[str, Field(min_length=1, max_length=MOST_CHARS)]


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
    by: str = Field(description="the name of the key that said it")
    key: str = Field(description="the id of that key")
    withdraws: int | None = Field(description="the entry that this one takes back")
    at: datetime

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        """As it is shown."""
        return cls(**{**vars(review), "by": review.said_by, "key": review.key_id, "at": time_of(review.at)})


class ReviewList(BaseModel):
    """Entries of the log, oldest first."""

    reviews: list[ReviewOut]

    @classmethod
    def of(cls, reviews: Sequence[Review]) -> ReviewList:
        """As they are shown."""
        return cls(reviews=[ReviewOut.of(review) for review in reviews])


SHAPE = TypeAdapter(ReviewRequest)


async def verdicts(request: Request) -> list[Verdict]:
    """The verdicts of a request, as JSON or as the lines of a verdict file. TooLarge, WrongFields, InputError say what is wrong."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    said = await _lines(request) if media == LINES else [Verdict(**one.model_dump()) for one in (await _json(request)).verdicts]
    most = request.app.state.settings.max_verdicts
    if len(said) > most:
        raise TooLarge(f"the number of verdicts is {len(said):,}; at most {most:,} are accepted here")
    return said


async def seen(request: Request) -> int | None:
    """The number in If-Match; None: the client does not mind what was said meanwhile. Moved when it is no ETag of ours."""
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    found = ETAG.fullmatch(given)
    if not found:
        raise Moved("If-Match is the ETag of the reviews, a number in quotes")
    return int(found[1])


def etag(last: int) -> str:
    """Strong: the log only grows, so its length says what is in it."""
    return f'"{last}"'


def as_file(standing: Sequence[Review], last: int, known: str) -> Response:
    """The verdict file; 304 when the client has it."""
    headers = {"ETag": etag(last), "Cache-Control": "private, no-cache"}
    if etag(last) in [item.strip().removeprefix("W/") for item in known.split(",")]:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = 'attachment; filename="verdicts.jsonl"'
    return Response(verdict_file(standing), media_type=LINES, headers=headers)


async def _json(request: Request) -> ReviewRequest:
    return validated(SHAPE, await json_body(request))


async def _lines(request: Request) -> list[Verdict]:
    rows = [(place, _row(line, place)) for place, line in enumerate((await lines_body(request)).split(b"\n"), 1) if line.strip()]
    said = [verdict_of(row, f"line {place}") for place, row in rows]
    if not said:
        raise WrongFields([{"pointer": "", "detail": f"there is no verdict: query_id, passage_id, verdict ({', '.join(VERDICTS)})"}])
    return said


def _row(line: bytes, place: int) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"this is not JSON: {error.msg}", f"line {place}") from None
    if not isinstance(row, dict):
        raise InputError("this is not a JSON object", f"line {place}")
    if fault := key_fault(line, row):
        raise InputError(fault, f"line {place}")
    return row
