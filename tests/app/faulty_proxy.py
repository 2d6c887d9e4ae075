"""A proxy between client and server that cuts the connection after so many bytes of an answer; tests and benchmarks use it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def faulty_proxy(port: int) -> Iterator[tuple[int, list[int]]]:
    """Yield its port and the cuts: the next answer to a request for a file's content ends after cuts.pop() bytes, while there are any."""
    cuts: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, port, cuts), daemon=True).start()
        yield listening.getsockname()[1], cuts
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, cuts: list[int]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_pass_on, args=(client, port, cuts), daemon=True).start()


def _pass_on(client: socket.socket, port: int, cuts: list[int]) -> None:
    """One request (without a body) and its answer; the answer's connection ends with it."""
    with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
        request = client.recv(65_536)
        server.sendall(request)
        left = cuts.pop() if b"/content " in request and cuts else 2**60
        while left and (data := server.recv(min(65_536, left))):
            client.sendall(data)
            left -= len(data)
