"""Names from outside are looked up and never opened: 150 strings that try to leave the data folder, wherever a name goes."""

import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

STEPS = (
    "..",
    "../..",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "//etc/passwd",
    "./../x",
    "....//....//x",
    "a/../../b",
    "~root",
)
CODED = (
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%2f",
    "..%5c",
    "%2fetc%2fpasswd",
    "%c0%ae%c0%ae/",
    "..%00/",
    "file_0%00.jsonl",
    "%u002e%u002e",
    "..;/x",
)
ODD = ("\0", "a\0b", "．．/", "‥/", "x" * 4000, "C:\\x", "\\\\host\\share", "file:///etc/passwd", "hf:x", "http://127.0.0.1/x")
STRINGS = [start + one for start in ("", "file_", "job_0/", "corpus_0/", "./") for one in (*STEPS, *CODED, *ODD)]


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(ready=False, jobs_at_once=0)


@pytest.fixture
def opened(client):
    """Every path that Python opens while a test runs; the hook stays, and is silent afterwards."""
    seen, listening = [], [True]

    def hook(event, args):
        if listening[0] and event in ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.link", "shutil.rmtree"):
            seen.extend(os.fsdecode(one) for one in args[:2] if isinstance(one, str | bytes | os.PathLike))

    sys.addaudithook(hook)
    yield seen
    listening[0] = False


def test_no_string_leaves_the_data_folder(client, opened):
    assert len(STRINGS) >= 150
    folder = client.app.state.services.state.folder
    for string in STRINGS:
        name = quote(string, safe="%")
        for path in (
            f"/v1/files/{name}",
            f"/v1/files/{name}/content",
            f"/v1/jobs/{name}",
            f"/v1/jobs/{name}/results",
            f"/v1/corpora/{name}",
        ):
            answer = client.get(path)
            assert answer.status_code in (404, 405), (path, answer.status_code)
        body = {"kind": "mine", "inputs": {"pairs": string[:2000], "corpus": string[:2000]}}
        assert client.post("/v1/jobs", json=body).status_code in (404, 422)
        assert client.post("/v1/corpora", json={"name": string, "files": [string]}).status_code in (404, 422)
        assert client.delete(f"/v1/files/{name}").status_code in (403, 404, 405)  # 403: `..` leads out of /v1, where the page's rules hold
    work = (folder.parents[1], Path(__file__).parents[2], Path(tempfile.gettempdir()) / "hardneg-")  # the engine warms itself up meanwhile
    packages = [path for path in sys.path if path.endswith("-packages")]  # a .pth file may name a folder elsewhere
    ours = (*map(str, work), sys.prefix, sys.base_prefix, *packages, "/proc", "/dev", "/sys", "/usr", "/lib")
    assert not [path for path in opened if path.startswith("/") and not path.startswith(ours)]
    assert not [path for path in opened if ".." in path or "passwd" in path or "~" in path]


def test_what_is_counted_is_told(client):
    client.get("/v1/files")
    told = client.get("/metrics").text
    assert 'hardneg_http_requests_total{method="GET",route="/v1/files",status="200"}' in told
    assert 'hardneg_jobs{state="queued"} 0.0' in told
    assert all(line.startswith(("#", "hardneg_")) for line in told.splitlines())
    assert "passwd" not in told


def test_models_are_the_operators(client, model):
    assert client.get("/v1/models").json() == {"models": [{"name": Path(model).name, "served": True, "revision": None}]}


def test_a_request_has_a_name(client):
    assert client.get("/livez", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for strange in ("a b", "x" * 129, ""):
        assert client.get("/livez", headers={"X-Request-ID": strange}).headers["x-request-id"] not in (strange, "")
