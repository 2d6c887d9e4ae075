"""A run goes on where an interrupted one stopped, with its very blocks or none, and leaves nothing behind."""

import fcntl
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from dying import apart, dies_at
from test_run import COLUMNS, small

from miner.cli.main import EXIT_CODES
from miner.config import MiningConfig
from miner.core import retrieval
from miner.errors import ConfigError, HardnegError, StorageError
from miner.io.scratch import hold
from miner.runs import run_folder as target_module
from miner.runs.candidate_store import CandidateWriter, blocks
from miner.runs.manifest import VERSION
from miner.runs.run import Run, mine

sys.path.insert(0, str(Path(__file__).parents[1] / "long"))


@pytest.fixture
def config(tiny_model):
    return MiningConfig.of(model=str(tiny_model), depth=12, max_depth=12, negatives=3, columns=COLUMNS, filters=("near_positive:off",))


@pytest.fixture
def begin(tmp_path, config, monkeypatch):
    """Begin the run, three blocks of two queries, and stop it after so many."""
    monkeypatch.setattr(retrieval, "BLOCK", 2)
    write = CandidateWriter.write

    def stopped_after(count, error=KeyboardInterrupt, **more):
        written = []

        def counting(self, number, block):
            if len(written) == count:
                raise error("stop")
            written.append(number)
            write(self, number, block)

        monkeypatch.setattr(CandidateWriter, "write", counting)
        given = more.pop("config", config)
        dataset = small(tmp_path / f"given-{len(list(tmp_path.iterdir()))}")
        try:
            return mine(dataset, given, out=tmp_path / "out", **more), written
        except (KeyboardInterrupt, HardnegError, ValueError) as stopped:
            return stopped, written

    return stopped_after


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("given"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError, ValueError])
def test_committed_blocks_are_not_made_again(begin, config, tmp_path, error):
    """Whatever stopped it: the error says where the blocks are, the next run makes the missing ones, the files are the same."""
    stopped, _ = begin(2, error)
    assert "2 blocks of candidates are kept in" in stopped.__notes__[0]
    assert left(tmp_path) == [".out.part"]
    run, written = begin(99)
    assert len(written) == 1
    whole = mine(small(tmp_path / "given"), config, out=tmp_path / "whole")
    assert run.file.read_bytes() == whole.file.read_bytes()
    both = [[file.read_bytes() for file in blocks(each.folder / "candidates.parquet")] for each in (run, whole)]
    assert both[0] == both[1]
    assert left(tmp_path) == ["out", "whole"]
    assert run.differences() == []
    assert {path.name for path in run.folder.iterdir()} == {path.name for path in whole.folder.iterdir()}


@pytest.mark.parametrize("change", [{"filters": ("margin:off",)}, {"negatives": 7}, {"anchor": "own", "judged": "ignore"}, {"ladder": 0}])
def test_blocks_of_other_rules_are_gone_on_with(begin, config, tmp_path, change):
    """Settings of judging search no block again: what they lack is added, and the files are those of a run made anew."""
    begin(2)
    other = MiningConfig.of(**(config.model_dump() | change))
    run, _ = begin(99, resume=True, config=other)
    whole = mine(small(tmp_path / "given"), other, out=tmp_path / "whole")
    assert run.file.read_bytes() == whole.file.read_bytes()
    assert (run.differences(), left(tmp_path)) == ([], ["out", "whole"])


@pytest.mark.parametrize("change", [{"depth": 11}, {"max_depth": 31}])
def test_blocks_of_another_run_are_never_used(begin, config, change):
    """Other settings of retrieval begin anew; who insists on resuming is told what differs; who wants it fresh gets it."""
    begin(2)
    other = MiningConfig.of(**(config.model_dump() | change))
    refused, _ = begin(99, resume=True, config=other)
    assert isinstance(refused, ConfigError)
    assert re.search(rf"was made with settings {next(iter(change))} .{{1,200}}, this one has ", str(refused))
    assert len(begin(1, config=other)[1]) == 1
    assert len(begin(99, config=other)[1]) == 2


def cut(data):
    return data[:-20]


def flipped(data):
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


