"""Scratch of a killed process is found from anywhere and removed; what a living one holds, or another machine, never is."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from miner.io.atomic import Part, folder_part
from miner.io.scratch import LOCK, hold, leftovers, make_scratch, record, remove_leftovers, scratch
from miner.io.scratch.folders import lock_file

PROCESS = """
import sys, time
from pathlib import Path
from miner.io.scratch import make_scratch
folder = make_scratch(Path(sys.argv[1]) if sys.argv[1] else None, ".made-" if sys.argv[1] else "hardneg-")
(folder / "vectors").write_bytes(bytes(1_000_000))
print(folder, flush=True)
time.sleep(60)
"""


@contextmanager
def process(parent=""):
    """A process with a scratch folder, and the folder's path; killed with nothing cleared on exit."""
    with subprocess.Popen([sys.executable, "-c", PROCESS, str(parent)], stdout=subprocess.PIPE, text=True) as made:
        yield made, made.stdout.readline().strip()
        made.send_signal(signal.SIGKILL)


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.mark.parametrize("place", ["", "disk"])
def test_a_live_process_loses_nothing_and_a_killed_one_leaves_nothing(tmp_path, place):
    """Where temporary files go, or on any other disk, which the records name."""
    parent = tmp_path / place if place else ""
    (tmp_path / "disk").mkdir()
    with process(parent) as (made, folder):
        assert (leftovers(), remove_leftovers()) == ([], [])
        assert {path.name for path in Path(folder).iterdir()} == {LOCK, "vectors"}
        made.kill()
        made.wait()
        (found,) = leftovers()
        assert (str(found.path), found.bytes, found.removable) == (folder, 1_003_520, True)
        assert "1.0 MB that a killed process left; `hardneg cache prune --scratch`" in found.advice
    assert remove_leftovers() == [found]
    assert (leftovers(), list((tmp_path / "disk").iterdir()), list((tmp_path / "tmp").iterdir())) == ([], [], [])


def dead_run(tmp_path, blocks=1):
    """A run's folder as a kill leaves it."""
    part = tmp_path / ".out.part"
    os.close(hold(part, ("candidates.parquet", "started.json")))
    record(part)
    for name in (".vectors-x", "dataset", "candidates.parquet"):
        (part / name).mkdir()
    (part / ".vectors-x" / "passages.f32").write_bytes(bytes(100_000))
    (part / "candidates.parquet" / ".block-000009.parquet").write_bytes(b"half")
    for number in range(blocks):
        (part / "candidates.parquet" / f"block-{number:06d}.parquet").write_bytes(b"whole")
    (part / "started.json").write_text("{}")
    return part


def test_finished_blocks_of_a_killed_run_stay(tmp_path):
    """Its vectors, texts and half-written blocks go, and it is still named, as something to go on with."""
    part = dead_run(tmp_path)
    assert leftovers()[0].bytes >= 100_000
    assert [each.resumable_files for each in remove_leftovers()] == [1]
    assert sorted(path.name for path in part.rglob("*")) == ["block-000000.parquet", "candidates.parquet", LOCK, "started.json"]
    (left,) = leftovers()
    assert left.advice.endswith("1 finished block of a run that did not end: the same command resumes it, --fresh begins again")
    assert remove_leftovers() == []


def test_a_killed_run_without_a_block_goes_whole(tmp_path):
    """With its record."""
    dead_run(tmp_path, blocks=0)
    assert len(remove_leftovers()) == 1
    assert (leftovers(), [path.name for path in tmp_path.iterdir()]) == ([], ["tmp"])


@pytest.mark.parametrize("told", ["", "{}", '{"host": "elsewhere", "boot": "another", "pid": 1, "keep": []}'])
def test_what_is_not_surely_dead_stays(tmp_path, told):
    """A lock without an owner, or of another machine, where nobody can tell by a lock; the last is named."""
    part = dead_run(tmp_path, blocks=0)
    (part / LOCK).write_text(told)
    before = sorted(part.rglob("*"))
    assert remove_leftovers([tmp_path]) == []
    assert sorted(part.rglob("*")) == before
    assert [each.host for each in leftovers([tmp_path])] == (["elsewhere"] if "host" in told else [])


def test_a_folder_that_is_removed_cannot_be_held(tmp_path):
    """Who begins there meanwhile gets a new one, and holds it."""
    part = tmp_path / ".out.part"
    first = hold(part)
    (part / LOCK).unlink()
    assert not lock_file(first, part / LOCK)
    (part / LOCK).write_text("another's")
    assert not lock_file(first, part / LOCK)
    (part / LOCK).unlink()
    part.rmdir()
    second = hold(part)
    assert os.path.samestat(os.fstat(second), (part / LOCK).stat())
    with pytest.raises(BlockingIOError):
        hold(part)
    os.close(first)
    os.close(second)


def test_half_written_files_and_folders_go_with_the_next(tmp_path):
    """Those of a killed process; not of one that writes the same file now, nor a very new one."""
    living, dead, new = (Part(tmp_path / "a.jsonl") for _ in range(3))
    for each in (dead, new):
        os.close(each._file)
    long_ago = time.time() - 3600
    for each in (living, dead):
        os.utime(each._temporary, (long_ago, long_ago))
    with Part(tmp_path / "a.jsonl") as part:
        part.write(b"{}\n")
    assert {path.name for path in tmp_path.iterdir()} == {"tmp", "a.jsonl", living._temporary.name, new._temporary.name}
    living.commit()
    left = make_scratch(tmp_path, ".model.", ".part")
    os.close(hold_of(left))
    with folder_part(tmp_path / "model", "x") as folder:
        (folder / "x").write_text("")
    assert not left.exists()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["x"]


def hold_of(folder):
    from miner.io.scratch import folders

    return folders._locks.pop(folder)


def test_what_was_replaced_goes_only_when_the_new_one_is_there(tmp_path):
    """A kill between the two renames leaves the earlier folder, which is nobody's to remove."""
    (tmp_path / ("c" * 50)).mkdir()
    (tmp_path / f".{'c' * 50}.12345678.old.part").mkdir()  # of a longer name, cut
    for name, old in (("a", ".a.old.part"), ("b", ".b.12345678.old.part")):
        (tmp_path / old).mkdir()
        record(tmp_path / old)
        assert remove_leftovers([tmp_path]) == []
        (tmp_path / name).mkdir()
        assert [each.path.name for each in remove_leftovers([tmp_path])] == [old]


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path, monkeypatch):
    """There is only no record."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "file"))
    with scratch(tmp_path, ".s-") as folder:
        assert folder.is_dir()
        assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()
    assert not folder.exists()


def test_a_process_that_died_before_its_lock_leaves_nothing(tmp_path, monkeypatch):
    """An empty scratch folder is removed: beside an output at once, in the shared temporary folder when it is old; no other empty folder is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    old, new = tmp_path / "tmp" / "hardneg-aaaaaaaa", tmp_path / "tmp" / "hardneg-bbbbbbbb"
    beside, other, full = tmp_path / ".out.ab_12xyz.part", tmp_path / ".notes.part", tmp_path / ".out.cd_12xyz.part"
    for folder in (old, new, beside, other, full):
        folder.mkdir(parents=True)
    (full / "file").write_text("")
    os.utime(old, (0, 0))
    remove_leftovers([tmp_path])
    assert [folder.exists() for folder in (old, new, beside, other, full)] == [False, True, False, True, True]
