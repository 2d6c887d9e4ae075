"""Between client and server: a connection that is cut after so many bytes of the answer, as often as it was told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def breaking(port: int) -> Iterator[tuple[int, list[int]]]:
    """(its port, cuts): the next content that is asked for breaks after cuts.pop() bytes, while there are any."""
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
        asked = client.recv(65_536)
        server.sendall(asked)
        left = cuts.pop() if b"/content " in asked and cuts else 2**60
        while left and (data := server.recv(min(65_536, left))):
            client.sendall(data)
            left -= len(data)
