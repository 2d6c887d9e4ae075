"""The database's history: each entry brings it one version further, in SQL that SQLite and PostgreSQL both understand.

An entry that was released is never changed. `tables.py` describes the newest version; a test holds the two against each other.
"""

from __future__ import annotations

INITIAL = (
    """CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL, revoked_at DOUBLE PRECISION)""",
    """CREATE TABLE files (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, suffix TEXT NOT NULL, sha256 TEXT NOT NULL, bytes BIGINT NOT NULL,
        job_id TEXT, created_at DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX files_by_content ON files (sha256)",
    "CREATE INDEX files_by_job ON files (job_id)",
    """CREATE TABLE corpora (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, model TEXT NOT NULL, fields TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE corpus_versions (
        corpus_id TEXT NOT NULL REFERENCES corpora (id) ON DELETE CASCADE, version INTEGER NOT NULL, files TEXT NOT NULL,
        state TEXT NOT NULL, passages BIGINT, sha256 TEXT, job_id TEXT, created_at DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (corpus_id, version))""",
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, spec TEXT NOT NULL, spec_sha256 TEXT NOT NULL,
        key_id TEXT NOT NULL, idempotency_key TEXT, created_at DOUBLE PRECISION NOT NULL, started_at DOUBLE PRECISION,
        finished_at DOUBLE PRECISION, attempts INTEGER NOT NULL, crashes INTEGER NOT NULL, worker TEXT, lease_until DOUBLE PRECISION,
        stage TEXT, done BIGINT NOT NULL, total BIGINT NOT NULL, result TEXT, error TEXT, last_event BIGINT NOT NULL,
        UNIQUE (key_id, idempotency_key))""",
    "CREATE INDEX jobs_by_state ON jobs (state, created_at)",
    """CREATE TABLE job_events (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number BIGINT NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (job_id, number))""",
)

REVIEWS = (
    """CREATE TABLE reviews (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number BIGINT NOT NULL, query_id TEXT NOT NULL,
        passage_id TEXT NOT NULL, verdict TEXT NOT NULL, said_by TEXT NOT NULL, key_id TEXT NOT NULL, withdraws BIGINT,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (job_id, number))""",
)

SESSIONS = (
    """CREATE TABLE sessions (
        digest TEXT PRIMARY KEY, key_digest TEXT NOT NULL, created_at DOUBLE PRECISION NOT NULL, expires_at DOUBLE PRECISION NOT NULL)""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (INITIAL, REVIEWS, SESSIONS)
NEWEST = len(MIGRATIONS)
