"""The OpenAPI document's share that FastAPI does not know: bodies that are decoded in app.body."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from app.jobs.kinds import JOB_REQUEST
from app.reviewing import ReviewRequest
from app.schemas import CorpusAppend, CorpusRequest, MineRequest

REF = "#/components/schemas/{model}"


def request_schemas() -> dict[str, Any]:
    """The JSON schemas of the bodies we decode ourselves."""
    bodies = (MineRequest, CorpusRequest, CorpusAppend, ReviewRequest)
    _, document = models_json_schema([(body, "validation") for body in bodies], ref_template=REF)
    job = JOB_REQUEST.json_schema(ref_template=REF)
    found: dict[str, Any] = {**document["$defs"], **job.pop("$defs")}
    return {**found, "JobRequest": job}
