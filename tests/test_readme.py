"""What the README shows is what runs: its commands on small data, its Python, its request over HTTP."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)


def blocks(language, *marks):
    """The code blocks of a language that hold all the marks."""
    return [code for name, code in BLOCKS if name == language and all(mark in code for mark in marks)]


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_model):
    """A folder with everything the README's commands name."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(tiny_model, folder / "my-model")
    (folder / "my-beir-folder" / "qrels").mkdir(parents=True)
    passages = [{"_id": f"p{i}", "title": "", "text": f"w{i % 50} w{(i * 7) % 50} w{(i * 3) % 50}"} for i in range(60)]
    questions = [(f"q{i}", f"w{i} w{(i * 7) % 50}") for i in range(20)]
    corpus = "".join(json.dumps(row) + "\n" for row in passages)
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\tp{i}\t1\n" for i in range(20))
    for name, text in {
        "my-beir-folder/corpus.jsonl": corpus,
        "my-beir-folder/queries.jsonl": "".join(json.dumps({"_id": a, "text": b}) + "\n" for a, b in questions),
        "my-beir-folder/qrels/train.tsv": qrels,
        "passages.jsonl": corpus,
        "judgements.tsv": qrels,
        "questions.csv": "id,query\n" + "".join(f"{a},{b}\n" for a, b in questions),
        "faq.csv": "question,answer\n" + "".join(f"{b},{passages[i]['text']}\n" for i, (_, b) in enumerate(questions)),
    }.items():
        (folder / name).write_text(text)
    return folder


def shell(code, folder, **more):
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}
    done = subprocess.run(["bash", "-euc", code], cwd=folder, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    return done


def test_three_ways_to_mine_and_what_follows(home):
    """The mining commands in their order, then export, report, verify, and the manifest as a config."""
    for code in blocks("bash", "hardneg mine --"):
        shell(code, home)
    assert (home / "my-run" / "report.html").is_file()
    assert (home / "triplets.run" / "manifest.json").is_file()
    assert (home / "again" / "triplets.jsonl").read_bytes() == (home / "my-run" / "triplets.jsonl").read_bytes()
    for code in blocks("python", "from miner import"):
        assert "negative" in subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True).stdout
    for code in blocks("bash", "--output-format colbert"):
        shell(code, home)
    assert (home / "my-colbert-run" / "colbert" / "collection.tsv").is_file()
    for code in blocks("python", "read_training"):
        assert subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True).stdout
    for code in blocks("bash", "hardneg explain") + blocks("bash", "compared.html") + blocks("bash", "--verdicts"):
        shell(code, home)


def test_the_drop_in(home):
    """One import changed, one row printed."""
    (code,) = blocks("python", "miner.compat")
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert "'negative': " in done.stdout


def test_fine_tuning_with_the_result(home):
    """The fifteen lines train, and save a model that loads."""
    pytest.importorskip("accelerate")
    (code,) = blocks("python", "SentenceTransformerTrainer")
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (home / "my-model-tuned" / "model.safetensors").is_file()
    (code,) = blocks("bash", "hardneg train")
    shell(code, home)
    assert (home / "my-model-trained" / "training.json").is_file()
    (code,) = blocks("bash", "hardneg loop")
    shell(code, home)
    assert (home / "my-loop" / "model" / "modules.json").is_file()
    (code,) = blocks("bash", "hardneg evaluate")
    shell(code, home)
    assert (home / "compared" / "evaluation.html").is_file()


def test_serving(home):
    """The server starts as shown, and the request as shown is answered with rows."""
    (code,) = blocks("bash", "hardneg serve")
    start, request = code.split("\n", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    server = subprocess.Popen(
        ["bash", "-c", "exec env " + start.replace("8000", str(port))], cwd=home, env=environ, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
                break
            except OSError:
                time.sleep(0.2)
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        words = iter(("w1 w2", "w1 w2 w3", "w2 w9 w8", "w30 w31"))  # the tiny model knows no others
        sent = re.sub(r'"text": "[^"]*"', lambda _: f'"text": "{next(words)}"', request.replace("8000", str(port)))
        rows = json.loads(shell(sent, home).stdout)["rows"]
        assert [set(row) for row in rows] == [{"anchor", "positive", "negative"}]
    finally:
        server.terminate()
        server.wait(30)
