"""A name HARDNEG_… that nothing reads is an error at every verb; what Kubernetes puts there is nobody's setting."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.environment_names import COMPOSE_NAMES, TEST_NAMES, check_environ, is_injected, known_names
from miner.errors import ConfigError

ROOT = Path(__file__).parents[2]
INJECTED = {
    "HARDNEG_SERVICE_HOST": "10.0.0.1",
    "HARDNEG_SERVICE_PORT": "8000",
    "HARDNEG_SERVICE_PORT_HTTP": "8000",
    "HARDNEG_PORT": "tcp://10.0.0.1:8000",
    "HARDNEG_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "HARDNEG_PORT_8000_TCP_PROTO": "tcp",
    "HARDNEG_PORT_8000_TCP_PORT": "8000",
    "HARDNEG_PORT_8000_TCP_ADDR": "10.0.0.1",
    "HARDNEG_API_SERVICE_HOST": "10.0.0.2",
    "HARDNEG_MODEL_PORT": "udp://10.0.0.2:53",
    "HARDNEG_MODEL_PORT_53_UDP_ADDR": "10.0.0.2",
}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("HARDNEG_MAX_BODY_BYTEZ", "HARDNEG_MAX_BODY_BYTES"),
        ("HARDNEG_ALLOWED_HOST", "HARDNEG_ALLOWED_HOSTS"),
        ("HARDNEG_NEGATIVE", "HARDNEG_NEGATIVES"),
        ("HARDNEG_API_KEYS", "HARDNEG_API_KEY"),
        ("HARDNEG_PORT_", "HARDNEG_PORT"),
        ("HARDNEG_SERVICE", ""),
        ("HARDNEG_PORT_8000", ""),
    ],
)
def test_a_mistyped_name_is_an_error(name, near):
    with pytest.raises(ConfigError, match=f"{name}: no setting of this name.*{near}"):
        check_environ({name: "1", "HARDNEG_PORT": "81", "PATH": "/bin"})


def test_what_kubernetes_puts_there_is_taken_out():
    environ = {**INJECTED, "HARDNEG_HOST": "0.0.0.0", "HARDNEG_CACHE": "/x", "HARDNEG_NEGATIVES": "3"}
    check_environ(environ)
    assert environ == {"HARDNEG_HOST": "0.0.0.0", "HARDNEG_CACHE": "/x", "HARDNEG_NEGATIVES": "3"}
    assert not is_injected("HARDNEG_PORT", "8000")


def test_every_name_that_the_project_speaks_of_is_known():
    """In code, compose file, README and docs."""
    places = [*ROOT.glob("app/**/*.py"), *ROOT.glob("miner/**/*.py"), *ROOT.glob("docker/*"), ROOT / "docker" / ".env.example"]
    text = "".join(path.read_text(encoding="utf-8") for path in [*places, ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if path.is_file())
    spoken = set(re.findall(r"HARDNEG_[A-Z][A-Z_]*[A-Z]", text)) - {"HARDNEG_SERVICE_HOST", "HARDNEG_SERVICE_PORT", "HARDNEG_PORT_"}
    assert {name for name in spoken if not name.startswith("HARDNEG_SERVICE")} <= known_names()
    assert set(COMPOSE_NAMES) <= spoken
    assert TEST_NAMES == ("HARDNEG_TEST_DATA",)


@pytest.mark.server
@pytest.mark.parametrize(
    "verb", [("mine", "--out", "x"), ("serve",), ("worker",), ("jobs", "ls"), ("lint", "x.jsonl")], ids=lambda words: words[0]
)
def test_every_verb_refuses(verb, tmp_path):
    """One sentence, the exit code of a wrong setting; --help is shown all the same."""
    environ = {**os.environ, "HARDNEG_MODELL": "x", "HARDNEG_PORT": "tcp://10.0.0.1:80"}
    command = [sys.executable, "-c", "from app.cli import main; main()", *verb]
    ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert ended.stderr.startswith("hardneg: HARDNEG_MODELL: no setting of this name; did you mean HARDNEG_MODEL")
