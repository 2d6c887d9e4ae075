"""The command as a person uses it: from files to a run and back, and what it says when something is wrong."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm
from tiny import model_with_code

from app.cli import main
from miner.cli.display import ProgressDisplay


@pytest.fixture
def beir(tmp_path):
    """A small BEIR folder over the tiny model's words."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    passages = [{"_id": f"p{i}", "title": "", "text": f"w{i % 50} w{(i * 7) % 50} w{(i * 3) % 50}"} for i in range(60)]
    queries = [{"_id": f"q{i}", "text": f"w{i} w{(i * 7) % 50}"} for i in range(12)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passages))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\tp{i}\t1\n" for i in range(12)))
    return folder


def process(*words):
    """The command as a process of its own."""
    return subprocess.run(warm.command("-m", "hardneg", *words), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_mine_export_report_verify(hardneg, beir, tiny_model, tmp_path):
    """The whole way: a run, another choice from it, its report, its check; and a changed byte is found."""
    run = tmp_path / "run"
    mined = process("mine", "--data", beir, "--model", tiny_model, "--out", run, "--json")
    assert mined.returncode == 0, mined.stderr
    assert json.loads(mined.stdout)["counts"]["queries"] == 12
    assert {"triplets.jsonl", "candidates.parquet", "manifest.json", "report.json", "report.html"} <= {f.name for f in run.iterdir()}
    chosen = hardneg(
        "export", run, "--negatives", 2, "--output-format", "n-tuple", "--column", "ids,scores", "--out", tmp_path / "n.parquet"
    )
    assert chosen.returncode == 0, chosen.stderr
    assert (tmp_path / "n.parquet").is_file()
    assert (tmp_path / "n.run" / "manifest.json").is_file()
    assert "queries" in hardneg("report", run).stdout
    assert hardneg("verify", run).returncode == hardneg("verify", tmp_path / "n.run").returncode == 0
    with (run / "triplets.jsonl").open("a") as file:
        file.write(" ")
    spoilt = hardneg("verify", run)
    assert spoilt.returncode == 1
    assert "triplets.jsonl has changed" in spoilt.stderr


@pytest.mark.slow
def test_several_sources_are_asked(hardneg, beir, tiny_model, tmp_path):
    """Consensus from the command line, again over stored evidence, in words, and of a run with one source not at all."""
    two, one = ("--source", "dense", "--source", "bm25"), tmp_path / "one"
    data, alone = ("--data", beir, "--model", tiny_model), ("--filter", "margin:off", "--filter", "near_positive:off")
    mined = hardneg("mine", *data, *two, *alone, "--filter", "consensus:margin=0.6", "--out", tmp_path / "run", "--json")
    assert mined.returncode == 0, mined.stderr
    assert (dropped := json.loads(mined.stdout)["report"]["counts"]["dropped"])["consensus"] > 0
    again = hardneg("export", tmp_path / "run", "--filter", "consensus:sources=2", "--out", tmp_path / "again", "--json")
    assert 0 < json.loads(again.stdout)["report"]["counts"]["dropped"]["consensus"] < dropped["consensus"]
    told = [json.loads(hardneg("explain", tmp_path / "run", f"q{i}", "--json").stdout)["anchors"][0]["candidates"] for i in range(3)]
    assert any("gap:bm25" in each["why"] for row in told for each in row if each["dropped_by"] == "consensus")
    assert hardneg("mine", *data, "--out", one).returncode == 0
    refused = hardneg("export", one, "--filter", "consensus", "--out", tmp_path / "no")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "filter 'consensus' compares sources, and there is one only, dense" in refused.stderr


def test_a_manifest_is_a_config(hardneg, beir, tiny_model, tmp_path):
    """Mining again from the manifest gives the same bytes."""
    words = ["mine", "--data", beir, "--model", tiny_model, "--sampler", "uniform", "--seed", 5]
    assert hardneg(*words, "--out", tmp_path / "a").returncode == 0
    again = hardneg("mine", "--config", tmp_path / "a" / "manifest.json", "--out", tmp_path / "b")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "a" / "triplets.jsonl").read_bytes() == (tmp_path / "b" / "triplets.jsonl").read_bytes()


