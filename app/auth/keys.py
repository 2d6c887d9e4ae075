"""Keys: made by the operator on the data folder, kept as hashes, with scopes. Whoever asks is looked up in memory, in constant time.

A key is `hardneg_<id>_<secret>`. The server reads the table again every second, so a revoked key is dead within two.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import select, update

from app.errors import NotFound
from app.state import State
from app.state.names import now
from app.state.tables import api_keys
from miner.errors import ConfigError

SCOPES = ("read", "write", "admin")
"""Each holds those before it: read looks and downloads, write also uploads, mines and deletes, admin also sees and revokes keys."""

REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Caller:
    """Who asks, and what it may do. name: what the operator called the key."""

    id: str
    scopes: frozenset[str]
    name: str = ""


BOOTSTRAP = Caller("bootstrap", frozenset(SCOPES))
ANYBODY = Caller("anybody", frozenset(SCOPES))


class Keyring:
    """The keys that open. `given` are hashes of the operator's own, from the environment; `closed`: wanted even while there is none."""

    def __init__(self, state: State, given: Sequence[bytes], *, closed: bool) -> None:
        self._state, self._given, self._closed = state, [(digest, BOOTSTRAP) for digest in given], closed
        self._known: list[tuple[bytes, Caller]] = []
        self._ever = False
        self.refresh()

    def refresh(self) -> None:
        """Read the table again."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(api_keys)).all()
        self._known = [
            (bytes.fromhex(row.digest), Caller(row.id, _with_lower(row.scopes), row.name)) for row in rows if row.revoked_at is None
        ]
        self._ever = self._ever or bool(rows)

    def caller(self, token: str | None) -> Caller | None:
        """Who holds this token, in the same time whoever it is; None: nobody may. Where no key was ever made, anybody may."""
        return ANYBODY if self.open else self.holder(digest_of(token or ""))

    @property
    def open(self) -> bool:
        """Whether no key is wanted: none was ever made, and nobody else can reach the service."""
        return not (self._closed or self._given or self._ever)

    def holder(self, digest: bytes) -> Caller | None:
        """Whose key has this hash, among those that open now."""
        found = None
        for known, caller in (*self._given, *self._known):
            if hmac.compare_digest(digest, known):
                found = caller
        return found


def create(state: State, name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """A new key: its id, and the key itself, which is told only now."""
    wanted = tuple(dict.fromkeys(scopes))
    for scope in wanted:
        if scope not in SCOPES:
            raise ConfigError(f"there is no scope '{scope}'; there are: {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise ConfigError("a key has a name of 1 to 100 printable characters: who uses it, and for what")
    key_id = secrets.token_hex(4)
    key = f"hardneg_{key_id}_{secrets.token_urlsafe(32)}"
    row = {"id": key_id, "name": name.strip(), "digest": digest_of(key).hex(), "scopes": ",".join(wanted), "created_at": now()}
    with state.database.write() as connection:
        connection.execute(api_keys.insert().values(row))
    return key_id, key


def ls(state: State) -> list[dict[str, Any]]:
    """All keys, without what would open: id, name, scopes, times."""
    columns = [column for column in api_keys.c if column.name != "digest"]
    with state.database.read() as connection:
        rows = connection.execute(select(*columns).order_by(api_keys.c.created_at)).mappings().all()
    return [{**row, "scopes": row["scopes"].split(",")} for row in rows]


def revoke(state: State, key_id: str) -> None:
    """Close a key for ever. NotFound when there is none."""
    with state.database.write() as connection:
        done = connection.execute(update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now()))
    if not done.rowcount:
        raise NotFound("there is no such key, or it is revoked already; `hardneg keys ls` lists them")


def _with_lower(scopes: str) -> frozenset[str]:
    highest = max(SCOPES.index(scope) for scope in scopes.split(","))
    return frozenset(SCOPES[: highest + 1])


def digest_of(token: str) -> bytes:
    """What is kept of a key, or of a session."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
