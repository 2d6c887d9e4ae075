"""Keys of the data folder: scopes, revoking, the command, and what is kept of them."""

import pytest
from test_app_guard import paths

from app.auth import keys
from app.guard import OPEN
from miner.errors import ConfigError


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(ready=False)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def made(client, scope):
    key_id, key = keys.create(client.app.state.services.state, f"a {scope} key", [scope])
    client.app.state.services.keyring.refresh()
    return key_id, key


def test_the_first_key_closes_the_door(client_of):
    client = client_of(ready=False)
    assert client.get("/v1/files").status_code == 200
    key_id, key = made(client, "read")
    assert client.get("/v1/files").status_code == 401
    assert client.get("/v1/files", headers=bearer(key)).status_code == 200
    keys.revoke(client.app.state.services.state, key_id)
    client.app.state.services.keyring.refresh()
    for headers in ({}, bearer(key)):
        assert client.get("/v1/files", headers=headers).status_code == 401


def test_every_route_wants_its_scope(client):
    """By enumeration: a reading key changes nothing, a writing one sees no keys, and nothing but the probes is open."""
    by_scope = {scope: made(client, scope)[1] for scope in keys.SCOPES}
    for path, method in paths(client.app):
        concrete = path.replace("{", "").replace("}", "")
        for scope, key in by_scope.items():
            status = client.request(method, concrete, headers=bearer(key)).status_code
            wanted = 2 if "/keys" in path else 0 if method in ("get", "head") else 1
            refused = keys.SCOPES.index(scope) < wanted
            assert (status == 403) == (refused and path not in OPEN), (scope, method, path, status)
        for headers in ({}, bearer("wrong")):
            assert (client.request(method, concrete, headers=headers).status_code == 401) == (path not in OPEN)


def test_an_admin_sees_and_revokes(client):
    admin = bearer(made(client, "admin")[1])
    victim, key = made(client, "read")
    listed = client.get("/v1/keys", headers=admin).json()["keys"]
    assert victim in [one["id"] for one in listed]
    assert key not in str(listed)
    assert client.delete(f"/v1/keys/{victim}", headers=admin).status_code == 204
    assert client.get("/v1/files", headers=bearer(key)).status_code == 401
    assert client.delete(f"/v1/keys/{victim}", headers=admin).status_code == 404


def test_only_a_hash_is_kept(client):
    _, key = made(client, "read")
    state = client.app.state.services.state
    kept = b"".join(path.read_bytes() for path in state.folder.glob("hardneg.sqlite*"))
    assert key.encode() not in kept
    assert key.split("_", 2)[2].encode() not in kept  # the secret, which may hold a _ itself


@pytest.mark.parametrize(("name", "scopes"), [("", ["read"]), ("x" * 101, ["read"]), ("a\nb", ["read"]), ("a", ["root"])])
def test_wrong_keys_are_refused(name, scopes, client):
    with pytest.raises(ConfigError):
        keys.create(client.app.state.services.state, name, scopes)


def test_the_command(tmp_path, monkeypatch, capsys):
    from app.cli import app

    monkeypatch.setenv("HARDNEG_DATA_DIR", str(tmp_path / "data"))

    def run(*words):
        app(["keys", *words], standalone_mode=False)
        return capsys.readouterr()

    key = run("create", "Ada", "--scope", "read").out.strip()
    key_id = key.split("_")[1]
    listed = run("ls").out
    assert key_id in listed
    assert "read" in listed
    assert key not in listed
    run("revoke", key_id)
    assert "revoked" in run("ls").out
