"""What a run of ours does on purpose is no fault of it, in any format; the same rows elsewhere are."""

import shutil
import sys

import pytest
from disk import on_disk
from worlds import make

from app.cli import main
from miner.config import MiningConfig
from miner.run import mine


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hardneg", "lint", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return run


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
        assert ("not looked for" in told) == (ladder == 3)
    assert "score_order" in call(aside)[1]
