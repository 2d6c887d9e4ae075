"""POST /v1/mine: training rows for a small data set, in one request."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from app.engine.engine import MiningResult
from app.http.body import mine_request
from app.schemas import MineRequest, MineResponse
from app.services import ServicesDep

router = APIRouter(prefix="/v1", tags=["mining"])

LINES = "application/x-ndjson"
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MineRequest"}}}}}
"""The schema of the body for the OpenAPI document: the body is decoded in app.http.body, which FastAPI does not see."""


@router.post("/mine", response_model=MineResponse, openapi_extra=BODY, operation_id="mine")
async def mine(request: Request, body: Annotated[MineRequest, Depends(mine_request)], services: ServicesDep) -> Response:
    """Mine hard negatives for the queries, from the passages of the request or from the open corpus."""
    result = await services.mining_pool.run(services.engine.mine, body)
    if LINES in request.headers.get("accept", ""):
        return Response(b"".join(row + b"\n" for row in result.rows), media_type=LINES)
    return Response(as_json(result), media_type="application/json")


def as_json(result: MiningResult) -> bytes:
    """Return the encoded rows without encoding them again, with the report and the config."""
    rest = {"report": result.report, "config": result.config.model_dump(mode="json")}
    return b'{"rows":[' + b",".join(result.rows) + b"]," + orjson.dumps(rest)[1:]
