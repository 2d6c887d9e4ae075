"""The socket that connections come to, and the file descriptors that there are for them.

asyncio's own loop logs a traceback for each connection that there is no descriptor for, and tries again at once. This socket holds one
descriptor back: when there is no other, it takes the connection with that one and closes it.
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

DESCRIPTORS = 65_536
"""Descriptors are raised to as many at start, where the hard limit allows it."""
OURS = 128
"""Of them, what the service needs beside its connections: the database, files of jobs, pipes to child processes."""
BACKLOG = 2048
"""Connections that the kernel keeps until they are taken."""
MAX_ACCEPTS = 32
"""Connections that asyncio takes in one turn, at most an eighth of those there may be: what each sends is read some turns later, and until
then it must not have to make room."""
NONE_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
TOLD_EVERY = 60.0
PAUSE = 1.0


def raise_descriptors(most: int = DESCRIPTORS) -> int:
    """Raise the soft limit of open files to the hard one; how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return most if soft == resource.RLIM_INFINITY else soft
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections_for(descriptors: int, most: int) -> int:
    """How many connections that is enough for: each may have a file open too."""
    return max(8, min(most, (descriptors - OURS) // 2))


class Listener(socket.socket):
    """A socket that listens, and is never out of descriptors."""

    def __init__(self, family: int, address: Any) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._spare, self._told, self._until = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0.0, 0.0
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.bind(address)

    def listen(self, backlog: int = BACKLOG) -> None:
        """Begin. asyncio's `backlog` says how many it takes in one turn; the kernel keeps more than that."""
        super().listen(max(backlog, BACKLOG))

    def accept(self) -> tuple[socket.socket, Any]:
        """A connection. BlockingIOError when there is none, or none that a descriptor is left for."""
        if time.monotonic() < self._until:
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in NONE_LEFT:
                raise
            if not self._turned_away():
                self._until = time.monotonic() + PAUSE  # asyncio logs this once, and looks again after a second
                raise
        raise BlockingIOError

    def close(self) -> None:
        """Stop listening."""
        self._let_go()
        super().close()

    def _turned_away(self) -> bool:
        """Take the connection with the descriptor held back, and close it; whether that worked."""
        if time.monotonic() - self._told > TOLD_EVERY or not self._told:
            self._told = time.monotonic()
            log.warning("no file descriptor is left: connections are closed as they come (raise `ulimit -n`)")
        self._let_go()
        try:
            super().accept()[0].close()
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _let_go(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def listeners(host: str, port: int) -> list[Listener]:
    """One for each address that `host` stands for. StorageError when one cannot be had."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StorageError(f"cannot listen on {host}: {(error.strerror or str(error)).lower()}") from error
    made: list[Listener] = []
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            made.append(Listener(family, address))
        except OSError as error:
            for one in made:
                one.close()
            raise StorageError(f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}") from error
    return made
