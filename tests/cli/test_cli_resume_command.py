"""What is said after Ctrl-C or SIGTERM: the command that goes on, and that it does."""

import json
import shlex
import signal
import subprocess
import time

import pytest
import warm

from miner.cli.resume_command import resume_advice


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train rows.jsonl --out 'my model' --force --fresh", "to resume: hardneg train rows.jsonl --out 'my model' --resume"),
        ("train rows.jsonl --out=other --force", "to repeat: hardneg train rows.jsonl --out=other --force"),
        ("loop --data d --out rounds --resume", "to resume: hardneg loop --data d --out rounds --resume"),
        ("loop --data d --out new --force", "to repeat: hardneg loop --data d --out new --force"),
        ("mine --data 'a b' --out run --fresh --force", "to repeat: hardneg mine --data 'a b' --out run --force"),
        ("evaluate --data d --model m --out e --force", "to repeat: hardneg evaluate --data d --model m --out e --force"),
        ("audit run", "to repeat: hardneg audit run"),
        ("lint rows.jsonl", "nothing was written; run the same command again"),
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
    assert resume_advice(shlex.split(words)).endswith(told)
    assert bool(resume_advice(shlex.split(words))) == bool(told)


def terminated(words, after):
    """Exit status and stderr of the command line, terminated once `after()` gives something."""
    command = warm.command("-m", "hardneg", *words[1:])
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not any(after()) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["train", "loop"])
def test_what_was_terminated_goes_on_as_it_says(hardneg, verb, tiny_model, tmp_path):
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
    words += ["--model", str(tiny_model), "--out", str(out), "--train-batch-size", "4", "--steps", "80", "--eval-every", "4", "--quiet"]
    glob = "out.checkpoints/rate-0/checkpoint-*" if verb == "train" else "out/round-1/model.checkpoints/rate-0/checkpoint-*"
    status, said = terminated(words, lambda: tmp_path.glob(glob))
    assert (status, "hardneg: terminated; finished work is kept" in said) == (143, True), said
    command = shlex.split(said.partition("to resume: ")[2].splitlines()[0])
    assert command[-1] == "--resume"
    assert "--force" not in command
    assert hardneg(*command[1:]).returncode == 0
    assert (out / ("modules.json" if verb == "train" else "model/modules.json")).is_file()
