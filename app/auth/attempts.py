"""How many wrong keys one client may try, in a header or in the form: a bucket each, which fills again within a minute.

Who has opened with a key from an address before goes on opening from there, whatever else comes from it: nobody can lock another out who
is at work, not even behind one address. Counts are kept in memory, of so many clients at most. Knows no HTTP.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MINUTE = 60.0
MOST_CLIENTS = 4096
"""Clients that are remembered; the one that was heard of longest ago is forgotten first."""
WRONG_KEY_SECONDS = 0.3
"""How long a wrong key waits for its answer."""


class Attempts:
    """Wrong keys of the last minute. Not for several threads."""

    def __init__(self, of_one: int, clock: Callable[[], float] = time.monotonic) -> None:
        """of_one: wrong keys in a minute that one client may try."""
        self._of_one, self._clock = of_one, clock
        self._clients: OrderedDict[str, Bucket] = OrderedDict()
        self._opened: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def begin(self, client: str, digest: bytes) -> int:
        """Take an attempt: 0, or the seconds after which there is one again. A key that has opened from here before needs none."""
        net = _net(client)
        if (net, digest) in self._opened:
            return 0
        one = self._bucket(net)
        wait = one.wait(self._clock())
        if not wait:
            one.left -= 1
        return math.ceil(wait)

    def right(self, client: str, digest: bytes) -> None:
        """The key opened: the attempt does not count, and none is needed from now on."""
        known = _net(client), digest
        if known not in self._opened:
            self._bucket(known[0]).left += 1
        self._opened[known] = None
        self._opened.move_to_end(known)
        if len(self._opened) > MOST_CLIENTS:
            self._opened.popitem(last=False)

    def wrong(self, client: str, digest: bytes) -> None:
        """The key did not open, and is no longer one that did."""
        self._opened.pop((_net(client), digest), None)

    def _bucket(self, net: str) -> Bucket:
        found = self._clients.setdefault(net, Bucket(self._of_one, self._clock()))
        self._clients.move_to_end(net)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return found


class Bucket:
    """What is left of so many attempts a minute."""

    def __init__(self, most: int, moment: float) -> None:
        self.left, self._most, self._moment = float(most), most, moment

    def wait(self, moment: float) -> float:
        """Seconds until there is one; 0: now."""
        self.left = min(self._most, self.left + (moment - self._moment) * self._most / MINUTE)
        self._moment = moment
        return 0.0 if self.left >= 1 else (1 - self.left) * MINUTE / self._most


def _net(client: str) -> str:
    """The address; of IPv6 the network, since a client has as many addresses there as it likes."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