@pytest.mark.slow
def test_stdout_holds_rows_alone(beir, tiny_model, tmp_path):
    """`--out -`: every line of stdout is a row, from a folder that holds another `app`."""
    (tmp_path / "elsewhere" / "app").mkdir(parents=True)
    (tmp_path / "elsewhere" / "app" / "__init__.py").write_text("raise RuntimeError('the wrong app')")
    command = os.path.join(os.path.dirname(sys.executable), "hardneg")  # noqa: PTH118, PTH120
    done = subprocess.run(
        [command, "mine", "--data", str(beir), "--model", str(tiny_model), "--out", "-"],
        capture_output=True,
        text=True,
        cwd=tmp_path / "elsewhere",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all({"anchor", "positive", "negative"} == set(json.loads(line)) for line in done.stdout.splitlines())


@pytest.mark.slow
def test_a_row_that_was_skipped_is_told_though_the_run_is_quiet_and_goes_to_stdout(beir, tiny_model):
    """The error file outlives the run, which is gone when the command ends."""
    with (beir / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "wrong"}\n')
    done = process("mine", "--data", beir, "--model", tiny_model, "--on-error", "skip", "--out", "-", "--quiet")
    told = done.stderr.removeprefix("hardneg: 1 row was rejected; see ").strip()
    assert (done.returncode, json.loads(Path(told).read_text())["line"]) == (0, 61)
    Path(told).unlink()


def test_an_empty_training_file_is_no_success(hardneg, beir, tiny_model, tmp_path):
    """The run is kept, says why, and the exit code tells a script; also when it is quiet."""
    words = ["mine", "--data", beir, "--model", tiny_model, "--quiet", "--out"]
    for name, flags, why in (
        ("a", ["--filter", "min_score:score=0.999"], "found no negative and are left out (see left_out.jsonl in the run folder): 12 of 12"),
        ("b", ["--negatives", 500, "--output-format", "n-tuple"], "'n-tuple' leaves out (see left_out.jsonl in the run folder): 12 of 12"),
    ):
        done = hardneg(*words, tmp_path / name, *flags)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
        assert "the training file is empty" in json.loads((tmp_path / name / "report.json").read_text())["notes"]


def test_what_is_no_run_is_wrong_input(hardneg, tmp_path):
    """3, as for any file that is not what it should be: 1 is for runs that have changed."""
    for verb in (["verify"], ["report"], ["export", "--out", tmp_path / "x"]):
        assert hardneg(verb[0], tmp_path, *verb[1:]).returncode == 3


def test_force_replaces_runs_and_nothing_else(hardneg, beir, tiny_model, tmp_path):
    """A name with a dot is a folder with a slash at its end; a file of the user's in a run folder is not removed."""
    words = ["mine", "--data", beir, "--model", tiny_model, "--quiet", "--force", "--out"]
    assert [hardneg(*words, f"{tmp_path}/run.v1.2{end}").returncode for end in ("/", "")] == [0, 0]
    (tmp_path / "run.v1.2" / "notes.txt").write_text("mine")
    refused = hardneg(*words, tmp_path / "run.v1.2")
    assert (refused.returncode, "holds notes.txt, which no run made" in refused.stderr) == (5, True)
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "manifest.json").write_text("{}")
    assert hardneg(*words, tmp_path / "fake").returncode == 5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--out", "x"], 2, "give one of"),
        (["--data", "nowhere", "--out", "x", "--model", "{model}"], 3, "nowhere"),
        (["--data", "{beir}", "--out", "x", "--model", "./nowhere"], 6, "no model folder"),
        (["--data", "{beir}", "--out", "x"], 2, "--model"),
        (["--data", "{beir}", "--out", "x", "--model", "no-such-model"], 6, "the hub is switched off"),
        (["--data", "{beir}", "--model", "{model}"], 2, "--out"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--filter", "margin:relativ=1"], 2, "It has: absolute, relative"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--depth", "0"], 2, "depth is 0"),
        (["--data", "{beir}", "--model", "{model}", "--out", "{beir}"], 2, "exists already"),
        (["--data", "{beir}", "--model", "{model}", "--out", "{beir}", "--force"], 5, "something else is there"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x.txt"], 2, "or a slash at its end ('x.txt/')"),
        (["--data", "{beir}", "--model", "{model}", "--out", "-", "--json"], 2, "both want stdout"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--verdicts", "none.jsonl"], 3, "no file none.jsonl, which was to hold"),
        (["--data", "{beir}", "--model", "{model}", "--out", ""], 2, "--out is '': name a folder or a file"),
        (["--data", "{beir}", "--model", "{model}", "--out", "/", "--force"], 2, "--out is '/'"),
        (["--data", "{beir}", "--model", "{model}", "--out", "{beir}/corpus.jsonl", "--force"], 2, "corpus.jsonl is read by this run"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--threads", "100000"], 2, "threads is 100000"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--device", "banana"], 2, "there is no device 'banana'; there are: cpu"),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--field", "word=text"], 2, "there is no field 'word'"),
        (
            ["--data", "{beir}", "--model", "{model}", "--out", "x", "--kind", "csv"],
            2,
            "there is no --kind 'csv'; there are: datasets, jsonl",
        ),
        (["--data", "{beir}", "--model", "{model}", "--out", "x", "--index", "NONSENSE"], 2, "FAISS knows no index"),
    ],
)
def test_wrong_use_is_one_sentence(beir, tiny_model, tmp_path, monkeypatch, capsys, words, code, said):
    """The right exit code, one sentence, no traceback, and nothing left behind."""
    monkeypatch.setattr(sys, "argv", ["hardneg", "mine", *(word.format(beir=beir, model=tiny_model) for word in words)])
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert (left.value.code, "Traceback" in told) == (code, False), told
    assert said in told
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_the_config_file_is_not_replaced(hardneg, beir, tiny_model, tmp_path):
    """By no verb: neither itself nor the folder it lies in."""
    (tmp_path / "in").mkdir()
    config, told = tmp_path / "in" / "config.json", "config.json is read by this run, and --out would replace it"
    data = ["--data", beir, "--model", tiny_model]
    config.write_text('{"negatives": 1, "output_format": "dpr"}')
    assert hardneg("mine", *data, "--quiet", "--out", tmp_path / "run").returncode == 0
    for words in (["mine", *data, "--out", config], ["export", tmp_path / "run", "--out", config]):
        refused = hardneg(*words, "--config", config, "--force")
        assert (refused.returncode, told in refused.stderr) == (2, True), refused
    config.write_text("{}")
    for verb in ("train", "loop", "evaluate"):
        refused = hardneg(verb, "--config", config, "--force", "--out", tmp_path / "in")
        assert (refused.returncode, told in refused.stderr) == (2, True), refused
    assert config.read_text() == "{}"


