"""/v1/corpora: passages with their vectors, kept in versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.auth.keys import Caller
from app.guard import caller_of
from app.requests import job_requests
from app.schemas import CorpusAppend, CorpusList, CorpusOut, CorpusRequest
from app.services import Desk, desk

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])

At = Annotated[Desk, Depends(desk)]
By = Annotated[Caller, Depends(caller_of)]
Key = Annotated[str | None, Depends(job_requests.idempotency_key)]
KEY_PARAMETER = {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255}}


def _body(name: str) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [KEY_PARAMETER]}


@router.post("", status_code=202, response_model=CorpusOut, openapi_extra=_body("CorpusRequest"), operation_id="create_corpus")
def create_corpus(
    wanted: Annotated[CorpusRequest, Depends(job_requests.corpus_request)], response: Response, at: At, by: By, key: Key
) -> CorpusOut:
    """Build a corpus from files; a job of kind `index` does it."""
    job = job_requests.create_corpus(wanted, at, by, key)
    response.headers["Location"] = f"/v1/corpora/{job.spec['corpus']}"
    return CorpusOut.of(at.corpora.get(job.spec["corpus"]))


@router.get("", response_model=CorpusList, operation_id="list_corpora")
def list_corpora(at: At) -> CorpusList:
    """All corpora, oldest first."""
    return CorpusList(corpora=[CorpusOut.of(corpus) for corpus in at.corpora.ls()])


@router.get("/{name}", response_model=CorpusOut, operation_id="get_corpus")
def get_corpus(name: str, at: At) -> CorpusOut:
    """A corpus, by name or id."""
    return CorpusOut.of(at.corpora.get(name))


@router.post(
    "/{name}/versions", status_code=202, response_model=CorpusOut, openapi_extra=_body("CorpusAppend"), operation_id="append_to_corpus"
)
def append_to_corpus(
    name: str, wanted: Annotated[CorpusAppend, Depends(job_requests.append_request)], response: Response, at: At, by: By, key: Key
) -> CorpusOut:
    """Add the passages of more files, as a new version; only texts that are new are encoded."""
    job = job_requests.append_to_corpus(name, wanted, at, by, key)
    response.headers["Location"] = f"/v1/corpora/{job.spec['corpus']}"
    return CorpusOut.of(at.corpora.get(job.spec["corpus"]))


@router.delete("/{name}", status_code=204, operation_id="delete_corpus")
def delete_corpus(name: str, at: At) -> None:
    """Forget a corpus with all its versions; the files it was made of stay. 409 while a job that has not ended needs it."""
    at.corpora.remove(name)
