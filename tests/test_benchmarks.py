"""The benchmarks as a tool: every script answers --help, a result names what made it, a failure fails the call."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.record import command, made_with, processor_name, record, tree

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
    for folder in ("peers", "quality", "speed", "service")
    for path in (ROOT / "benchmarks" / folder).rglob("*.py")
    if "parse_args()" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_answers_help(script, capsys, monkeypatch):
    """In this process: the libraries are imported already."""
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, script, raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(script, run_name="__main__")
    assert end.value.code == 0
    assert "--out" in capsys.readouterr().out


def test_a_result_names_what_made_it(tmp_path, capsys):
    record({"seconds": 1.5}, tmp_path / "folder" / "result.json", ["pytest"])
    written = json.loads((tmp_path / "folder" / "result.json").read_text())
    assert written["seconds"] == 1.5
    assert set(written["made_with"]) == {"commit", "dirty", "command", "date", "processor", "cores", "load_average", "versions"}
    assert {"python", "numpy", "faiss-cpu", "sentence-transformers", "pytest"} <= set(written["made_with"]["versions"])
    assert json.loads(capsys.readouterr().out) == written


def test_the_commit_is_that_of_the_tree():
    """`unknown` outside a repository."""
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert made_with()["commit"] == (head.stdout.strip() or "unknown")
    assert tree(Path("/")) == {"commit": "unknown", "dirty": "unknown"}


def test_a_change_makes_the_tree_dirty_and_a_result_does_not(tmp_path):
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    for words in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    (tmp_path / "benchmarks" / "results" / "a.json").write_text("{}")
    assert tree(tmp_path)["dirty"] is False
    (tmp_path / "new.py").write_text("")
    assert tree(tmp_path)["dirty"] is True


def test_a_command_keeps_no_path_of_the_machine():
    assert command(["--out=/tmp/x/a.json", "--data", "/tmp/demo", "--runs", "3"]).endswith("--out=a.json --data demo --runs 3")


def test_the_processor_has_family_and_model(tmp_path):
    (tmp_path / "cpuinfo").write_text("model\t\t: 1\ncpu family\t: 25\n\nmodel\t\t: 1\ncpu family\t: 25\n")
    assert processor_name(tmp_path / "cpuinfo").endswith(" (family 25, model 1)")


@pytest.mark.parametrize("failed", [False, True])
def test_a_benchmark_that_fails_fails_the_call(tmp_path, monkeypatch, capsys, failed):
    """And the others are run all the same; what is not installed is skipped with a word."""
    absent, right = runner.Small("speed.absent", (), ("no_such_package",)), runner.Small("record", ())
    monkeypatch.setattr(runner, "SMALL", (absent, *[runner.Small("speed.no_such_script", ())] * failed, right))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--into", str(tmp_path)])
    if failed:
        with pytest.raises(SystemExit, match=r"failed: speed\.no_such_script"):
            runner.main()
    else:
        runner.main()
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split(maxsplit=1)[1] == "skipped: no_such_package is not installed"
    assert shown[-1].split()[:2] == ["record", "done"]


def test_the_small_ones_are_scripts():
    assert {f"benchmarks.{small.name}" for small in runner.SMALL} <= set(SCRIPTS)