@pytest.mark.parametrize("damage", [cut, flipped, lambda data: b"", lambda data: bytes(len(data))])
def test_a_block_that_the_disk_damaged_is_made_again(begin, config, tmp_path, damage, caplog):
    """Cut short or with other bytes; it is named, and the whole one beside it is kept."""
    begin(2)
    block, *others = sorted((tmp_path / ".out.part" / "candidates.parquet").glob("block-*"))
    block.write_bytes(damage(block.read_bytes()))
    run, written = begin(99)
    assert {f"block-{number:06d}.parquet" for number in {0, 1, 2} - {*written}} == {other.name for other in others}
    assert f"{block} is damaged: its bytes are not those that were written" in caplog.text
    assert run.file.read_bytes() == mine(small(tmp_path / "given"), config, out=tmp_path / "whole").file.read_bytes()
    assert run.differences() == []
    assert not list(run.folder.glob("*.sha256"))


def test_a_folder_of_a_file_s_name_is_told_at_once(tmp_path, config):
    """Not after the work, with a run left over that stands in its own way."""
    (tmp_path / "a.jsonl").mkdir()
    for force in (False, True):
        with pytest.raises(ConfigError, match=r"a\.jsonl is a folder, and out= names a file of that kind"):
            mine(small(tmp_path / "given"), config, out=tmp_path / "a.jsonl", force=force)
    assert left(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("force", [False, True])
def test_what_no_force_replaces_is_not_offered(tmp_path, config, force):
    """A file where a folder is asked for; a folder that is no run."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("mine")
    for name in ("file", "folder"):
        with pytest.raises(HardnegError) as refused:
            mine(small(tmp_path / f"given-{name}"), config, out=tmp_path / name, force=force)
        assert "--force" not in str(refused.value)
    assert left(tmp_path) == ["file", "folder"]


def test_a_run_with_a_file_of_the_user_is_not_replaced(tmp_path):
    """Neither offered by the plan nor done by the run; its own files, and the lock of a killed process, are no reason."""
    run = tmp_path / "out"
    run.mkdir()
    manifest = {"manifest_version": VERSION, "outputs": {"triplets.jsonl": {}, "dataset/corpus.arrow": {}}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    for name in ("triplets.jsonl", "dataset", "lock"):
        (run / name).touch()
    assert target_module.check(run, None, True, "triplet") == tmp_path
    (run / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"the run folder there also holds notes\.txt, which no run made; move it away first"):
        target_module.check(run, None, True, "triplet")
    with pytest.raises(StorageError, match=r"notes\.txt"), target_module.target(run, None, True, "triplet"):
        pass
    assert sorted(path.name for path in run.iterdir()) == ["dataset", "lock", "manifest.json", "notes.txt", "triplets.jsonl"]


def test_fresh_begins_anew(begin):
    """Even where everything fits."""
    begin(2)
    assert len(begin(99, resume=False)[1]) == 3


def test_nothing_is_left_where_nothing_was_committed(begin, tmp_path):
    """An error before the first block leaves no trace."""
    stopped, _ = begin(0)
    assert not getattr(stopped, "__notes__", [])
    assert left(tmp_path) == []


def test_one_process_at_a_time(begin, tmp_path):
    """A second run to the same place is refused while the first one lives."""
    begin(1)
    with (tmp_path / ".out.part" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = begin(99)[0]
        assert "another process is making a run there" in str(refused)
        assert next(code for kind, code in EXIT_CODES.items() if isinstance(refused, kind)) == 75
    assert begin(99)[0].differences() == []


def test_what_a_killed_process_left_goes(begin, tmp_path):
    """Half-written blocks, vectors and folders that were to be replaced do not stay."""
    begin(2)
    part = tmp_path / ".out.part"
    (part / ".vectors-1").mkdir()
    (part / "candidates.parquet" / ".block-000002.parquet").write_bytes(b"half")
    (tmp_path / ".out.old.part").mkdir()
    run, written = begin(99)
    assert len(written) == 1
    assert left(tmp_path) == ["out"]
    assert not list(run.folder.rglob(".*"))


def test_a_link_to_a_folder_is_followed(begin, config, tmp_path):
    """The run lies where the link points, there already or not yet; replaced or not, the link stays."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "run.v1")
    for force in (False, True):
        run, _ = begin(99, force=force)
        assert (tmp_path / "out").is_symlink()
        assert run.folder == tmp_path / "disk" / "run.v1"
        assert run.differences() == []
    assert left(tmp_path) == ["disk", "out"]


def test_a_link_to_a_file_is_followed(config, tmp_path):
    """The file lies where the link points, its run beside it; what was there is replaced only by force, the link never."""
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / "real.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(real)
    data = small(tmp_path / "given")
    for force in (False, True):
        run = mine(data, config, out=link, force=force)
        assert (link.readlink(), run.file, run.differences()) == (real, real, [])
    with pytest.raises(ConfigError, match=r"real\.run exists already"):
        mine(data, config, out=link)
    assert left(tmp_path) == ["disk", "link.jsonl"]
    assert left(tmp_path / "disk") == ["real.jsonl", "real.run"]


def test_a_link_that_would_surprise_is_refused(config, tmp_path):
    """To a file of another kind, or in the place of the run beside a file; what they point to stays."""
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "notes")
    (tmp_path / "a.run").symlink_to(tmp_path / "elsewhere")
    for name, told in (
        ("link.jsonl", r"notes, which does not end in \.jsonl"),
        ("a.jsonl", r"a\.run, where the run of a\.jsonl goes, is a link"),
    ):
        with pytest.raises(ConfigError, match=told):
            mine(small(tmp_path / f"given-{name}"), config, out=tmp_path / name, force=True)
    assert (tmp_path / "notes").read_text() == "mine"
    assert left(tmp_path) == ["a.run", "link.jsonl", "notes"]


