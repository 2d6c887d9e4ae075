"""Who guesses keys is slowed down: one client and all together, in bounded memory, and nobody who brings a key in a header."""

import pytest

from app import attempts
from app.attempts import Attempts

HERE = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


class Clock:
    moment = 0.0

    def __call__(self):
        return self.moment


@pytest.fixture
def clock():
    return Clock()


def test_a_client_gets_so_many_a_minute(clock):
    """Then it waits, and is told how long; others do not."""
    made = Attempts(3, 100, clock)
    assert [made.begin("1.2.3.4") for _ in range(5)] == [0, 0, 0, 20, 20]
    assert made.begin("1.2.3.5") == 0
    clock.moment = 19.9
    assert made.begin("1.2.3.4") == 1
    clock.moment = 20.1
    assert [made.begin("1.2.3.4") for _ in range(2)] == [0, 20]
    clock.moment = 900
    assert [made.begin("1.2.3.4") for _ in range(4)] == [0, 0, 0, 20]


def test_all_together_get_so_many_a_minute(clock):
    """However many addresses they come from; what one was refused takes nothing from the others."""
    made = Attempts(2, 6, clock)
    assert [made.begin("1.2.3.4") for _ in range(9)] == [0, 0, *[30] * 7]
    assert [made.begin(f"1.2.3.{i}") for i in range(5, 10)] == [0, 0, 0, 0, 10]


def test_a_right_key_takes_nothing(clock):
    """Who signs in again and again is never refused."""
    made = Attempts(1, 1, clock)
    for _ in range(9):
        assert made.begin("1.2.3.4") == 0
        made.right("1.2.3.4")


def test_an_ipv6_network_is_one_client(clock):
    """It has 2^64 addresses."""
    made = Attempts(2, 100, clock)
    assert [made.begin(f"2001:db8::{i}") for i in range(1, 4)] == [0, 0, 30]
    assert made.begin("2001:db8:0:1::1") == 0


def test_memory_is_bounded(clock, monkeypatch):
    """The client that was heard of longest ago is forgotten."""
    monkeypatch.setattr(attempts, "MOST_CLIENTS", 10)
    made = Attempts(1, 10_000, clock)
    for i in range(100):
        made.begin(f"client {i}")
    assert len(made._clients) == 10
    assert (made.begin("client 99"), made.begin("client 0")) == (60, 0)


def test_the_form_refuses_and_a_header_does_not(client_of, monkeypatch):
    """429 with Retry-After, as a page or a problem, even for the right key; the key in a header and a session go on."""
    monkeypatch.setattr("app.looking.WRONG_KEY_SECONDS", 0)
    client = client_of(ready=False, api_key="right", jobs_at_once=0, max_wrong_keys=2)
    client.follow_redirects = False
    assert client.post("/login", data={"key": "right"}, headers=HERE).status_code == 303
    assert [client.post("/login", data={"key": "wrong"}, headers=HERE).status_code for _ in range(3)] == [401, 401, 429]
    answer = client.post("/login", data={"key": "right"}, headers=HERE)
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 30) == (429, True)
    assert "a key in a header is answered meanwhile" in answer.json()["detail"]
    shown = client.post("/login", data={"key": "right"}, headers={**HERE, "Accept": "text/html"})
    assert (shown.status_code, "retry-after" in shown.headers, "<h1>" in shown.text) == (429, True, True)
    assert client.get("/v1/jobs").status_code == 200
    client.cookies.clear()
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer right"}).status_code == 200
