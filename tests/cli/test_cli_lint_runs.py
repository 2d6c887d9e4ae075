"""What a run of ours does on purpose is no fault of it, in any format; the same rows elsewhere are."""

import shutil
import sys

import pytest
from disk import on_disk
from worlds import make

from app.cli import main
from miner.cli.lint import intended_rules
from miner.config import MiningConfig
from miner.runs.run import mine


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hardneg", "lint", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return run


def test_columns_that_were_asked_for_are_no_fault(tmp_path, call):
    """Of the run that was asked; the file by itself would be trained on with its ids."""
    data = on_disk(make(4, passages=60, queries=12, dim=4), tmp_path / "data")
    filters = ("near_positive:off", "same_text:off")
    run = mine(data, MiningConfig.of(similarity="cosine", depth=20, negatives=2, filters=filters, columns=("ids",)), out=tmp_path / "run")
    shutil.copyfile(run.file, tmp_path / "aside.jsonl")
    assert "extra_column is left out: its run was asked for further columns" in call(run.file)[2]
    code, said, _ = call(tmp_path / "aside.jsonl", "--fix", tmp_path / "fixed.jsonl")
    assert code == 1
    assert "extra_column: a trainer takes anchor_id, positive_id, negative_id for further texts" in said
    assert "extra_column" not in call(tmp_path / "fixed.jsonl")[1]


@pytest.mark.parametrize("name", ["my.file.jsonl", "plain.jsonl.gz", "table.parquet"])
def test_the_run_beside_a_single_file_is_found(tmp_path, call, name):
    """NAME.run, whatever points the name has."""
    data = on_disk(make(4, passages=60, queries=12, dim=4), tmp_path / "data")
    filters = ("near_positive:off", "same_text:off")
    config = MiningConfig.of(similarity="cosine", depth=20, negatives=2, filters=filters, columns=("ids",))
    run = mine(data, config, out=str(tmp_path / name))
    assert "extra_column is left out: its run was asked for further columns" in call(run.file)[2]


def test_the_order_of_scores_is_looked_for_where_a_ceiling_holds_on_every_level(tmp_path, call):
    """A firm margin lets nothing above a positive, whatever the ladder; a relaxable second ceiling does."""
    data = on_disk(make(4, passages=60, queries=12, dim=4), tmp_path / "data")
    for filters, looked in ((("margin:relative=0.05",), True), (("margin:relative=0.05", "percentile:relax=true"), False)):
        config = MiningConfig.of(similarity="cosine", depth=20, negatives=2, filters=("near_positive:off", *filters), columns=("scores",))
        told = call(mine(data, config, out=tmp_path / str(looked)).folder)[2]
        assert ("score_order is left out" not in told) is looked


@pytest.mark.parametrize("shape", ["pylate", "labeled-list"])
@pytest.mark.parametrize("ladder", [1, 3])
def test_the_ladder_is_no_fault(tmp_path, call, shape, ladder):
    """A window of ranks above the positives: told of a run without a ladder, and of the file by itself; not of one that climbs."""
    data = on_disk(make(4, passages=60, queries=12, dim=4), tmp_path / "data")
    filters = ("near_positive:off", "margin:off", "same_text:off")
    columns = ("scores",) if shape == "labeled-list" else ()
    config = MiningConfig.of(
        similarity="cosine", depth=20, negatives=2, filters=filters, ladder=ladder, output_format=shape, columns=columns
    )
    run = mine(data, config, out=tmp_path / "run")
    aside = tmp_path / ("aside" if run.file.is_dir() else f"aside{run.file.suffix}")
    (shutil.copytree if run.file.is_dir() else shutil.copyfile)(run.file, aside)
    for path in (run.folder, run.file):
        _, said, told = call(path)
        assert ("score_order" in said) == (ladder == 1)
        assert ("is left out" in told) == (ladder == 3)
    assert "score_order" in call(aside)[1]


@pytest.mark.parametrize(("name", "joint"), [("rows.tsv", "\t"), ("rows.csv", ",")])
def test_a_kind_that_no_run_writes_is_linted_too(tmp_path, name, joint):
    """There can be no run beside it."""
    (tmp_path / name).write_text(f"anchor{joint}positive{joint}negative\nq{joint}a{joint}b\n")
    assert intended_rules(str(tmp_path / name)) == []


def test_rows_alone_go_to_standard_output(tmp_path, call):
    """Once each, though the mended rows have a fault of their own: findings go to standard error."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"query": "q", "pos": ["a"], "neg": ["b", "a"]}\n{"query": "q", "pos": ["a"], "neg": ["b"]}\n')
    code, said, findings = call(path, "--fix", "-")
    assert (code, said.splitlines()) == (1, ['{"query":"q","pos":["a"],"neg":["b"]}'])
    assert "negative_is_positive: negative 2" in findings