@pytest.mark.slow
def test_kill_nine(tmp_path):
    """A sample of the long proof."""
    import kill_run

    assert kill_run.rounds(1, tmp_path / "new", seed=3, queries=1200, passages=600) == []
    assert kill_run.rounds(1, tmp_path / "over", seed=4, queries=1200, passages=600, over=True) == []


def die_while_replacing(place):
    """At every moment of it: what lies there then is the earlier run or the new one, and the next command says that it is there."""
    config = MiningConfig.of(sources=("bm25",), depth=12, max_depth=12, negatives=3, filters=("near_positive:off", "nearest:off"))
    data, final, hidden, moment = small(place / "given"), place / "out", place / ".out.part", 1
    runs = [mine(data, config.model_copy(update={"seed": seed, "sampler": "uniform"}), out=place / f"run-{seed}") for seed in (1, 2)]
    files, restored, done = [run.file.read_bytes() for run in runs], 0, False
    while not done:
        for source, target in zip(runs, (final, hidden), strict=True):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source.folder, target)
        (hidden / "lock").touch()
        done = dies_at(moment, lambda: target_module._swap(hidden, final, place / ".out.old.part"))
        restored += not final.exists()
        expected = files[final.exists() and Run(final).config.seed == 2]
        with pytest.raises(ConfigError, match="out exists already; choose another out="):
            mine(data, config, out=final)
        assert (final / "triplets.jsonl").read_bytes() == expected
        assert Run(final).differences() == []
        moment += 1
    assert restored >= 1


@pytest.mark.slow
def test_a_kill_while_a_run_is_replaced_loses_no_run(tmp_path):
    """Between the two renames neither lay there, and nothing put the earlier one back."""
    apart(die_while_replacing, tmp_path)


def test_the_earlier_run_is_put_back_where_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    """Nobody is left without either."""
    part, final, old = (tmp_path / name for name in (".out.part", "out", ".out.old.part"))
    for folder, text in ((part, "new"), (final, "earlier")):
        folder.mkdir()
        (folder / "manifest.json").write_text(text)

    def rename(source, destination):
        if source == part:
            raise OSError(5, "the disk reports an error")
        source.rename(destination)

    monkeypatch.setattr(target_module, "rename", rename)
    with pytest.raises(OSError, match="the disk reports an error"):
        target_module._swap(part, final, old)
    assert (final / "manifest.json").read_text() == "earlier"
    assert left(tmp_path) == [".out.part", "out"]


def test_what_was_being_replaced_is_restored_where_it_is_whole_and_nothing_lies_there(tmp_path, caplog):
    """By name, once; not where a living process makes a run, nor over something else, nor what is damaged."""
    config = MiningConfig.of(sources=("bm25",), depth=12, max_depth=12, negatives=3, filters=("near_positive:off", "nearest:off"))
    run, old = mine(small(tmp_path / "given"), config, out=tmp_path / "out").folder, tmp_path / ".out.old.part"
    run.rename(old)
    lock = hold(tmp_path / ".out.part")
    assert not target_module.restore(run)
    os.close(lock)
    shutil.rmtree(tmp_path / ".out.part")
    run.write_text("a file")
    assert not target_module.restore(run)
    run.unlink()
    assert target_module.restore(run)
    assert [message for message in caplog.messages if "killed process" in message] == [
        f"{run} holds the run again that a killed process was replacing"
    ]
    run.rename(old)
    (old / "triplets.jsonl").write_text("{}\n")
    assert not target_module.restore(run)
    assert old.is_dir()
