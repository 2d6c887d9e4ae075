"""docker compose on our file, with the engine that is running or one of our own (engine.sh). For containers.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ENGINE = Path(__file__).with_name("engine.sh")
FILE = Path(__file__).parents[2] / "docker" / "compose.yml"
IMAGE, KEY = "hardneg-rehearsal", "a-key-of-the-rehearsal"
PORTS = {"HARDNEG_PUBLISH": "18000", "PROMETHEUS_PUBLISH": "19090", "GRAFANA_PUBLISH": "13000"}
OURS = {"HARDNEG_API_KEY": KEY, "HARDNEG_IMAGE": IMAGE, **PORTS}


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """The engine that is running, or one by hand."""
    if shutil.which("docker") and done("docker", "info") and done("docker", "compose", "version"):
        yield
        return
    started = subprocess.run([ENGINE, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode == 3:
        print(f"skipped: no Docker engine is running, and none can be started: {started.stderr.strip()}")
        sys.exit(0)
    started.check_returncode()
    os.environ.update(line.split("=", 1) for line in (folder / "environ").read_text().splitlines())
    try:
        subprocess.run([ENGINE, "images", folder], check=True)
        yield
    finally:
        subprocess.run([ENGINE, "stop", folder], check=True)


class Compose:
    """docker compose on our file, under a name of its own."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._words = ["docker", "compose", "-p", f"hardneg-rehearsal-{name}", "-f", str(FILE)]
        self._environ = {**os.environ, **OURS, **environ}

    def __call__(self, *words: str) -> str:
        return run(*self._words, *words, environ=self._environ)

    def works(self, *words: str) -> bool:
        return done(*self._words, *words, environ=self._environ)


@contextmanager
def project(name: str, **environ: str) -> Iterator[Compose]:
    """A project whose containers and volumes are gone afterwards."""
    compose = Compose(name, environ)
    try:
        yield compose
    except BaseException:
        print(compose("--profile", "*", "logs", "--tail", "30"), file=sys.stderr)
        raise
    finally:
        compose("--profile", "*", "down", "-v", "-t", "5")


def run(*words: object, environ: Mapping[str, str] | None = None) -> str:
    """What a program prints. SystemExit with what it complained of."""
    told = subprocess.run([str(word) for word in words], env=environ, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: exit {told.returncode}\n{told.stdout[-3000:]}\n{told.stderr[-3000:]}")
    return told.stdout


def done(*words: object, environ: Mapping[str, str] | None = None) -> bool:
    return subprocess.run([str(word) for word in words], env=environ, capture_output=True, check=False).returncode == 0
