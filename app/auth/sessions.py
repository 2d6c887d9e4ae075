"""Sessions of browsers that have signed in. A session is valid as long as the key it was opened with.

The cookie holds 256 random bits; the table holds their hash, and that of the key. A revoked key, or one removed from the settings,
ends its sessions at once. Knows no HTTP.
"""

from __future__ import annotations

import secrets

from sqlalchemy import delete, select

from app.auth.keys import Caller, Keyring, digest_of
from app.state import State
from app.state.names import now
from app.state.tables import sessions

SESSION_SECONDS = 12 * 3600
"""The lifetime of a session."""


class Sessions:
    """The sessions of a data folder, valid at every server that shares the database."""

    def __init__(self, state: State, keyring: Keyring) -> None:
        self._database, self._keyring = state.database, keyring

    def open(self, key: str) -> str | None:
        """Open a session. Return the token for the cookie; None: the key is wrong."""
        digest = digest_of(key)
        if self._keyring.holder(digest) is None:
            return None
        token, created_at = secrets.token_urlsafe(32), now()
        row = {
            "digest": digest_of(token).hex(),
            "key_digest": digest.hex(),
            "created_at": created_at,
            "expires_at": created_at + SESSION_SECONDS,
        }
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < created_at))
            connection.execute(sessions.insert().values(row))
        return token

    def caller(self, token: str) -> Caller | None:
        """The caller of a session; None: it does not exist, has expired, or its key is no longer valid."""
        query = select(sessions.c.key_digest).where(sessions.c.digest == digest_of(token).hex(), sessions.c.expires_at > now())
        with self._database.read() as connection:
            key_digest = connection.execute(query).scalar()
        return self._keyring.holder(bytes.fromhex(key_digest)) if key_digest else None

    def close(self, token: str) -> None:
        """Delete a session."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == digest_of(token).hex()))
