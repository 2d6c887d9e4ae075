"""From a request to a job: decode the body, resolve the names in it, submit the job. Called by routes/jobs.py and routes/corpora.py."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request

from app.auth.keys import Caller
from app.errors import NotFound, WrongFields
from app.http.body import json_body, validated
from app.jobs.job_kinds import JOB_REQUEST, KINDS
from app.jobs.queue import Submission
from app.jobs.stores import Stores
from app.schemas import CorpusAppend, CorpusRequest
from app.state.names import new_name
from app.storage.corpora import CorpusRow
from app.storage.job_rows import Job, JobSpec
from miner.config import MiningConfig
from miner.config.groups import EncoderSettings

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
JOB, CORPUS, APPEND = JOB_REQUEST, TypeAdapter(CorpusRequest), TypeAdapter(CorpusAppend)


async def job_request(request: Request) -> BaseModel:
    """The body of POST /v1/jobs."""
    return validated(JOB, await json_body(request))


async def corpus_request(request: Request) -> CorpusRequest:
    """The body of POST /v1/corpora."""
    return validated(CORPUS, await json_body(request))


async def append_request(request: Request) -> CorpusAppend:
    """The body of POST /v1/corpora/{name}/versions."""
    return validated(APPEND, await json_body(request))


async def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key of a request. WrongFields when it is malformed."""
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise WrongFields([{"pointer": "", "detail": "an Idempotency-Key is 1 to 255 visible ASCII characters"}])
    return key


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]
"""The type of a route's parameter that FastAPI fills with the Idempotency-Key."""
IDEMPOTENCY_HEADER = {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255}}
"""The same for the OpenAPI document."""


def resolve(body: Any, stores: Stores) -> JobSpec:
    """The spec of the job that `body` asks for. NotFound for a kind that clients cannot submit."""
    resolve_kind = KINDS[body.kind].resolve
    if resolve_kind is None:
        raise NotFound("there is no such kind of job")
    return resolve_kind(body, stores)


def submit(body: Any, stores: Stores, caller: Caller, key: str | None) -> Job:
    """Submit the job that `body` asks for. key: the Idempotency-Key."""
    submission = Submission(body.kind, {}, _hash(body), caller.id, key)
    return stores.queue.find_duplicate(submission) or stores.queue.submit(replace(submission, spec=resolve(body, stores)))


def create_corpus(body: CorpusRequest, stores: Stores, caller: Caller, key: str | None) -> Job:
    """Create a corpus and the job that builds its first version, in one transaction."""
    submission = Submission("index", {}, _hash(body), caller.id, key)
    if earlier := stores.queue.find_duplicate(submission):
        return earlier
    corpus_id, model = new_name("corpus"), body.model or stores.settings.known_models.loaded or ""
    row = CorpusRow(id=corpus_id, name=body.name, model=model, fields=body.fields)
    spec = _index_spec(stores, corpus_id, 1, body.files, model, body.fields)
    return stores.queue.submit(
        replace(submission, spec=spec), lambda connection, job: stores.corpora.create(connection, row, body.files, job.id)
    )


def append_to_corpus(name: str, body: CorpusAppend, stores: Stores, caller: Caller, key: str | None) -> Job:
    """Add a version to a corpus, and the job that builds it, in one transaction."""
    submission = Submission("index", {}, _hash(body, name), caller.id, key)
    if earlier := stores.queue.find_duplicate(submission):
        return earlier
    corpus = stores.corpora.get_for_append(name)
    files = [*(corpus.ready.files if corpus.ready else []), *body.files]
    spec = _index_spec(stores, corpus.id, corpus.next, files, stores.settings.known_models.public_name(corpus.model), corpus.fields)
    submission = replace(submission, spec=spec)
    return stores.queue.submit(submission, lambda connection, job: stores.corpora.append(connection, corpus, files, job.id))


def _index_spec(stores: Stores, corpus_id: str, version: int, files: Any, model: str, fields: dict[str, str]) -> JobSpec:
    for file_id in files:
        stores.files.get(file_id)
    resolved = stores.settings.resolved(MiningConfig.of(model=model or None))
    config = resolved.model_dump(mode="json", include=set(EncoderSettings.model_fields))
    return {"kind": "index", "corpus": corpus_id, "version": version, "files": list(files), "fields": fields, "config": config}


def _hash(body: BaseModel, *more: str) -> str:
    """SHA-256 of the decoded body: the order of its fields does not matter."""
    return sha256(json.dumps([body.model_dump(mode="json"), *more], sort_keys=True).encode()).hexdigest()
