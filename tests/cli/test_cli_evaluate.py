"""`hardneg evaluate` as a person uses it."""

import inspect
import json
import subprocess
import sys

import pytest
import warm

from app.cli import main
from miner.cli import options
from miner.cli.evaluate import evaluate, models_by_label
from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError
from miner.evaluation import EvaluateConfig


@pytest.fixture
def beir(tmp_path):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": f"p{i}", "text": f"w{i} w{i % 7}"}) + "\n" for i in range(40)))
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": f"q{i}", "text": f"w{i}"}) + "\n" for i in range(12)))
    for split, some in {"train": range(6), "test": range(6, 12)}.items():
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\tp{i}\t1\n" for i in some))
    return folder


@pytest.mark.slow
def test_models_compared(hardneg, beir, tiny_model, tiny_bert, tmp_path):
    """The test split by default; a table on stderr, JSON on stdout, a folder with page and values; the same bytes again."""
    words = ["evaluate", "--data", beir, "--model", tiny_model, "--model", f"b={tiny_bert}"]
    words += ["--model", f"b={tiny_model}", "--measure", "ndcg@10,f1@3", "--target", "0.5", "--json"]
    process = warm.command("-m", "hardneg", *words, "--out", tmp_path / "a")
    told = json.loads(subprocess.run(process, capture_output=True, text=True, check=True).stdout)
    assert told == json.loads(hardneg(*words, "--out", tmp_path / "b").stdout)
    assert told["data"]["queries"] == 6
    assert told["baseline"] == "tiny-static"
    assert len(told["models"]["b"]["ndcg@10"]["by_seed"]) == 2
    assert set(told["differences"]["b"]["f1@3"]) == {"mean", "interval", "p", "p_holm"}
    page = (tmp_path / "a" / "evaluation.html").read_text()
    assert "<svg" in page
    assert "script" not in page
    for name in ("evaluation.json", "evaluation.html", "per_query.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_was_lost_is_said(beir, tiny_model, tmp_path, monkeypatch, capsys):
    """On the terminal, in evaluation.json and on the page; the skipped rows lie beside them."""
    with (beir / "qrels" / "test.tsv").open("a") as file:
        file.write("q6\tgone\t1\nq99\tp1\t1\nq7\tp1\t0\n")
    words = ["hardneg", "evaluate", "--data", beir, "--model", tiny_model, "--measure", "recall@10", "--on-error", "skip"]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    told, out = json.loads((tmp_path / "out" / "evaluation.json").read_text())["data"], tmp_path / "out"
    assert (told["queries"], told["queries_missing"], told["positives_missing"], told["rows_rejected"]) == (7, 1, 1, 2)
    said = " ".join(capsys.readouterr().err.split())
    for sentence in (told["rule"], *told["notes"]):
        assert sentence in said
        assert sentence.replace("'", "&#x27;") in (out / "evaluation.html").read_text()
    assert len((out / "errors.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--data", "{beir}"], 2, "--model"),
        (["--data", "{beir}", "--model", "{model}", "--measure", "hits@3"], 2, "there is no measure 'hits@3'"),
        (["--data", "{beir}", "--model", "=x"], 2, "LABEL=FOLDER"),
        (["--data", "{beir}", "--model", "{model}", "--self-match", "maybe"], 2, "self_match"),
        (["--data", "{beir}", "--model", "./nowhere"], 6, "no model folder"),
        (["--data", "{beir}", "--model", "{model}", "--out", "{beir}"], 2, "exists already"),
    ],
)
def test_wrong_use_is_one_sentence(beir, tiny_model, monkeypatch, capsys, words, code, said):
    """The right exit code and no traceback."""
    monkeypatch.setattr(sys, "argv", ["hardneg", "evaluate", *(word.format(beir=beir, model=tiny_model) for word in words)])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert (left.value.code, "Traceback" in told) == (code, False), told
    assert said in told


def test_flags_are_fields():
    """What EvaluateConfig has, the model's settings, the data's; nothing of mining."""
    names = {options.ALIASES.get(name, name) for name in inspect.signature(evaluate).parameters}
    ours = {"out", "force", "config", "as_json", "quiet", "model", "run"}
    known = {*EvaluateConfig.model_fields, *Inputs.model_fields, *MiningConfig.model_fields, *Runtime.model_fields}
    assert names - ours <= known
    assert {*EvaluateConfig.model_fields, *Runtime.model_fields} <= names


def test_labels():
    """A folder goes by its name, two of one name by their paths, a label gathers seeds."""
    assert models_by_label(["a/m", "x=b", "x=c"]) == {"m": ["a/m"], "x": ["b", "c"]}
    assert models_by_label(["a/m", "b/m"]) == {"a/m": ["a/m"], "b/m": ["b/m"]}
    with pytest.raises(ConfigError):
        models_by_label(["x="])
    with pytest.raises(ConfigError) as raised:
        models_by_label(["=a.run"], "--run", "FILE")
    assert raised.value.with_flags == "--run wants FILE or LABEL=FILE, not '=a.run'"
