"""/v1/corpora: stored passages with their vectors, in versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.guard import CallerDep
from app.requests import job_requests
from app.requests.job_requests import IDEMPOTENCY_HEADER, IdempotencyKey
from app.schemas import CorpusAppend, CorpusList, CorpusOut, CorpusRequest
from app.services import ServicesDep

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])


def _body_schema(name: str) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [IDEMPOTENCY_HEADER]}


@router.post("", status_code=202, response_model=CorpusOut, openapi_extra=_body_schema("CorpusRequest"), operation_id="create_corpus")
def create_corpus(
    body: Annotated[CorpusRequest, Depends(job_requests.corpus_request)],
    response: Response,
    services: ServicesDep,
    caller: CallerDep,
    key: IdempotencyKey,
) -> CorpusOut:
    """Create a corpus from files. A job of kind `index` builds it."""
    job = job_requests.create_corpus(body, services, caller, key)
    response.headers["Location"] = f"/v1/corpora/{job.spec['corpus']}"
    return CorpusOut.of(services.corpora.get(job.spec["corpus"]))


@router.get("", response_model=CorpusList, operation_id="list_corpora")
def list_corpora(services: ServicesDep) -> CorpusList:
    """List the corpora, oldest first."""
    return CorpusList(corpora=[CorpusOut.of(corpus) for corpus in services.corpora.ls()])


@router.get("/{name}", response_model=CorpusOut, operation_id="get_corpus")
def get_corpus(name: str, services: ServicesDep) -> CorpusOut:
    """Get a corpus by name or id."""
    return CorpusOut.of(services.corpora.get(name))


@router.post(
    "/{name}/versions",
    status_code=202,
    response_model=CorpusOut,
    openapi_extra=_body_schema("CorpusAppend"),
    operation_id="append_to_corpus",
)
def append_to_corpus(
    name: str,
    body: Annotated[CorpusAppend, Depends(job_requests.append_request)],
    response: Response,
    services: ServicesDep,
    caller: CallerDep,
    key: IdempotencyKey,
) -> CorpusOut:
    """Add the passages of more files as a new version. Only new texts are encoded."""
    job = job_requests.append_to_corpus(name, body, services, caller, key)
    response.headers["Location"] = f"/v1/corpora/{job.spec['corpus']}"
    return CorpusOut.of(services.corpora.get(job.spec["corpus"]))


@router.delete("/{name}", status_code=204, operation_id="delete_corpus")
def delete_corpus(name: str, services: ServicesDep) -> None:
    """Delete a corpus with all its versions. Its source files stay. 409 while an unfinished job needs it."""
    services.corpora.remove(name)
