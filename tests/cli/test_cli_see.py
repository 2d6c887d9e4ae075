"""What is shown of a run: the words on the screen, the same as JSON, and one sentence for every wrong use."""

import json
import sys

import pytest
from disk import on_disk
from worlds import make

from app.cli import main
from miner.config import MiningConfig
from miner.runs.run import mine
from miner.support.normalize import normalise


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of vectors made before, and another one of the same data with another margin."""
    folder = tmp_path_factory.mktemp("see")
    inputs = on_disk(make(7, passages=60, queries=6, style="normal"), folder / "data")
    for name, filters in (("one", ()), ("two", ("ranks:skip=2", "same_text:off"))):
        mine(inputs, MiningConfig.of(depth=12, max_depth=16, negatives=3, filters=filters), out=folder / name)
    return folder


def hardneg(monkeypatch, capsys, *words):
    """(exit code, stdout, stderr), in this process."""
    monkeypatch.setattr(sys, "argv", ["hardneg", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return (left.value.code, *capsys.readouterr())


@pytest.fixture
def call(monkeypatch, capsys, runs):
    """Run a command with {one}, {two} and {folder} filled in."""
    return lambda *words: hardneg(
        monkeypatch, capsys, *(str(word).format(one=runs / "one", two=runs / "two", folder=runs) for word in words)
    )


def ids(runs, name="queries"):
    return [json.loads(line)["_id"] for line in (runs / "data" / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_explain_on_the_screen_and_as_json(call, runs):
    """Every candidate once, the limit kept, dropped and kept ones apart."""
    query = ids(runs)[0]
    code, shown, _ = call("explain", "{one}", query, "--limit", 30)
    told = json.loads(call("explain", "{one}", query, "--json")[1])
    candidates = told["anchors"][0]["candidates"]
    assert code == 0
    assert all(f"{one['id']}: " in shown and f"{one['score']:.4f}" in shown for one in candidates)
    assert "chosen, level " in shown
    parts = [json.loads(call("explain", "{one}", query, flag, "--json")[1])["anchors"][0]["candidates"] for flag in ("--kept", "--dropped")]
    assert len(parts[0]) + len(parts[1]) == len(candidates)
    assert len(json.loads(call("explain", "{one}", query, "--json", "--limit", 2)[1])["anchors"][0]["candidates"]) == 2
    assert "more; --limit" in call("explain", "{one}", query, "--limit", 2)[1]


def test_explain_by_a_text(call, runs):
    """The same as by the id, whose result names the id."""
    queries = [json.loads(line) for line in (runs / "data" / "queries.jsonl").read_text().splitlines()]
    normal = [normalise(query["text"]) for query in queries]
    query = next(query for query, text in zip(queries, normal, strict=True) if normal.count(text) == 1)
    assert call("explain", "{one}", f" {query['text']}!", "--json") == call("explain", "{one}", query["_id"], "--json")


@pytest.mark.slow
def test_explain_one_passage(call, runs):
    """Retrieved or not, the screen says so."""
    query = ids(runs)[0]
    for sentence in ("not retrieved: not among the", "has the same text and is the candidate in its place", "judged with grade"):
        assert any(sentence in call("explain", "{one}", query, "--passage", passage)[1] for passage in ids(runs, "corpus"))


@pytest.mark.slow
def test_sweep_on_the_screen_and_as_json(call):
    """A line per setting, the run's own marked; with truth the rate and its interval."""
    code, shown, _ = call("sweep", "{one}", "--grid", "negatives=1,3", "--grid", "near_positive:cosine=off,0.8")
    assert code == 0
    assert len(shown.splitlines()) == 7  # the run's own, whose near_positive may be relaxed, and those of the grid
    assert len([line for line in shown.splitlines() if line.startswith("* ")]) == 1
    told = json.loads(call("sweep", "{one}", "--grid", "negatives=1,3", "--truth", "{folder}/data/qrels/train.tsv", "--json")[1])
    assert told["hidden"]["pairs"] == 0
    assert told["settings"][0]["false_negatives"]["rate"] is None
    assert "0 hidden positives" in call("sweep", "{one}", "--truth", "{folder}/data/qrels/train.tsv")[1]


def test_two_runs_on_the_screen_as_json_and_as_a_page(call, tmp_path):
    """What was lost and why, and what was set differently."""
    code, shown, _ = call("report", "{one}", "{two}", "--out", tmp_path / "two.html")
    told = json.loads(call("report", "{one}", "{two}", "--json", "-q")[1])
    assert code == 0
    assert f"lost {told['lost']['pairs']}; in the second: " in shown
    assert "filter same_text" in shown
    assert "<!doctype html>" in (tmp_path / "two.html").read_text()
    assert "queries" in call("report", "{one}")[1]


