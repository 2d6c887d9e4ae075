"""Closed by default: every route but the probes wants the key, and every request one of our host names."""

import logging
from pathlib import Path

import pytest

from app.guard import OPEN
from app.settings import Settings, from_environ
from miner.errors import ConfigError

KEYS = ("the-first-of-two-keys", "the-second-of-two-keys")
WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Basic the-first-of-two-keys",
    "the-first-of-two-keys",
    "Bearer the-first-of-two-keys extra",
    "Bearer first-ke",
    "Bearer \xe9",
]


@pytest.fixture(scope="module")
def locked(client_of):
    return client_of(api_key=",".join(KEYS))


def paths(app):
    """Every path of the app with every method: what the document lists, what hides from it, what FastAPI adds, and one that is not there."""
    listed = {(path, method) for path, item in app.openapi()["paths"].items() for method in item}
    flat = [route for top in app.routes for route in (top.original_router.routes if hasattr(top, "original_router") else [top])]
    hidden = {(route.path, method.lower()) for route in flat for method in route.methods}
    assets = {(path, "get") for path in OPEN if path.startswith("/static/")}
    return sorted({*listed, *hidden, *assets, ("/nope", "get")})


@pytest.mark.parametrize("given", WRONG, ids=repr)
def test_without_a_key_only_the_probes_answer(given, locked):
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for path, method in [*paths(locked.app), ("//v1/info", "get"), ("/livez/", "get"), ("/v1/%2e%2e/livez", "get"), ("/livez;x", "get")]:
        answer = locked.request(method, path, headers=headers)
        assert (answer.status_code != 401) == (path in OPEN), (method, path, answer.status_code)
        assert answer.status_code < 400 or path not in OPEN or (path, method) == ("/login", "post")
        if path not in OPEN:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


def test_the_enumeration_finds_what_hides_from_the_document(locked):
    known = {
        ("/openapi.json", "get"),
        ("/login", "post"),
        ("/", "get"),
        ("/static/{name}", "get"),
        ("/v1/jobs", "post"),
        ("/livez", "head"),
    }
    assert known <= set(paths(locked.app))


def test_what_is_open_is_written_down():
    assert {"/livez", "/readyz", "/login", "/static/page.css", "/static/page.js", "/static/mark.svg"} == OPEN


@pytest.mark.parametrize("key", KEYS)
def test_each_key_opens(key, locked):
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {key}"}
        assert locked.get("/v1/info", headers=headers).status_code == 200
        assert locked.post("/v1/mine", headers=headers, json={}).status_code == 422
        assert locked.get("/openapi.json", headers=headers).json()["components"]["schemas"]["MineRequest"]


@pytest.mark.parametrize("given", [("wrong", KEYS[0]), (KEYS[0], "wrong"), (KEYS[0], KEYS[0]), KEYS])
def test_two_headers_do_not_open(given, locked):
    """Whichever comes first, and though both are right: somebody in between may have gone by the other one."""
    answer = locked.get("/v1/info", headers=[("Authorization", f"Bearer {key}") for key in given])
    assert answer.status_code == 401


OURS = ["127.0.0.1", "localhost:8000", "[::1]:80", "LOCALHOST", "mine.example:443"]
THEIRS = ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::1", "localhost:80:80"]


@pytest.mark.parametrize(("host", "status"), [*((host, 200) for host in OURS), *((host, 400) for host in THEIRS)])
def test_hosts(host, status, client_of):
    client = client_of(ready=False, allowed_hosts="mine.example", model="/nowhere")
    assert client.get("/livez", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("hosts", [("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_two_hosts_are_none(hosts, locked):
    """RFC 9112, 3.2: a request with more than one Host header is refused, whatever they name."""
    assert locked.get("/livez", headers=[("Host", host) for host in hosts]).status_code == 400


def test_info_tells_limits_and_model(client, model):
    info = client.get("/v1/info").json()
    assert info["limits"]["max_queries"] == 100
    assert info["model"]["name"] == Path(model).name
    assert info["model"]["dim"] == 16
    assert client.head("/livez").status_code == 200


def test_the_log_has_no_texts_and_no_keys(locked, caplog):
    with caplog.at_level(logging.DEBUG):
        locked.get("/private-path?q=private-query", headers={"Authorization": "Bearer private-key"})
        body = {"queries": [{"text": "private-text", "positives": ["private-id"]}]}
        locked.post("/v1/mine", json=body, headers={"Authorization": "Bearer the-first-of-two-keys"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("app", "miner"))]
    assert any(line.startswith("POST /v1/mine 422") for line in ours)
    assert not [line for line in ours if "private" in line or "the-first-of-two-keys" in line]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mine.example"])
def test_no_address_of_others_without_a_key(host, tmp_path):
    with pytest.raises(ConfigError, match="without a key"):
        Settings.of(host=host).check_exposure()
    (tmp_path / "key").write_text("a-key-of-these-tests\n")
    for more in ({"api_key": "a-key-of-these-tests"}, {"insecure_no_auth": True}, {"api_key_file": tmp_path / "key"}):
        Settings.of(host=host, **more).check_exposure()
    for local in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        Settings.of(host=local).check_exposure()


def test_the_environment_names_settings():
    given = from_environ(
        {
            "HARDNEG_API_KEY": "a-key-of-sixteen, another-of-sixteen",
            "HARDNEG_PORT": "81",
            "HARDNEG_MODEL": "",
            "HARDNEG_NEGATIVES": "5",
            "PORT": "1",
        }
    )
    settings = Settings.of(**given)
    assert (settings.port, len(settings.digests()), settings.model) == (81, 2, None)
    assert "a-key-of-sixteen" not in repr(settings)


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"max_queries": 0}, {"nope": 1}, {"index": 5}, {"max_queries": "many"}])
def test_wrong_settings_are_one_sentence(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings.of(**wrong)