def test_dry_run_writes_nothing(hardneg, beir, tiny_model, tmp_path):
    """The plan says what would be encoded, and leaves no run."""
    done = hardneg("mine", "--data", beir, "--model", tiny_model, "--out", tmp_path / "x", "--dry-run", "--json")
    assert json.loads(done.stdout)["queries"] == 12
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_sigterm_leaves_nothing(beir, tiny_model, tmp_path):
    """A run told to stop exits 143 and removes what it had begun."""
    corpus = "".join(json.dumps({"_id": f"x{i}", "text": f"w{i % 50} w{i % 49} {i}"}) + "\n" for i in range(400_000))
    (beir / "corpus.jsonl").write_text((beir / "corpus.jsonl").read_text() + corpus)
    words = [sys.executable, "-m", "hardneg", "mine", "--data", str(beir), "--model", str(tiny_model), "--out", str(tmp_path / "x")]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob(".x.*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert not list(tmp_path.glob("*x*"))


def test_cache_is_listed_and_pruned(hardneg, beir, tiny_model, tmp_path, monkeypatch):
    """`cache ls` tells texts and bytes; `prune` wants to be told what, and removes it."""
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    hardneg("mine", "--data", beir, "--model", tiny_model, "--out", tmp_path / "x")
    listed = json.loads(hardneg("cache", "ls", "--json").stdout)
    assert listed["stores"][0]["texts"] == 62  # 50 distinct passages and 12 queries
    assert hardneg("cache", "prune").returncode == 2
    assert "removed 1" in hardneg("cache", "prune", "--all").stdout
    assert json.loads(hardneg("cache", "ls", "--json").stdout)["stores"] == []


def test_a_display_leaves_the_levels_of_logging_as_they_were():
    """A program that calls a verb keeps its own."""
    loggers = [logging.getLogger(name) for name in ("miner.runs.summary", "miner.read.open_inputs")]
    before = [logger.level for logger in loggers]
    with ProgressDisplay(quiet=False):
        assert [logger.level for logger in loggers] == [logging.ERROR, logging.INFO]
    assert [logger.level for logger in loggers] == before


def test_a_models_own_code_is_allowed_by_flag_or_variable_alone(hardneg, tiny_model, tmp_path, monkeypatch):
    """Refused without; the flag that the message shows allows it; a file of settings, which may be another's, does not."""
    entry = model_with_code(tiny_model, tmp_path / "own")
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({"query": f"w{i}", "positive": f"w{i + 20} w3"}) + "\n" for i in range(4)))
    words = ("mine", "--pairs", tmp_path / "pairs.jsonl", "--model", tmp_path / "own", "--out", tmp_path / "run", "--negatives", 1)
    refused = hardneg(*words)
    assert refused.returncode == 6
    assert f"--allow-code '{entry}'" in refused.stderr
    (tmp_path / "mine.yaml").write_text(f"allow_code: ['{entry}']")
    by_file = hardneg(*words, "--config", tmp_path / "mine.yaml")
    assert (by_file.returncode, "allow_code is no setting of a file" in by_file.stderr) == (2, True)
    assert hardneg(*words, "--allow-code", entry).returncode == 0
    monkeypatch.setenv("HARDNEG_ALLOW_CODE", f"some/model@{'a' * 40}\n{entry}")
    assert hardneg(*words, "--force").returncode == 0
