"""Completes FastAPI's OpenAPI document: the bodies decoded in app.http.body, the key, the problem documents."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from pydantic.json_schema import models_json_schema

from app.guard import OPEN
from app.jobs.job_kinds import JOB_REQUEST
from app.openapi.body_examples import EXAMPLES, PROBLEM, JsonObject
from app.requests.review_requests import ReviewRequest
from app.schemas import CorpusAppend, CorpusRequest, MineRequest

REF = "#/components/schemas/{model}"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
FAULT = {"type": "object", "properties": {"pointer": TEXT, "detail": TEXT}, "required": ["pointer", "detail"]}
SHAPE: JsonObject = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457); `errors` when fields of it are wrong.",
    "properties": {
        **dict.fromkeys(("type", "title", "detail"), TEXT),
        "status": NUMBER,
        "errors": {"type": "array", "items": FAULT},
        "jobs": {"type": "array", "items": TEXT, "description": "jobs that have not ended and need what was to be deleted"},
        "request_id": {**TEXT, "description": "what the server's log has it under"},
    },
    "required": ["type", "title", "status", "detail"],
    "examples": [PROBLEM],
}
LINKS = {
    "create_file": ("201", "file_id", "/v1/files/"),
    "create_corpus": ("202", "name", "/v1/corpora/"),
    "append_to_corpus": ("202", "name", "/v1/corpora/"),
    "create_job": ("202", "job_id", "/v1/jobs/"),
    "retry_job": ("202", "job_id", "/v1/jobs/"),
}
"""OpenAPI links by operation: the status whose answer has an id, the path parameter it stands for, the prefix of the paths."""


def complete(document: JsonObject) -> JsonObject:
    """FastAPI's document with bodies, examples, the key and problem documents."""
    shapes = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        shapes.pop(name, None)
    shapes |= {**request_schemas(), "Problem": SHAPE}
    for name, body in EXAMPLES.items():
        shapes[name]["examples"] = [body]
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "made by `hardneg keys create`"}
    }
    document["security"] = [{"key": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path in OPEN:
                operation["security"] = []
            operation["responses"] |= {str(status): _refusal(status) for status in sorted(_refusals(path, method, operation))}
            if operation["operationId"] in LINKS:
                status, name, prefix = LINKS[operation["operationId"]]
                operation["responses"][status]["links"] = dict(_links(document, name, f"{prefix}{{{name}}}"))
    return document


def request_schemas() -> JsonObject:
    """The JSON schemas of the bodies that app.http.body decodes."""
    bodies = (MineRequest, CorpusRequest, CorpusAppend, ReviewRequest)
    _, document = models_json_schema([(body, "validation") for body in bodies], ref_template=REF)
    job = JOB_REQUEST.json_schema(ref_template=REF)
    schemas: JsonObject = {**document["$defs"], **job.pop("$defs")}
    return {**schemas, "JobRequest": {**job, "title": "JobRequest"}}


def _links(document: JsonObject, name: str, start: str) -> Iterator[tuple[str, JsonObject]]:
    for path, operations in document["paths"].items():
        if path == start or path.startswith(f"{start}/"):
            for operation in operations.values():
                yield operation["operationId"], {"operationId": operation["operationId"], "parameters": {name: "$response.body#/id"}}


def _refusals(path: str, method: str, operation: JsonObject) -> set[int]:
    """The error statuses of an operation, by rules over its path, method and parameters."""
    parameters = operation.get("parameters", [])
    body, has_path_parameter, concerns_one_job = "requestBody" in operation, "{" in path, path.startswith("/v1/jobs/{job_id}")
    rules = (
        (True, (400, 503)),
        (path not in OPEN, (401, 403)),
        (bool(body or parameters), (422,)),
        (body or has_path_parameter, (404, 409)),
        (body, (413, 415, 429)),
        (method == "post" or path == "/readyz", (507,)),
        (concerns_one_job and method == "get", (429,)),
        (path.endswith(("/content", "/results")), (416,)),
        (any(parameter["name"].lower() == "if-match" for parameter in parameters), (412,)),
    )
    return {status for applies, statuses in rules if applies for status in statuses}


def _refusal(status: int) -> JsonObject:
    content = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    return {"description": HTTPStatus(status).phrase, "content": content}
