"""What is built, and that it works once it is installed: from another folder, behind other packages of our names."""

import json
import socket
import subprocess
import tarfile
import time
import zipfile
from email import message_from_bytes
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.slow


def test_the_wheel_holds_the_packages_and_their_data(built):
    """No tests; what the pages show, and the marks that types are there."""
    names = [name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"hardneg", "miner", "app"}
    assert {f"{package}/py.typed" for package in ("hardneg", "miner", "app")} <= set(names)
    kinds = {name.rpartition(".")[2] for name in names if name.startswith("app/pages/")}
    assert {"css", "js", "svg", "json", "py"} <= kinds
    assert "miner/page/style.css" in names
    assert not [name for name in names if "test" in name.lower() or "__pycache__" in name]


def test_the_sources_hold_no_tests(built):
    """The wheel is built from them, so they are complete."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.partition("/")[0] for name in names if "/" in name} == {"hardneg", "miner", "app"}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= names


def metadata(built):
    """The metadata of the wheel, as an index shows them."""
    wheel = zipfile.ZipFile(built.wheel)
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(wheel.read(name))


def test_an_index_can_describe_it(built):
    """Summary, README, licence, keywords and classifiers, all of which an index knows."""
    from trove_classifiers import classifiers

    fields = metadata(built)
    assert all(fields[name] for name in ("Name", "Version", "Summary", "Keywords", "License-File", "Requires-Python"))
    assert (fields["License-Expression"], fields["Description-Content-Type"]) == ("Apache-2.0", "text/markdown")
    assert fields.get_payload().startswith("# Hardneg")
    assert len(fields.get_all("Classifier")) > 5
    assert set(fields.get_all("Classifier")) <= classifiers


def test_who_installs_it_gets_no_test_runner(built):
    """pytest is needed by those who work on it, not by those who use it."""
    needed = [text for text in metadata(built).get_all("Requires-Dist") if "extra ==" not in text]
    assert any(text.startswith("numpy") for text in needed)
    assert not [text for text in needed if text.startswith(("pytest>", "pytest<", "hypothesis"))]


@pytest.fixture
def hardneg(installed, environ, foreign, tmp_path):
    """The installed command, in the folder of the other packages. A function that starts it."""

    def start(*words, **more):
        settings = {
            "PYTHONPATH": str(foreign),
            "HARDNEG_CACHE": str(tmp_path / "cache"),
            "HARDNEG_DATA_DIR": str(tmp_path / "data"),
            **more,
        }
        command, pipe = [installed / "hardneg", *map(str, words)], subprocess.PIPE
        return subprocess.Popen(command, env={**environ, **settings}, cwd=foreign, stdout=pipe, stderr=pipe, text=True)

    return start


def output_of(process):
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stdout


def test_the_installed_command_mines(hardneg, installed, pairs, tiny_model, tmp_path):
    """The code that runs is the installed one, with what it requires and nothing else."""
    output_of(hardneg("mine", "--pairs", pairs, "--model", tiny_model, "--out", tmp_path / "run", "--quiet"))
    code = (
        "from importlib.util import find_spec as f; print(*(f(name) and f(name).origin for name in ('hardneg', 'miner', 'app', 'pytest')))"
    )
    done = subprocess.run([installed / "python", "-c", code], capture_output=True, text=True, check=True, cwd=installed.parent)
    *files, runner = done.stdout.split()
    assert all(file.startswith(f"{installed.parent}/lib/") for file in files)
    assert runner == "None"


def test_a_job_of_the_installed_service_mines(hardneg, pairs, tiny_model, tmp_path):
    """Server, its child process and the client: three processes, none of them with the other packages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    server = hardneg("serve", "--port", url.rpartition(":")[2], HARDNEG_MODEL=str(tiny_model))
    try:
        ready(url)
        (tmp_path / "job.json").write_text(json.dumps({"kind": "mine", "inputs": {"pairs": str(pairs)}}))
        assert "succeeded" in output_of(hardneg("jobs", "submit", tmp_path / "job.json", "--wait", "--url", url))
    finally:
        server.terminate()
        server.communicate()


def ready(url):
    """Wait until the service answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            return urlopen(f"{url}/readyz", timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the service does not answer")
