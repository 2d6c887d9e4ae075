"""From a client's body to a job: read strictly, looked up, resolved, put into the queue. What routes/jobs.py and routes/corpora.py call."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request

from app.auth.keys import Caller
from app.errors import NotFound, WrongFields
from app.http.body import json_body, validated
from app.jobs.job_kinds import JOB_REQUEST, KINDS
from app.jobs.queue import Asked
from app.jobs.stores import Stock
from app.schemas import CorpusAppend, CorpusRequest
from app.state.names import new_name
from app.storage.job_rows import Job
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
    """The header, checked."""
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise WrongFields([{"pointer": "", "detail": "an Idempotency-Key is 1 to 255 visible ASCII characters"}])
    return key


def resolve(wanted: Any, stock: Stock) -> dict[str, Any]:
    """The spec that a job of this body would have."""
    made = KINDS[wanted.kind].resolve
    if made is None:
        raise NotFound("there is no such kind of job")
    return made(wanted, stock)


def submit(wanted: Any, stock: Stock, caller: Caller, key: str | None) -> Job:
    """A job as the client wants it."""
    asked = Asked(wanted.kind, {}, _hash(wanted), caller.id, key)
    return stock.queue.earlier(asked) or stock.queue.submit(replace(asked, spec=resolve(wanted, stock)))


def create_corpus(wanted: CorpusRequest, stock: Stock, caller: Caller, key: str | None) -> Job:
    """A corpus, and the job that builds its first version: both or neither."""
    asked = Asked("index", {}, _hash(wanted), caller.id, key)
    if earlier := stock.queue.earlier(asked):
        return earlier
    corpus_id, model = new_name("corpus"), wanted.model or stock.settings.known_models.served or ""
    row = {"id": corpus_id, "name": wanted.name, "model": model, "fields": wanted.fields}
    spec = _index_spec(stock, corpus_id, 1, wanted.files, model, wanted.fields)
    return stock.queue.submit(
        replace(asked, spec=spec), lambda connection, job: stock.corpora.create(connection, row, wanted.files, job.id)
    )


def append_to_corpus(name: str, wanted: CorpusAppend, stock: Stock, caller: Caller, key: str | None) -> Job:
    """A further version of a corpus, and the job that builds it: both or neither."""
    asked = Asked("index", {}, _hash(wanted, name), caller.id, key)
    if earlier := stock.queue.earlier(asked):
        return earlier
    corpus = stock.corpora.growing(name)
    files = [*(corpus.ready.files if corpus.ready else []), *wanted.files]
    spec = _index_spec(stock, corpus.id, corpus.next, files, stock.settings.known_models.named(corpus.model), corpus.fields)
    return stock.queue.submit(replace(asked, spec=spec), lambda connection, job: stock.corpora.append(connection, corpus, files, job.id))


def _index_spec(stock: Stock, corpus_id: str, version: int, files: Any, model: str, fields: dict[str, str]) -> dict[str, Any]:
    for file_id in files:
        stock.files.get(file_id)
    config = stock.settings.resolved(MiningConfig.of(model=model or None)).model_dump(
        mode="json", include=set(EncoderSettings.model_fields)
    )
    return {"kind": "index", "corpus": corpus_id, "version": version, "files": list(files), "fields": fields, "config": config}


def _hash(wanted: BaseModel, *more: str) -> str:
    """Of the body as it was meant: the same fields in any order are the same."""
    return sha256(json.dumps([wanted.model_dump(mode="json"), *more], sort_keys=True).encode()).hexdigest()
