"""Sessions: who has signed in to the page. A session stands for the key it was opened with, and dies with it.

The cookie holds 256 random bits; the table holds their hash, and the key's. A key that is revoked, or that the operator no longer
gives, closes its sessions at once. Knows no HTTP.
"""

from __future__ import annotations

import secrets

from sqlalchemy import delete, select

from app.auth.keys import Caller, Keyring, digest_of
from app.state import State
from app.state.names import now
from app.state.tables import sessions

SESSION_SECONDS = 12 * 3600
"""How long a session lasts."""


class Sessions:
    """The sessions of a data folder; every server that shares the database knows them."""

    def __init__(self, state: State, keyring: Keyring) -> None:
        self._database, self._keyring = state.database, keyring

    def open(self, key: str) -> str | None:
        """A new session, as the cookie holds it; None: this key does not open."""
        digest = digest_of(key)
        if self._keyring.holder(digest) is None:
            return None
        token, moment = secrets.token_urlsafe(32), now()
        row = {"digest": digest_of(token).hex(), "key_digest": digest.hex(), "created_at": moment, "expires_at": moment + SESSION_SECONDS}
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < moment))
            connection.execute(sessions.insert().values(row))
        return token

    def caller(self, token: str) -> Caller | None:
        """Who has signed in; None: nobody, it is over, or the key opens no more."""
        wanted = select(sessions.c.key_digest).where(sessions.c.digest == digest_of(token).hex(), sessions.c.expires_at > now())
        with self._database.read() as connection:
            found = connection.execute(wanted).scalar()
        return self._keyring.holder(bytes.fromhex(found)) if found else None

    def close(self, token: str) -> None:
        """Sign out."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == digest_of(token).hex()))