def test_verify_makes_a_run_again(call):
    """The same bytes: exit 0 and how many rows."""
    code, _, said = call("verify", "{one}", "--rerun")
    assert code == 0
    assert "made again, the same " in said


def test_lint_says_where_and_mends(call, tmp_path):
    """Exit 1 with file, line and rule; exit 0 for what was mended; the same as JSON."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"query": "a", "pos": ["b"], "neg": ["B.", "c"]}\n')
    code, shown, said = call("lint", bad, "--fix", tmp_path / "good.jsonl")
    assert code == 1
    assert f"{bad}:1: negative_is_positive: negative 1, 'B.', is a positive of its own row" in shown
    assert "1 row; left out 0 rows and 1 negative" in said
    assert call("lint", tmp_path / "good.jsonl")[0] == 0
    assert json.loads(call("lint", bad, "--json")[1])["files"][0]["counts"] == {"negative_is_positive": 1}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["lint", "{folder}/none.jsonl"], 5, "none.jsonl"),
        (["lint", "{one}", "{two}", "--fix", "x.jsonl"], 2, "one file at a time"),
        (
            ["lint", "{one}", "--fix"],
            2,
            "hardneg: --fix needs a value: write the file without the faults to this path; - for standard output\n",
        ),
        (
            ["lint", "{one}", "--fix", "--force"],
            2,
            "standard output; --force is a flag, and --fix=--force is a value that looks like one\n",
        ),
        (["mine", "--recall", "98%"], 2, "hardneg: --recall is '98%': a number is needed, as 0.98\n"),
        (["mine", "--negatives=abc"], 2, "hardneg: --negatives is 'abc': a whole number is needed\n"),
        (["mine", "--depth", "1.5"], 2, "hardneg: --depth is '1.5': a whole number is needed\n"),
        (["mine", "extra"], 2, "hardneg: mine takes no further argument, and 'extra' is one; `hardneg mine --help` shows its flags\n"),
        (["lint", "{one}", "--fix", "-", "--json"], 2, "--json and --fix - both want stdout"),
        (["report", "{one}", "--json=1"], 2, "hardneg: --json takes no value\n"),
        (["explain", "{one}"], 2, "hardneg: explain needs QUERY: the id of one of its queries, or its text; `hardneg explain --help`"),
        (["lint", "{one}", "--ignore", "nonsense"], 2, "there is no rule 'nonsense'"),
        (["verify", "{one}", "--stored"], 2, "--stored goes with --rerun"),
        (["verify", "{one}", "--rerun", "--stored"], 1, "used vectors made before"),
        (["report", "{one}", "{folder}/none"], 3, "is no run folder"),
        (["report", "{one}", "--out", "x.html"], 2, "--out goes with two runs"),
        (["sweep", "{folder}/none"], 3, "is no run folder"),
        (["sweep", "{one}", "--grid", "depth=1,2"], 2, "cannot vary 'depth'"),
        (["sweep", "{one}", "--truth", "none.tsv"], 3, "there is no file none.tsv"),
        (["explain", "{folder}/none", "q0"], 3, "is no run folder"),
        (["explain", "{one}", "no such query"], 3, "there is no query 'no such query' in this run"),
        (["explain", "{one}", "q0", "--kept", "--dropped"], 2, "give one of them"),
        (["explain", "{one}", "q0", "--limit", "0"], 2, "--limit"),
    ],
)
def test_wrong_use_is_one_sentence(call, words, code, said):
    """The right exit code, what is wrong, no traceback."""
    left, _, told = call(*words)
    assert (left, "Traceback" in told) == (code, False), told
    assert said in told


def test_a_long_passage_takes_nothing_from_the_other_columns():
    """Score, margin, verdict and evidence are what one looks for; the text is cut."""
    import io

    from rich.console import Console

    from miner.cli.explain import _table

    one = {
        "rank": 1,
        "score": 0.4656,
        "margin": -0.111,
        "status": "dropped",
        "dropped_by": "margin",
        "why": "",
        "id": "p1",
        "text": "word " * 2000,
    }
    for width in (80, 120):
        shown = io.StringIO()
        _table(Console(file=shown, width=width), [{**one, "tier": 0, "evidence": {"near_positive": 0.4046}}], 1)
        for part in ("rank", "0.4656", "-0.1110", "dropped", "margin", "near_positive", "p1: word", "…"):
            assert part in shown.getvalue(), (width, part, shown.getvalue())
