"""The listening socket, and the limit of file descriptors.

Without a free descriptor, asyncio's loop logs a traceback for each connection and retries at once. This socket reserves one descriptor:
when there is no other, it accepts the connection with that one and closes it.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import time
from contextlib import suppress
from typing import Any

from miner.errors import StorageError

log = logging.getLogger(__name__)

MAX_DESCRIPTORS = 65_536
"""The soft limit of open files is raised to this at start, where the hard limit allows it."""
RESERVED_DESCRIPTORS = 128
"""Descriptors for other things than connections: the database, files of jobs, pipes to child processes."""
BACKLOG = 2048
"""Connections that the kernel queues until they are accepted."""
MAX_ACCEPTS = 32
"""Connections that asyncio accepts in one turn of its loop, at most an eighth of the maximum: their bytes are read some turns later, and
until then none of them should be replaced by a newer one."""
NO_DESCRIPTOR_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
LOG_INTERVAL_SECONDS = 60.0
PAUSE_SECONDS = 1.0


def raise_descriptors(limit: int = MAX_DESCRIPTORS) -> int:
    """Raise the soft limit of open files to the hard one. Return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
    if soft == resource.RLIM_INFINITY or soft >= target:
        return limit if soft == resource.RLIM_INFINITY else soft
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections_for(descriptors: int, limit: int) -> int:
    """Number of connections that the descriptors suffice for: each may have a file open too."""
    return max(8, min(limit, (descriptors - RESERVED_DESCRIPTORS) // 2))


class Listener(socket.socket):
    """A listening socket with a reserved descriptor."""

    def __init__(self, family: int, address: Any) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._reserve, self._logged_at, self._paused_until = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0.0, 0.0
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.bind(address)

    def listen(self, backlog: int = BACKLOG) -> None:
        """Start to listen. asyncio's `backlog` is the number of accepts per turn; the kernel's queue is longer."""
        super().listen(max(backlog, BACKLOG))

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. BlockingIOError when there is none, or no descriptor for it."""
        if time.monotonic() < self._paused_until:
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in NO_DESCRIPTOR_ERRORS:
                raise
            if not self._reject():
                self._paused_until = time.monotonic() + PAUSE_SECONDS  # asyncio logs this once, and looks again after a second
                raise
        raise BlockingIOError

    def close(self) -> None:
        """Stop listening."""
        self._release_reserve()
        super().close()

    def _reject(self) -> bool:
        """Accept a connection with the reserved descriptor, and close it. False when that failed."""
        if time.monotonic() - self._logged_at > LOG_INTERVAL_SECONDS or not self._logged_at:
            self._logged_at = time.monotonic()
            log.warning("no file descriptor is left: connections are closed as they come (raise `ulimit -n`)")
        self._release_reserve()
        try:
            super().accept()[0].close()
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            with suppress(OSError):
                self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _release_reserve(self) -> None:
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1


def listeners(host: str, port: int) -> list[Listener]:
    """One socket per address of `host`. StorageError when one cannot be opened."""
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StorageError(f"cannot listen on {host}: {(error.strerror or str(error)).lower()}") from error
    sockets: list[Listener] = []
    for family, _, _, _, address in dict.fromkeys(addresses):
        try:
            sockets.append(Listener(family, address))
        except OSError as error:
            for opened in sockets:
                opened.close()
            raise StorageError(f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}") from error
    return sockets
