"""The models of requests and answers. They contain MiningConfig and do not copy it.

`check_limits` checks the limits of the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, overload

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from app.errors import TooLarge
from app.naming.models import public, with_public_name
from app.settings import Limits
from app.storage.corpora import Corpus
from app.storage.files import File
from app.storage.job_rows import Job, JobResult, JobSpec
from miner.config import MiningConfig
from miner.read.cells import MAX_INT, MIN_INT

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
RELEVANT, NON_RELEVANT = 1, 0
"""Grades of the passages that a query names."""
WHOLE_NUMBER = {"type": "integer", "minimum": MIN_INT, "maximum": MAX_INT}


def _id_of_number(value: Any) -> Any:
    """The id for a whole number of 64 bits: its digits, as in files. ValueError for another number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float) or not MIN_INT <= value <= MAX_INT:
        raise ValueError(f"an id is a string or a whole number of 64 bits, and {value} is neither: write it in quotes")
    return str(value)


Id = Annotated[str, BeforeValidator(_id_of_number), WithJsonSchema({"anyOf": [{"type": "string"}, WHOLE_NUMBER]})]


class Passage(BaseModel):
    """One passage. Title and text are joined."""

    model_config = STRICT

    id: Id = Field(description="your name for it")
    text: str
    title: str | None = None
    group: Id | None = Field(None, description="the document it belongs to, for filter `group`")


class Query(BaseModel):
    """One query with its judgements: at least one positive, by id or as text."""

    model_config = STRICT

    text: str
    id: Id | None = Field(None, description="your name for it; default: made from the text")
    positives: list[Id] = Field(default_factory=list, description="ids of passages")
    positive_texts: list[str] = Field(default_factory=list, description="texts that join the passages the request brings")
    non_relevant: list[Id] = Field(default_factory=list, description="ids of passages that were judged non-relevant")

    @property
    def judgements(self) -> list[tuple[str, int]]:
        """Id and grade of each passage that it names."""
        return [*((name, RELEVANT) for name in self.positives), *((name, NON_RELEVANT) for name in self.non_relevant)]


class MineRequest(BaseModel):
    """Queries, and the passages to mine from. Without `passages`: a stored corpus, or the one opened at start."""

    model_config = STRICT

    queries: list[Query] = Field(min_length=1)
    passages: list[Passage] | None = None
    corpus: Annotated[str, Field(max_length=200, description="a stored corpus, by name or id")] | None = None
    config: MiningConfig = MiningConfig.of()

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.passages is not None and self.corpus is not None:
            raise ValueError("give passages or corpus, not both")
        return self


Responses = dict[int | str, dict[str, Any]]
"""What a route adds to the OpenAPI document, by status."""


class Report(BaseModel):
    """Counts of a request."""

    rows: int = Field(description="training rows")
    rows_repeated: int = Field(description="rows with the texts of an earlier row, left out")
    queries: int
    passages: int
    anchors: int = Field(description="queries, or with anchor=own (query, positive) pairs")
    judged: int = Field(description="candidates that were judged")
    kept: int = Field(description="candidates that no filter dropped")
    dropped: dict[str, int] = Field(description="candidates dropped, by the first filter that did")
    tiers: dict[str, int] = Field(description="negatives by fallback level: 0 the filters as they are")
    relaxed: dict[str, int] = Field(description="negatives that break a filter which may be relaxed, by filter")
    ran_short: dict[str, Any] = Field(description="short queries: their number and the first ids")


class MineResponse(BaseModel):
    """Training rows in the requested output format. With `Accept: application/x-ndjson` the answer is the rows alone, one per line."""

    rows: list[dict[str, Any]]
    report: Report
    config: MiningConfig = Field(description="the config with every default and knob")


class FileOut(BaseModel):
    """A file: immutable bytes."""

    id: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    job: str | None = Field(None, description="id of the job that wrote the file")
    created_at: datetime

    @classmethod
    def of(cls, file: File) -> Self:
        """As it is shown."""
        created_at = datetime.fromtimestamp(file.created_at, UTC)
        return cls(
            id=file.id, name=file.name, media_type=file.media, bytes=file.bytes, sha256=file.sha256, job=file.job_id, created_at=created_at
        )


class FileList(BaseModel):
    """Files, oldest first."""

    files: list[FileOut]


CorpusName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", examples=["wiki-2026"])]
FileIds = Annotated[tuple[str, ...], Field(min_length=1, max_length=1000, description="files of passages, by id")]


class CorpusRequest(BaseModel):
    """A corpus to build: files of passages, and the model that encodes them."""

    model_config = STRICT

    name: CorpusName
    files: FileIds
    model: str | None = Field(None, description="one of the server's models; default: the served one")
    fields: dict[str, str] = Field(default_factory=dict, description="your column names: id=doc_id, text=body …")


class CorpusAppend(BaseModel):
    """Files whose passages are added to a corpus as a new version."""

    model_config = STRICT

    files: FileIds


