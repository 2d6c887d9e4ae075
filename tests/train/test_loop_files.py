"""A loop on disk: whole at every file, whatever moment it dies at; what resume, fresh and force do."""

import pytest
from dying import apart, dies_at
from test_rounds import content, inputs, settings

from miner.errors import BusyError, ConfigError
from miner.train import loop
from miner.train.lock import locked

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")


def run(model, folder, out, **more):
    """Two rounds."""
    return loop(inputs(folder, "train"), *settings(model, rounds=2), out=out, dev=inputs(folder, "dev"), **more)


def die_again_and_again(model, folder, place, first):
    """Every round's files are those of a loop that was never killed, and nothing is left behind."""
    whole = content(run(model, folder, place / "a" / "out").folder)
    out, moment = place / "b" / "out", first
    while not dies_at(moment, lambda: run(model, folder, out, resume=True)):
        moment += 89
    now = content(out)
    assert [name for name in {*now, *whole} if now.get(name) != whole.get(name)] == []
    assert [path for path in out.rglob("*") if path.name.endswith((".part", ".checkpoints", "lock"))] == []


@pytest.mark.parametrize("first", [5, 60])
def test_dead_at_any_moment_of_writing_it_goes_on_to_the_same_bytes(tiny_model, tiny_folder, tmp_path, first):
    """Killed again and again at later moments, then left to finish."""
    apart(die_again_and_again, tiny_model, tiny_folder, tmp_path, first)


def test_finished_rounds_go_only_with_force_and_fresh(tiny_model, tiny_folder, tmp_path):
    """Neither alone deletes one; without a finished round either is enough."""
    out = tmp_path / "out"

    def stop(stage, done, total):
        raise KeyboardInterrupt

    for more in ({}, {"force": True}, {"resume": False}):
        with pytest.raises(KeyboardInterrupt):
            run(tiny_model, tiny_folder, out, on_progress=stop, **more)
    run(tiny_model, tiny_folder, out, resume=True)
    before = content(out)
    for more in ({}, {"force": True}, {"resume": False}):
        with pytest.raises(
            ConfigError, match="holds 2 finished rounds of a loop: resume=True continues, force=True resume=False deletes them"
        ):
            run(tiny_model, tiny_folder, out, **more)
    with pytest.raises(ConfigError, match="choose one of them"):
        run(tiny_model, tiny_folder, out, resume=True, force=True)
    assert content(out) == before
    run(tiny_model, tiny_folder, out, resume=False, force=True)
    assert content(out) == before


def test_other_dev_data_are_another_loop(tiny_model, tiny_folder, tmp_path):
    """Rounds chosen on two dev sets could not be compared."""
    out = tmp_path / "out"
    run(tiny_model, tiny_folder, out)
    with pytest.raises(ConfigError, match=r"another dev\.split"):
        loop(inputs(tiny_folder, "train"), *settings(tiny_model, rounds=2), out=out, dev=inputs(tiny_folder, "test"), resume=True)


def test_one_loop_at_a_time_and_only_over_a_loop(tiny_model, tiny_folder, tmp_path):
    """The lock leaves nothing; a stranger's folder stays."""
    with locked(tmp_path / "out"), pytest.raises(BusyError, match="another process is at work there"):
        run(tiny_model, tiny_folder, tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something else"):
        run(tiny_model, tiny_folder, tmp_path / "mine", force=True, resume=False)
