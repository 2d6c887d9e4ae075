"""A folder that replaces another one: whole or not there, whatever goes wrong, and nothing lies beside it after a recovery."""

import os
import stat
from pathlib import Path

import pytest
from dying import apart, dies_at

from miner.errors import StorageError
from miner.io.atomic import folder_part, recover, write_bytes


def write(path, text):
    with folder_part(path, "mark") as folder:
        (folder / "mark").write_text(text)


def test_a_file_is_on_the_disk_before_it_is_seen(tmp_path, monkeypatch):
    """Its bytes first, then its name, then the folder: a power cut leaves the old file or the whole new one."""
    path, synced, real = tmp_path / "out", [], os.fsync
    path.write_bytes(b"old")

    def fsync(handle):
        synced.append(("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file", path.read_bytes()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(path, b"new")
    assert synced == [("file", b"old"), ("folder", b"new")]


def die_at_every_moment(place, was_there):
    """At each moment of replacing; recovered, the folder is the old one or the new one, alone."""
    moment, ended = 1, False
    while not ended:
        path = place / str(moment) / "out"
        if was_there:
            write(path, "old")
        ended = dies_at(moment, lambda path=path: write(path, "new"))
        recover(path)
        left = [each.name for each in path.parent.iterdir()] if path.parent.exists() else []
        assert left == ["out"] or (left == [] and not was_there), (moment, left)
        assert not path.exists() or (path / "mark").read_text() in (("old", "new") if was_there else ("new",))
        moment += 1
    assert moment > 5
    assert (path / "mark").read_text() == "new"


@pytest.mark.parametrize("was_there", [False, True])
def test_dead_at_any_moment_nothing_lies_beside_it(tmp_path, was_there):
    """Killed before, between and after the renames: `recover` leaves the folder, and the scratch folder of the dead process goes."""
    apart(die_at_every_moment, tmp_path, was_there)


def test_the_old_one_is_put_back_where_the_second_rename_fails(tmp_path, monkeypatch):
    """Nobody is left without either."""
    path, rename = tmp_path / "out", Path.rename
    write(path, "old")

    def fails(self, target):
        if self.name == "new":
            raise OSError(5, "the disk reports an error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(StorageError, match=r"cannot write .*out: the disk reports an error"):
        write(path, "new")
    assert (path / "mark").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("is_there", "content"), [(False, "old"), (True, "new")])
def test_recovered_the_old_one_is_back_unless_a_new_one_is_there(tmp_path, is_there, content):
    """The halves go; a neighbour's folder of a similar name stays."""
    old, half, halves = (tmp_path / f".out.{name}.part" for name in ("0123abcd.old", "4567cdef", "89ab0123"))
    neighbour = tmp_path / ".outer.0123abcd.old.part"
    for folder, text in ((old, "old"), (halves, "new"), (neighbour, "other"), *([(tmp_path / "out", "new")] if is_there else [])):
        folder.mkdir()
        (folder / "mark").write_text(text)
    half.write_text("ne")
    recover(tmp_path / "out")
    assert (tmp_path / "out" / "mark").read_text() == content
    assert {each.name for each in tmp_path.iterdir()} == {"out", neighbour.name}
