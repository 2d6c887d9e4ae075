"""A folder with packages of other people that have our names, data to mine, and the wheel as a user installs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def foreign(tmp_path_factory):
    """A folder that holds another `app` and another `miner`; to import one of them is an error."""
    folder = tmp_path_factory.mktemp("foreign")
    for name in ("app", "miner"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('the other {name}')\n")
    return folder


@pytest.fixture(scope="session")
def environ(foreign):
    """The environment of a process on whose path these packages come first."""
    return {**os.environ, "PYTHONPATH": str(foreign), "PYTHONWARNINGS": "error::UserWarning"}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A small file of pairs over the tiny model's words."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [{"anchor": f"w{i} w{i + 20}", "positive": f"w{i} w{(i * 7) % 50} w{(i * 3) % 50}"} for i in range(30)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def pip(*words):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, sdist)
    (wheel,) = folder.glob("*.whl")
    return SimpleNamespace(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory):
    """Folder of the commands of a new environment: the wheel is in it, everything else is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", built.wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    return folder / "bin"
