"""Who guesses keys is slowed down, in the form and in a header alike, in bounded memory, and nobody can lock another out."""

import logging

import pytest
from fastapi.testclient import TestClient

from app.auth import attempts
from app.auth.attempts import Attempts

HERE = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
RIGHT, OTHER = "the-right-key-for-it", "another-key-that-opens"
KEY = b"some key"


class Clock:
    moment = 0.0

    def __call__(self):
        return self.moment


@pytest.fixture
def clock():
    return Clock()


def test_a_client_gets_so_many_a_minute(clock):
    """Then it waits, and is told how long; others do not."""
    made = Attempts(3, clock)
    assert [made.begin("1.2.3.4", KEY) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert made.begin("1.2.3.5", KEY) == 0
    clock.moment = 19.9
    assert made.begin("1.2.3.4", KEY) == 1
    clock.moment = 20.1
    assert [made.begin("1.2.3.4", KEY) for _ in range(2)] == [0, 20]
    clock.moment = 900
    assert [made.begin("1.2.3.4", KEY) for _ in range(4)] == [0, 0, 0, 20]


def test_a_right_key_takes_nothing(clock):
    """Who signs in again and again is never refused."""
    made = Attempts(1, clock)
    for _ in range(9):
        assert made.begin("1.2.3.4", KEY) == 0
        made.right("1.2.3.4", KEY)


def test_a_key_that_has_opened_goes_on(clock):
    """From its address only, whatever else comes from there; until it opens no more."""
    made = Attempts(2, clock)
    assert made.begin("1.2.3.4", KEY) == 0
    made.right("1.2.3.4", KEY)
    assert [made.begin("1.2.3.4", b"wrong") for _ in range(4)] == [0, 0, 30, 30]
    assert [made.begin("1.2.3.4", KEY) for _ in range(3)] == [0, 0, 0]
    made.wrong("1.2.3.4", KEY)
    assert made.begin("1.2.3.4", KEY) == 30


def test_an_ipv6_network_is_one_client(clock):
    """It has 2^64 addresses."""
    made = Attempts(2, clock)
    assert [made.begin(f"2001:db8::{i}", KEY) for i in range(1, 4)] == [0, 0, 30]
    assert made.begin("2001:db8:0:1::1", KEY) == 0


def test_memory_is_bounded(clock, monkeypatch):
    """The client that was heard of longest ago is forgotten."""
    monkeypatch.setattr(attempts, "MAX_CLIENTS", 10)
    made = Attempts(1, clock)
    for i in range(100):
        made.begin(f"client {i}", KEY)
        made.right(f"client {i}", KEY)
        made.begin(f"client {i}", b"wrong")
    assert (len(made._clients), len(made._opened)) == (10, 10)
    assert (made.begin("client 99", b"wrong"), made.begin("client 0", b"wrong")) == (60, 0)


def of(app, address):
    """A client at an address."""
    return TestClient(app, base_url="http://127.0.0.1", client=(address, 50_000), follow_redirects=False)


def bearer(key, **more):
    return {"Authorization": f"Bearer {key}", **more}


def test_the_form_and_the_header_are_one(client_of):
    """429 with Retry-After, as a page or a problem, even for a right key; one that has opened from there, a session, another client go on."""
    app = client_of(ready=False, api_key=f"{RIGHT},{OTHER}", jobs_at_once=0, max_wrong_keys=3).app
    client = of(app, "192.0.2.1")
    assert client.post("/login", data={"key": RIGHT}, headers=HERE).status_code == 303
    assert client.post("/login", data={"key": "wrong"}, headers=HERE).status_code == 401
    assert [client.get("/v1/jobs", headers=bearer(f"wrong-{i}")).status_code for i in range(3)] == [401, 401, 429]
    for answer in (client.post("/login", data={"key": OTHER}, headers=HERE), client.get("/v1/jobs", headers=bearer(OTHER))):
        assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 20) == (429, True)
        assert "too many wrong keys came from this address" in answer.json()["detail"]
    shown = client.post("/login", data={"key": OTHER}, headers={**HERE, "Accept": "text/html"})
    assert (shown.status_code, "retry-after" in shown.headers, "<h1>" in shown.text) == (429, True, True)
    assert client.get("/v1/jobs").status_code == 200  # the session
    assert client.get("/v1/jobs", headers=bearer(RIGHT)).status_code == 200
    assert of(app, "192.0.2.2").get("/v1/jobs", headers=bearer(OTHER)).status_code == 200
    assert client.get("/livez", headers=bearer("wrong")).status_code == 200


@pytest.mark.parametrize("trusted", ["", "192.0.2.0/28,2001:db8::1"])
def test_a_proxy_that_is_trusted_says_who_asks(client_of, trusted, caplog):
    """The last address that is no trusted proxy's: what a client writes before it is not believed. From others the header says nothing."""
    app = client_of(ready=False, api_key=RIGHT, jobs_at_once=0, max_wrong_keys=2, trusted_proxies=trusted).app
    proxy = of(app, "192.0.2.7")

    def ask(key, address, through="192.0.2.9", at=proxy):
        return at.get("/v1/jobs", headers=bearer(key, **{"X-Forwarded-For": f"{address}, {through}"})).status_code

    with caplog.at_level(logging.WARNING):
        tries = [ask("wrong", f"203.0.113.{i}, 198.51.100.1") for i in range(3)]
    assert tries == [401, 401, 429]
    assert ask(RIGHT, "198.51.100.2") == (200 if trusted else 429)
    told = [record.getMessage() for record in caplog.records if "a wrong key" in record.getMessage()]
    assert len(told) == 2
    assert all(("from 198.51.100.1" in line) if trusted else ("HARDNEG_TRUSTED_PROXIES" in line) for line in told)
    assert ask(RIGHT, "198.51.100.3", at=of(app, "198.51.100.9")) == 200


def test_wrong_keys_are_in_the_log_and_counted(client_of, caplog):
    """With the address, without the key."""
    client = of(client_of(ready=False, api_key=RIGHT, jobs_at_once=0).app, "192.0.2.1")
    with caplog.at_level(logging.WARNING):
        client.get("/v1/jobs", headers=bearer("a-wrong-secret"))
        client.post("/login", data={"key": "a-wrong-secret"}, headers=HERE)
    assert [line for line in caplog.messages if "wrong" in line] == [
        f"a wrong key in {where}, from 192.0.2.1" for where in ("a header", "the form")
    ]
    told = client.get("/metrics", headers=bearer(RIGHT)).text
    assert all(f'hardneg_wrong_keys_total{{where="{where}"}} 1.0' in told for where in ("header", "form"))
