"""A folder with packages of other people that have our names, data to mine, and the wheel as a user installs it."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

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
    """The environment of a process on whose path these packages come first, and the sources here after them."""
    return {**os.environ, "PYTHONPATH": f"{foreign}{os.pathsep}{ROOT}", "PYTHONWARNINGS": "error::UserWarning"}


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
    """Folder of the commands of a new environment: the wheel is in it, and links to what it requires, which pip would have fetched."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", built.wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in required(metadata.Distribution.at(next(site.glob("*.dist-info"))), {}).values():
        for entry in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            (site / entry).exists() or (site / entry).symlink_to(distribution.locate_file(entry))
    return folder / "bin"


def required(distribution, so_far, extras=("",)):
    """The distributions that one requires, those that these require, and so on, by name and extras."""
    for requirement in map(Requirement, distribution.requires or ()):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            key = (requirement.name, *sorted(requirement.extras))
            if key not in so_far:
                so_far[key] = metadata.distribution(requirement.name)
                required(so_far[key], so_far, ("", *requirement.extras))
    return so_far
