"""What is said after Ctrl-C or SIGTERM: the command that goes on, and that it does."""

import contextlib
import json
import os
import shlex
import signal
import sys
import time

import pytest

from app.cli import main
from miner.cli.again import again


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train rows.jsonl --out 'my model' --force --fresh", "to go on: hardneg train rows.jsonl --out 'my model' --resume"),
        ("train rows.jsonl --out=other --force", "to go on: hardneg train rows.jsonl --out=other --force"),
        ("loop --data d --out rounds --resume", "to go on: hardneg loop --data d --out rounds --resume"),
        ("loop --data d --out new --force", "to go on: hardneg loop --data d --out new --force"),
        ("mine --data 'a b' --out run --fresh --force", "to go on: hardneg mine --data 'a b' --out run --force"),
        ("evaluate --data d --model m --out e --force", "to go on: hardneg evaluate --data d --model m --out e --force"),
        ("audit run", "to go on: hardneg audit run"),
        ("lint rows.jsonl", "nothing was written, the same command begins again"),
        ("keys add", ""),
        ("", ""),
    ],
)
def test_the_command_that_goes_on(tmp_path, monkeypatch, words, told):
    """--resume only where something was begun, without what would begin again, quoted for a shell."""
    monkeypatch.chdir(tmp_path)
    for name in ("my model.checkpoints/identity.json", "rounds/loop.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    assert again(shlex.split(words)).endswith(told)
    assert bool(again(shlex.split(words))) == bool(told)


def left(words, after=None):
    """Exit status and stderr of the command line in a fork; with `after`, terminated once that is there."""
    out, into = os.pipe()
    if pid := os.fork():
        os.close(into)
        while after and not any(after()) and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.001)
        if after:
            os.kill(pid, signal.SIGTERM)
        with os.fdopen(out) as told:
            said = told.read()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said
    os.dup2(into, 2)
    sys.argv, sys.stderr = words, os.fdopen(2, "w", buffering=1, closefd=False)
    with contextlib.suppress(SystemExit):
        try:
            main()
        except SystemExit as end:
            os._exit(int(end.code or 0))
    os._exit(70)


@pytest.mark.parametrize("verb", ["train", "loop"])
def test_what_was_terminated_goes_on_as_it_says(verb, tiny_model, tmp_path):
    """Over a finished model with --force; the command of the message runs to its end."""
    pytest.importorskip("accelerate")
    rows = tmp_path / "my rows.jsonl"
    rows.write_text("".join(json.dumps({"anchor": f"w{i}", "positive": f"w{i} w1", "negative": f"w{i + 20}"}) + "\n" for i in range(24)))
    out = tmp_path / "out"
    words = [
        "hardneg",
        verb,
        *([str(rows)] if verb == "train" else ["--pairs", str(rows), "--rounds", "1", "--field", "query=anchor"]),
        "--force",
    ]
    words += ["--model", str(tiny_model), "--out", str(out), "--train-batch-size", "4", "--steps", "400", "--eval-every", "4", "--quiet"]
    glob = "out.checkpoints/rate-0/checkpoint-*" if verb == "train" else "out/round-1/model.checkpoints/rate-0/checkpoint-*"
    status, said = left(words, lambda: tmp_path.glob(glob))
    assert (status, "hardneg: terminated; what was finished is kept" in said) == (143, True), said
    command = shlex.split(said.partition("to go on: ")[2].splitlines()[0])
    assert command[-1] == "--resume"
    assert "--force" not in command
    assert left(command)[0] == 0
    assert (out / ("modules.json" if verb == "train" else "model/modules.json")).is_file()
