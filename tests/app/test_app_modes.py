"""The data folder is closed to others, whatever the umask: at every door, and where an earlier version has left it open."""

import json
import os
import stat
import time
import urllib.request
from pathlib import Path

import pytest
from test_app_serve import ask

from app.cli import app as cli
from app.state import open_state
from app.state.modes import close_to_others, restrict_access


def modes(folder):
    """(modes of folders, modes of files) in it; what is a link has none."""
    found = (set(), set())
    for inside, _, files in os.walk(folder):
        for path in (Path(inside), *(Path(inside, name) for name in files)):
            if not path.is_symlink():
                found[path.is_file()].add(stat.S_IMODE(path.stat().st_mode))
    return found


@pytest.fixture
def umask():
    """The test may change it, and the process under test does."""
    before = os.umask(0)
    yield
    os.umask(before)


SHARED = pytest.mark.parametrize(("shared", "wanted"), [("no", ({0o700}, {0o600})), ("group", ({0o770}, {0o660}))])


@SHARED
def test_what_is_there_is_closed_and_what_comes_too(tmp_path, umask, shared, wanted):
    """The one by its mode, the other by the umask."""
    folder = tmp_path / "data"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "old").touch()
    restrict_access(folder, shared)
    close_to_others(shared)
    (folder / "files").mkdir()
    (folder / "files" / "new").touch()
    assert modes(folder) == wanted


@SHARED
def test_a_server_closes_what_it_makes(start_server, model, tmp_path, free_port, umask, shared, wanted):
    """Files, a job with its run, the database, the store: by server, worker and child."""
    places = {"HARDNEG_CACHE": str(tmp_path / "d" / "cache"), "HARDNEG_DATA_DIR": str(tmp_path / "d"), "HARDNEG_SHARED_DATA": shared}
    (tmp_path / "d").mkdir(mode=0o777)
    process = start_server("--port", free_port, "--model", model, cwd=tmp_path, **places)
    try:
        deadline = time.monotonic() + 300
        while ask(free_port, "/livez")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        rows = b"".join(b'{"query": "w00%d", "positive": "w00%d w01%d"}\n' % (i, i, i) for i in range(9))
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/v1/files?name=p.jsonl", rows) as answer:
            file = json.load(answer)
        job = ask(free_port, "/v1/jobs", {"kind": "mine", "inputs": {"pairs": file["id"]}})[1]
        while shared == "no" and job["state"] not in ("succeeded", "failed"):  # one of them is enough of a job
            job = ask(free_port, f"/v1/jobs/{job['id']}?wait=5")[1]
            assert time.monotonic() < deadline
        assert job["state"] != "failed", job
        assert modes(tmp_path / "d") == wanted
    finally:
        process.kill()
        process.communicate()


def test_what_was_left_open_is_closed_once(tmp_path, umask):
    """By the command that makes keys too; a folder that has its mode is not gone through again."""
    folder = tmp_path / "data"
    open_state(folder).close()
    (folder / "jobs" / "old").mkdir()
    (folder / "jobs" / "old" / "pairs.jsonl").touch()
    (folder / "jobs" / "old" / "link").symlink_to(tmp_path)
    folder.chmod(0o755)
    cli(["keys", "create", "Ada", "--data-dir", str(folder)], standalone_mode=False)
    assert modes(folder) == ({0o700}, {0o600})
    assert stat.S_IMODE(tmp_path.stat().st_mode) != 0o600
    (folder / "jobs" / "old" / "pairs.jsonl").chmod(0o644)
    open_state(folder).close()
    assert modes(folder)[1] == {0o600, 0o644}
    open_state(folder, shared="group").close()
    assert modes(folder) == ({0o770}, {0o660})
