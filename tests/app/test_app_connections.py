"""Connections have limits: of time for a head, of speed for a body and an answer, of number; who sends a whole request is answered all the same."""

import asyncio
import contextlib
import socket
import threading
import time
from types import SimpleNamespace

import pytest
import uvicorn

from app.http.connections import Connection, Connections
from app.http.listener import Listener

pytestmark = pytest.mark.server

HALF, WHOLE = b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class App:
    """/livez answers at once; /body reads to the end; /key too, and knows the caller; /early refuses at once; /large sends without end."""

    def __init__(self, connections):
        self.state, self.gone = SimpleNamespace(services=SimpleNamespace(connections=connections)), 0

    async def __call__(self, scope, receive, send):
        scope["state"]["caller"] = "somebody" if scope["path"] in ("/key", "/large") else None
        while scope["path"] in ("/body", "/key"):
            message = await receive()
            self.gone += message["type"] == "http.disconnect"
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for _ in range(200 if scope["path"] == "/large" else 0):
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
        await send({"type": "http.response.body", "body": b"fine"})


@pytest.fixture
def served(request):
    """A function: limits → (the app, a function that connects and sends)."""
    with contextlib.ExitStack() as closing:

        def make(most=50, head=0.5, body=0.5, rate=256):
            app, listener = App(Connections(most, head, body, rate)), Listener(socket.AF_INET, ("127.0.0.1", 0))
            listener.listen()
            server = uvicorn.Server(uvicorn.Config(app, http=Connection, loop="asyncio", lifespan="off", log_config=None, access_log=False))
            thread = threading.Thread(target=lambda: asyncio.run(server._serve([listener])))
            thread.start()

            def stop():
                server.should_exit = server.force_exit = True
                thread.join()

            closing.callback(stop)

            def connect(data=b""):
                one = closing.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
                one.sendall(data)
                return one

            return app, connect

        yield make


def heard(one):
    """All that comes until the end; nothing when the connection was cut."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := one.recv(2**16):
            said += piece
    return said


def dribble(one, seconds, pause=0.05, data=b"x"):
    """Send a little again and again until the other side has had enough."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            one.sendall(data)
            time.sleep(pause)


def test_a_head_has_so_long(served):
    """However busily it dribbles; who has said nothing is told nothing; another is answered meanwhile."""
    app, connect = served()
    silent, half, busy = connect(), connect(HALF), connect(HALF)
    began = time.monotonic()
    dribble(busy, 5, data=b"a: b\r\n")
    assert b"200 OK" in connect(WHOLE).recv(100)
    assert (heard(silent), heard(half)[:20]) == (b"", b"HTTP/1.1 408 Request")
    assert time.monotonic() - began < 3
    assert app.state.services.connections.closed["head"] == 3


def test_a_body_must_go_on_and_may_take_its_time(served):
    """A slow one is read to its end, in many windows; one that stalls is refused, and whoever reads it is told."""
    app, connect = served(rate=100)
    slow, stalled = connect(POST % (b"body", 400)), connect(POST % (b"body", 400))
    stalled.sendall(b"x")
    for _ in range(20):
        slow.sendall(bytes(20))
        time.sleep(0.1)
    assert b"200 OK" in slow.recv(100)
    assert heard(stalled).startswith(b"HTTP/1.1 408")
    assert (app.gone, app.state.services.connections.closed["body"]) == (1, 1)


def test_what_was_answered_early_ends(served):
    """The rest of a body that nobody reads keeps nothing open, whole or damaged."""
    app, connect = served()
    early = connect(POST % (b"early", 10**9))
    assert b"200 OK" in early.recv(100)
    dribble(early, 5)
    damaged = connect(b"POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert b"200 OK" in damaged.recv(100)
    damaged.sendall(b"no chunk\r\n")
    assert b"400" not in heard(damaged)
    assert app.state.services.connections.closed["rest"] == 1


def test_what_is_no_request_is_a_problem(served):
    assert heard(served()[1](b"no http at all\r\n\r\n")).startswith(b"HTTP/1.1 400 Bad Request")


def test_who_does_not_read_is_left(served):
    app, connect = served()
    one = connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(1.5)
    assert len(heard(one)) < 200 * 2**20
    assert app.state.services.connections.closed["answer"] == 1


def test_the_oldest_that_brings_nothing_makes_room(served):
    """A whole request is answered however many half ones there are; a body that came with a key stays, a stranger's does not."""
    app, connect = served(most=10, head=60, body=60)
    ours, theirs = connect(POST % (b"key", 10)), connect(POST % (b"body", 10))
    time.sleep(0.2)
    halves = [connect(HALF) for _ in range(30)]
    for _ in range(5):
        assert b"200 OK" in connect(WHOLE).recv(100)
    ours.sendall(bytes(10))
    assert b"200 OK" in ours.recv(100)
    assert heard(theirs) == b""
    assert [heard(one) for one in halves[:20]] == [b""] * 20
    assert len(app.state.services.connections.open) <= 10
    assert app.state.services.connections.closed["room"] >= 20


def test_where_no_room_can_be_made_the_new_one_goes(served):
    app, connect = served(most=2, body=60)
    ours = [connect(POST % (b"key", 10)) for _ in range(2)]
    time.sleep(0.2)
    assert heard(connect(WHOLE)) == b""
    for one in ours:
        one.sendall(bytes(10))
        assert b"200 OK" in one.recv(100)
    assert app.state.services.connections.closed == {"full": 1}


def test_a_minute_is_one_line(caplog):
    """Whatever is closed."""
    connections = Connections(1, 1, 1, 1)
    for _ in range(500):
        connections.count_closed("head")
    assert [record.getMessage() for record in caplog.records] == ["connections closed (head: 1); 0 are open"]
    assert connections.closed["head"] == 500
