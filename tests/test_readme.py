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
    done = subprocess.run(["bash", "-euc", code], cwd=folder, capture_output=True, text=True, env=environ, check=False, timeout=100)
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


@pytest.fixture
def served(home):
    """The server as shown, on a port that is free: (its port, the rest of the block)."""
    (code,) = blocks("bash", "hardneg serve")
    start, request = code.split("\n", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(["bash", "-c", "exec env " + start.replace("8000", port)], cwd=home, env=environ, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            break
        except OSError:
            time.sleep(0.2)
    yield port, request
    process.terminate()
    process.wait(30)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_serving(home, served):
    """The server starts as shown, and the request as shown is answered with rows."""
    port, request = served
    words = iter(("w1 w2", "w1 w2 w3", "w2 w9 w8", "w30 w31"))  # the tiny model knows no others
    sent = re.sub(r'"text": "[^"]*"', lambda _: f'"text": "{next(words)}"', request.replace("8000", port))
    rows = json.loads(shell(sent, home).stdout)["rows"]
    assert [set(row) for row in rows] == [{"anchor", "positive", "negative"}]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_files_corpora_and_jobs(home, served):
    """With curl and with our own commands: both end in the bytes that the command line writes."""
    port, _ = served
    (curl,) = blocks("bash", "Idempotency-Key")
    told = shell(curl.replace("8000", port), home).stdout
    assert told.count("event: state") >= 3
    assert '"state":"succeeded"' in told
    (ours,) = blocks("bash", "hardneg jobs submit")
    shell(ours, home, HARDNEG_URL=f"http://127.0.0.1:{port}", HARDNEG_KEY="a-secret-of-16-or-more")
    mine = "hardneg mine --corpus passages.jsonl --queries questions.csv --qrels judgements.tsv --model my-model --out right"
    shell(f"{mine} --negatives 2 && mv right two && {mine}", home)
    two = (home / "two" / "triplets.jsonl").read_bytes()
    assert (home / "mined.jsonl").read_bytes() == (home / "broken.jsonl").read_bytes() == two
    assert (home / "my-mined-run" / "triplets.jsonl").read_bytes() == (home / "right" / "triplets.jsonl").read_bytes()
