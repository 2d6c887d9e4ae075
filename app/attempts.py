"""How many wrong keys the sign-in form takes, from one client and from all: a bucket of each, which fills again within a minute.

Counts are kept in memory, of so many clients at most. Keys in a header are never counted: they cannot be locked out. Knows no HTTP.
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


class Attempts:
    """Wrong keys of the last minute. Not for several threads."""

    def __init__(self, of_one: int, of_all: int, clock: Callable[[], float] = time.monotonic) -> None:
        """of_one, of_all: wrong keys in a minute that one client, and all together, may try."""
        self._of_one, self._all, self._clock = of_one, Bucket(of_all, clock()), clock
        self._clients: OrderedDict[str, Bucket] = OrderedDict()

    def begin(self, client: str) -> int:
        """Take an attempt: 0, or the seconds after which there is one again."""
        moment, one = self._clock(), self._bucket(_net(client))
        wait = max(one.wait(moment), self._all.wait(moment))
        if not wait:
            one.left -= 1
            self._all.left -= 1
        return math.ceil(wait)

    def right(self, client: str) -> None:
        """The key was right: the attempt does not count."""
        self._bucket(_net(client)).left += 1
        self._all.left += 1

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