class VersionOut(BaseModel):
    """One version of a corpus."""

    version: int
    state: Literal["building", "ready", "failed"]
    files: list[str]
    passages: int | None
    sha256: str | None = Field(description="SHA-256 of the stored texts")
    job: str | None
    created_at: datetime


class CorpusOut(BaseModel):
    """A corpus with its versions, oldest first; the newest ready one is used."""

    id: str
    name: str
    model: str
    fields: dict[str, str]
    created_at: datetime
    state: Literal["building", "ready", "failed"]
    passages: int | None
    versions: list[VersionOut]

    @classmethod
    def of(cls, corpus: Corpus) -> Self:
        """As it is shown."""
        versions = [
            VersionOut(**{**vars(version), "job": version.job_id, "created_at": time_of(version.created_at)}) for version in corpus.versions
        ]
        state = "ready" if corpus.ready else versions[-1].state
        fields = {name: getattr(corpus, name) for name in ("id", "name", "fields")} | {"model": public(corpus.model)}
        passages = corpus.ready.passages if corpus.ready else None
        return cls(**fields, created_at=time_of(corpus.created_at), state=state, passages=passages, versions=versions)


class CorpusList(BaseModel):
    """Corpora, oldest first."""

    corpora: list[CorpusOut]


class JobProgress(BaseModel):
    """Progress of a job's stage. total 0: the stage has no count."""

    stage: str | None
    done: int
    total: int


class JobOut(BaseModel):
    """A job: its settings with every default, its state and its result."""

    id: str
    kind: str
    state: Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled", "crashed"]
    spec: JobSpec
    progress: JobProgress
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: JobResult = Field(description="counts, and `files`: ids of the files of the result, by role")
    error: dict[str, Any] | None
    last_event: int

    @classmethod
    def of(cls, job: Job) -> Self:
        """As it is shown."""
        fields = {name: getattr(job, name) for name in ("id", "kind", "state", "attempts", "error", "last_event")}
        fields |= {"spec": with_public_name(job.spec, "config", "model"), "result": with_public_name(job.result, "model", "name")}
        times = {name: time_of(getattr(job, name)) for name in ("created_at", "started_at", "finished_at")}
        return cls(**fields, **times, progress=JobProgress(stage=job.stage, done=job.done, total=job.total))


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


class JobPlan(BaseModel):
    """The estimate of a job that was not submitted."""

    kind: str
    spec: JobSpec
    counts: JobResult = Field(description="counts of what the files hold")
    free_bytes: int


class ModelOut(BaseModel):
    """A model that the operator allows."""

    name: str
    served: bool = Field(description="the model is loaded and answers POST /v1/mine")
    revision: str | None


class ModelList(BaseModel):
    """Models that a job or a corpus may name."""

    models: list[ModelOut]


class KeyOut(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


class KeyList(BaseModel):
    """Keys, oldest first."""

    keys: list[KeyOut]


@overload
def time_of(seconds: float) -> datetime: ...
@overload
def time_of(seconds: float | None) -> datetime | None: ...
def time_of(seconds: float | None) -> datetime | None:
    """A time for clients, in UTC. seconds: since 1970."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def check_limits(request: MineRequest, limits: Limits) -> None:
    """TooLarge names the first limit that the request exceeds."""
    for name, size, limit in _sizes(request, limits):
        if size > limit:
            raise TooLarge(f"{name} is {size:,}; at most {limit:,} are accepted here")


def _sizes(request: MineRequest, limits: Limits) -> Iterator[tuple[str, int, int]]:
    """(name, size, limit) of each limited quantity, the cheap ones first."""
    passages = request.passages or []
    yield "the number of queries", len(request.queries), limits.max_queries
    yield "the number of passages", len(passages), limits.max_passages
    yield "config.negatives", request.config.negatives, limits.max_negatives
    yield "config.depth", request.config.depth, limits.max_depth
    yield "config.max_depth", request.config.max_depth, limits.max_depth
    for index, query in enumerate(request.queries):
        judged_ids, texts = [name for name, _ in query.judgements], [query.text, *query.positive_texts]
        yield f"the number of positives and judged passages of queries[{index}]", len(judged_ids) + len(texts) - 1, limits.max_positives
        yield f"the length of a text in queries[{index}], in characters,", max(map(len, texts)), limits.max_text_chars
        longest = max(len(name.encode()) for name in (query.id or "", *judged_ids))
        yield f"the length of an id in queries[{index}], in bytes,", longest, limits.max_id_bytes
    for index, passage in enumerate(passages):
        length = len(passage.text) + len(passage.title or "")
        yield f"the length of passages[{index}], in characters,", length, limits.max_text_chars
        longest = max(len(name.encode()) for name in (passage.id, passage.group or ""))
        yield f"the length of an id of passages[{index}], in bytes,", longest, limits.max_id_bytes
