"""The tables as the code sees them (SQLAlchemy Core). Times are seconds since 1970, lists and objects are JSON in text."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("scopes", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

files = Table(
    "files",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("suffix", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("job_id", String),
    Column("created_at", Double, nullable=False),
)

corpora = Table(
    "corpora",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("model", String, nullable=False),
    Column("fields", String, nullable=False),
    Column("created_at", Double, nullable=False),
)

corpus_versions = Table(
    "corpus_versions",
    metadata,
    Column("corpus_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("files", String, nullable=False),
    Column("state", String, nullable=False),
    Column("passages", BigInteger),
    Column("sha256", String),
    Column("job_id", String),
    Column("created_at", Double, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("spec", String, nullable=False),
    Column("spec_sha256", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("idempotency_key", String),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("worker", String),
    Column("lease_until", Double),
    Column("stage", String),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("result", String),
    Column("error", String),
    Column("last_event", BigInteger, nullable=False),
    UniqueConstraint("key_id", "idempotency_key"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("data", String, nullable=False),
    Column("at", Double, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("query_id", String, nullable=False),
    Column("passage_id", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("said_by", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("withdraws", BigInteger),
    Column("at", Double, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String, primary_key=True),
    Column("key_digest", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
