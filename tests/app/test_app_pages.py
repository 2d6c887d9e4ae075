"""Signing in, sessions, and what a request of a browser must show to change anything."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from app.auth import keys
from app.auth.sessions import Sessions
from app.pages import assets

pytestmark = pytest.mark.slow

HERE = {"Origin": "http://127.0.0.1"}
SEE = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STRANGE = [
    {},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://127.0.0.1:81"},
    {**HERE, "Sec-Fetch-Site": "cross-site"},
    {**HERE, "Sec-Fetch-Site": "same-site"},
]


@pytest.fixture
def client(client_of):
    made = client_of(ready=False, api_key="the-first-of-two-keys", jobs_at_once=0)
    made.follow_redirects = False
    made.cookies.clear()
    return made


def sign_in(client, key="the-first-of-two-keys", onward="/", **headers):
    return client.post("/login", data={"key": key, "next": onward}, headers={**HERE, **headers})


def test_a_stranger_is_led_to_the_form_and_back(client):
    answer = client.get("/jobs/job_1/review", headers=SEE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/jobs/job_1/review")
    form = client.get(answer.headers["location"], headers=SEE).text
    assert 'value="/jobs/job_1/review"' in form
    assert sign_in(client, onward="/jobs/job_1/review").headers["location"] == "/jobs/job_1/review"
    assert client.get("/", headers=SEE).status_code == 200
    assert client.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("onward", ["//evil.example", "http://evil.example", "/\\evil", "javascript:alert(1)", "/logout", "/docs\n", ""])
def test_it_leads_nowhere_else(onward, client):
    assert sign_in(client, onward=onward).headers["location"] == "/"
    assert "evil" not in client.get("/login", params={"next": onward}).text


def test_the_cookie_is_for_the_browser_alone(client):
    told = sign_in(client).headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= {part.strip() for part in told.split(";")}
    assert "secure" not in told
    assert "the-first-of-two-keys" not in told


def test_over_https_the_cookie_is_tied_to_the_host(client):
    client.base_url = "https://127.0.0.1"
    try:
        told = sign_in(client, Origin="https://127.0.0.1").headers["set-cookie"]
        assert told.startswith("__Host-hardneg_session=")
        assert "Secure" in told
    finally:
        client.base_url = "http://127.0.0.1"


def test_a_wrong_key_opens_nothing(client):
    answer = sign_in(client, "wrong")
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert 'role="alert"' in answer.text
    assert client.get("/v1/jobs").status_code == 401
    for token in ("x", "", "a" * 9000):
        assert client.get("/v1/jobs", headers={"Cookie": f"hardneg_session={token}"}).status_code == 401
    assert client.post("/login", content=b"key=" + b"x" * 20_000, headers={**HERE, **FORM}).status_code == 413
    assert client.post("/login", content=b"{}", headers={**HERE, "Content-Type": "application/json"}).status_code == 415


def test_signing_out_ends_the_session_itself(client):
    sign_in(client)
    kept = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    answer = client.post("/logout", headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    client.cookies.clear()
    assert client.get("/v1/jobs", headers={"Cookie": kept}).status_code == 401


def test_two_sessions_are_none(client):
    """A page of a neighbouring host can set a second cookie of the name: of two different ones neither counts."""
    sign_in(client)
    name, token = next(iter(client.cookies.items()))
    client.cookies.clear()
    for cookie in (f"{name}={token}", f"{name}={token}; {name}={token}"):
        assert client.get("/v1/jobs", headers={"Cookie": cookie}).status_code == 200
    for other in range(12):  # whichever a set gives first
        for cookie in (f"{name}={token}; {name}={other}", f"__Host-{name}={other}; {name}={token}"):
            assert client.get("/v1/jobs", headers={"Cookie": cookie}).status_code == 401


@pytest.mark.parametrize("headers", STRANGE, ids=str)
def test_only_a_page_of_ours_changes_anything(headers, client):
    """With a session, whatever the path; and the form that signs in as well."""
    sign_in(client)
    for path in ("/logout", "/jobs/job_1/cancel", "/v1/jobs/job_1/cancel", "/v1/mine", "/login"):
        assert client.post(path, headers=headers).status_code == 403, path
    assert client.delete("/v1/jobs/job_1", headers=headers).status_code == 403
    assert client.delete("/v1/jobs/job_1", headers=HERE).status_code == 404
    assert client.get("/v1/jobs").status_code == 200
    assert client.post("/v1/jobs/job_1/cancel", headers={**headers, "Authorization": "Bearer the-first-of-two-keys"}).status_code in (
        403,
        404,
    )


def test_a_client_that_is_no_browser_needs_no_origin(client, client_of):
    assert client.post("/v1/jobs/job_1/cancel", headers={"Authorization": "Bearer the-first-of-two-keys"}).status_code == 404
    keyless = client_of(ready=False)
    assert keyless.post("/v1/jobs/job_1/cancel").status_code == 404
    assert keyless.post("/v1/jobs/job_1/cancel", headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_revoked_key_closes_its_sessions(client):
    state, ring = client.app.state.services.state, client.app.state.services.keyring
    key_id, key = keys.create(state, "a page", ["read"])
    ring.refresh()
    sign_in(client, key)
    assert "a page" in client.get("/", headers=SEE).text
    assert client.post("/v1/jobs/job_1/cancel", headers=HERE).status_code == 403
    keys.revoke(state, key_id)
    ring.refresh()
    assert client.get("/v1/jobs").status_code == 401


def test_a_session_ends_by_itself_and_only_its_hash_is_kept(client, monkeypatch):
    sessions = client.app.state.services.sessions
    token = sessions.open("the-first-of-two-keys")
    assert sessions.caller(token).id == "bootstrap"
    kept = b"".join(path.read_bytes() for path in client.app.state.services.state.folder.glob("hardneg.sqlite*"))
    assert token.encode() not in kept
    monkeypatch.setattr("app.auth.sessions.now", lambda: 4e9)
    assert sessions.caller(token) is None
    assert isinstance(sessions, Sessions)


def test_refusals_are_pages_for_those_who_look(client):
    sign_in(client)
    answer = client.get("/nope", headers=SEE)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert client.get("/nope").headers["content-type"] == "application/problem+json"
    assert client.get("/v1/nope", headers=SEE).headers["content-type"] == "application/problem+json"


def test_every_page_has_the_policy_and_nothing_inline(client):
    sign_in(client)
    for path in ("/", "/login", "/docs", "/nope"):
        answer = client.get(path, headers=SEE)
        (policy,) = answer.headers.get_list("content-security-policy")  # one: of two a browser takes what both allow
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert not re.search(r"<script(?! src=\"/static/[a-z.-]+\" defer>)|<style| style=| on\w+=|https?:", answer.text)


def test_assets_are_compressed_and_known_by_their_content(client):
    plain = client.get("/static/page.css", headers={"Accept-Encoding": "identity"})
    packed = client.get("/static/page.css", headers={"Accept-Encoding": "gzip"})
    assert plain.content == packed.content
    assert plain.headers["etag"] != packed.headers["etag"]
    assert client.get("/static/page.css", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}).status_code == 304
    sign_in(client)
    assert client.get("/static/nope.css").status_code == 404
    assert client.get("/static/..%2fpages%2fframe.py").status_code == 404


def test_what_others_wrote_is_what_they_published(client):
    """By the hashes that were written down when it came, each with its licence; and it is served as it is."""
    folder = Path(assets.__file__).parent / "vendor"
    for name, told in json.loads((folder / "vendored.json").read_text()).items():
        there = {path.name for path in (folder / name).iterdir() if path.is_file() and path.suffix != ".py"}
        assert there == set(told["files"])
        assert "LICENSE" in there
        for file, digest in told["files"].items():
            assert sha256((folder / name / file).read_bytes()).hexdigest() == digest, file
    sign_in(client)
    script = client.get("/static/swagger-ui-bundle.js").content
    assert script == (folder / "swagger_ui" / "swagger-ui-bundle.js").read_bytes()
    assert client.get("/docs", headers=SEE).status_code == 200
