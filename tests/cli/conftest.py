"""The command in the process of the tests: starting Python and importing torch for every call would take most of the time."""

import signal
import subprocess
import sys

import pytest


@pytest.fixture
def hardneg(monkeypatch, capfd):
    """Run the command line here; return exit code, stdout and stderr as a process would give them."""
    from app.cli import main

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hardneg", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        told = capfd.readouterr()
        return subprocess.CompletedProcess(words, left.value.code or 0, told.out, told.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
