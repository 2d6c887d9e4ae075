"""POST /v1/mine: a small data set in, training rows out."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from app.engine.engine import Mined
from app.http.body import mine_request
from app.schemas import MineRequest, MineResponse
from app.services import Desk, desk

router = APIRouter(prefix="/v1", tags=["mining"])

LINES = "application/x-ndjson"
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MineRequest"}}}}}
"""The body is decoded in app.http.body, so the document has to be told what it is."""


@router.post("/mine", response_model=MineResponse, openapi_extra=BODY, operation_id="mine")
async def mine(request: Request, wanted: Annotated[MineRequest, Depends(mine_request)], at: Annotated[Desk, Depends(desk)]) -> Response:
    """Mine hard negatives for the queries, from the passages of the request or from the open corpus."""
    mined = await at.workers.run(at.engine.mine, wanted)
    if LINES in request.headers.get("accept", ""):
        return Response(b"".join(row + b"\n" for row in mined.rows), media_type=LINES)
    return Response(as_json(mined), media_type="application/json")


def as_json(mined: Mined) -> bytes:
    """The rows as they are, byte for byte, with the report and the config."""
    rest = {"report": mined.report, "config": mined.config.model_dump(mode="json")}
    return b'{"rows":[' + b",".join(mined.rows) + b"]," + orjson.dumps(rest)[1:]
