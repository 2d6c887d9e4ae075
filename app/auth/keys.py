"""API keys: created by the operator on the data folder, stored as hashes, with scopes. They are compared in memory, in constant time.

A key is `hardneg_<id>_<secret>`. The server reads the table every second, so a revoked key is refused within two.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypedDict

from sqlalchemy import select, update

from app.errors import NotFound
from app.state import State
from app.state.names import now
from app.state.tables import api_keys
from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

SCOPES = ("read", "write", "admin")
"""Each scope includes those before it. read: list and download; write: upload, mine, delete; admin: list and revoke keys."""

REFRESH_SECONDS = 1.0


class KeyRow(TypedDict):
    """A key as its owner may see it, without its hash."""

    id: str
    name: str
    scopes: list[str]
    created_at: float
    revoked_at: float | None


@dataclass(frozen=True)
class Caller:
    """The caller of a request: the id of its key, its scopes, the name that the operator gave the key."""

    id: str
    scopes: frozenset[str]
    name: str = ""


BOOTSTRAP = Caller("bootstrap", frozenset(SCOPES))
ANYBODY = Caller("anybody", frozenset(SCOPES))


class Keyring:
    """The valid keys.

    operator_digests: hashes of the keys in the settings.
    closed: a key is required even while none exists.
    """

    def __init__(self, state: State, operator_digests: Sequence[bytes], *, closed: bool) -> None:
        self._state, self._operator_keys, self._closed = state, [(digest, BOOTSTRAP) for digest in operator_digests], closed
        self._stored_keys: list[tuple[bytes, Caller]] = []
        self._any_created = False
        self.refresh()

    def refresh(self) -> None:
        """Read the table of keys."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(api_keys)).all()
        self._stored_keys = [
            (bytes.fromhex(row.digest), Caller(row.id, _implied_scopes(row.scopes), row.name)) for row in rows if row.revoked_at is None
        ]
        self._any_created = self._any_created or bool(rows)

    def caller(self, token: str | None) -> Caller | None:
        """The caller with this token, or None. Without any key, every caller is accepted."""
        return ANYBODY if self.open else self.holder(digest_of(token or ""))

    @property
    def open(self) -> bool:
        """Whether no key is required: none was ever created, and no other machine can reach the service."""
        return not (self._closed or self._operator_keys or self._any_created)

    def holder(self, digest: bytes) -> Caller | None:
        """The caller whose key has this hash, or None. Compares all keys, in constant time."""
        match = None
        for key_digest, caller in (*self._operator_keys, *self._stored_keys):
            if hmac.compare_digest(digest, key_digest):
                match = caller
        return match


def create(state: State, name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Create a key. Return its id and the key itself, which is not stored."""
    scope_list = tuple(dict.fromkeys(scopes))
    for scope in scope_list:
        if scope not in SCOPES:
            raise ConfigError(unknown_name("scope", scope, SCOPES))
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise ConfigError("a key has a name of 1 to 100 printable characters: who uses it, and for what")
    key_id = secrets.token_hex(4)
    key = f"hardneg_{key_id}_{secrets.token_urlsafe(32)}"
    row = {"id": key_id, "name": name.strip(), "digest": digest_of(key).hex(), "scopes": ",".join(scope_list), "created_at": now()}
    with state.database.write() as connection:
        connection.execute(api_keys.insert().values(row))
    return key_id, key


def ls(state: State) -> list[KeyRow]:
    """All keys without their hashes: id, name, scopes, times."""
    key = api_keys.c
    with state.database.read() as connection:
        rows = connection.execute(select(key.id, key.name, key.scopes, key.created_at, key.revoked_at).order_by(key.created_at)).all()
    return [
        KeyRow(id=row.id, name=row.name, scopes=row.scopes.split(","), created_at=row.created_at, revoked_at=row.revoked_at) for row in rows
    ]


def revoke(state: State, key_id: str) -> None:
    """Revoke a key for ever. NotFound when there is none."""
    with state.database.write() as connection:
        result = connection.execute(
            update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now())
        )
    if not result.rowcount:
        raise NotFound("there is no such key, or it is revoked already; `hardneg keys ls` lists them")


def _implied_scopes(scopes: str) -> frozenset[str]:
    highest = max(SCOPES.index(scope) for scope in scopes.split(","))
    return frozenset(SCOPES[: highest + 1])


def digest_of(token: str) -> bytes:
    """The SHA-256 of a key or of a session token."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
