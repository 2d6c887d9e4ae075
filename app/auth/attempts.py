"""A rate limit on wrong keys per client, in a header or in the form: one token bucket each, refilled within a minute.

A key that was right from an address stays exempt there, whatever other requests from that address do: a client cannot lock out another one
behind the same address. The buckets are in memory, for a limited number of clients. Knows no HTTP.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MINUTE_SECONDS = 60.0
MAX_CLIENTS = 4096
"""Clients in memory; the least recently used one is dropped first."""
WRONG_KEY_SECONDS = 0.3
"""The delay of the answer to a wrong key."""


class Attempts:
    """The buckets of the clients. Not thread-safe."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """per_minute: wrong keys that one client may try in a minute."""
        self._per_minute, self._clock = per_minute, clock
        self._clients: OrderedDict[str, Bucket] = OrderedDict()
        self._opened: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def begin(self, client: str, digest: bytes) -> int:
        """Take an attempt. Return 0, or the seconds until the next attempt. A key that was right from this client before is exempt."""
        network = _network(client)
        if (network, digest) in self._opened:
            return 0
        bucket = self._bucket(network)
        wait = bucket.wait(self._clock())
        if not wait:
            bucket.tokens -= 1
        return math.ceil(wait)

    def right(self, client: str, digest: bytes) -> None:
        """The key was right: return the attempt, and exempt the key from now on."""
        client_key = _network(client), digest
        if client_key not in self._opened:
            self._bucket(client_key[0]).tokens += 1
        self._opened[client_key] = None
        self._opened.move_to_end(client_key)
        if len(self._opened) > MAX_CLIENTS:
            self._opened.popitem(last=False)

    def wrong(self, client: str, digest: bytes) -> None:
        """The key was wrong: it is no longer exempt."""
        self._opened.pop((_network(client), digest), None)

    def _bucket(self, network: str) -> Bucket:
        bucket = self._clients.setdefault(network, Bucket(self._per_minute, self._clock()))
        self._clients.move_to_end(network)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        return bucket


class Bucket:
    """A token bucket: `capacity` attempts per minute."""

    def __init__(self, capacity: int, now: float) -> None:
        self.tokens, self._capacity, self._updated_at = float(capacity), capacity, now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0: there is one."""
        self.tokens = min(self._capacity, self.tokens + (now - self._updated_at) * self._capacity / MINUTE_SECONDS)
        self._updated_at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) * MINUTE_SECONDS / self._capacity


def _network(client: str) -> str:
    """The address of a client; for IPv6 its /64 network, of which a client may use every address."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
