"""On a disk that is full something can still be deleted: the reserve makes room, and is taken again."""

import errno

import pytest

from app.state.reserve import RESERVED_BYTES, Reserve, is_full
from miner.errors import StorageError


def full():
    error = StorageError("no room")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


def test_room_is_made_once_and_taken_again(tmp_path):
    path, seen = tmp_path / "reserve", []
    reserve = Reserve(path)
    assert path.stat().st_blocks * 512 >= RESERVED_BYTES

    def remove():
        seen.append(path.exists())
        if path.exists():
            raise full()

    reserve.with_reserve(remove)
    assert seen == [True, False]
    assert path.stat().st_size == RESERVED_BYTES


def test_what_fails_for_another_reason_fails_at_once(tmp_path):
    calls = []

    def remove():
        calls.append(1)
        raise StorageError("unreadable")

    with pytest.raises(StorageError, match="unreadable"):
        Reserve(tmp_path / "reserve").with_reserve(remove)
    assert calls == [1]


def test_a_disk_that_stays_full_says_so(tmp_path):
    def remove():
        raise full()

    with pytest.raises(StorageError, match="no room"):
        Reserve(tmp_path / "reserve").with_reserve(remove)


def test_full_is_known_whoever_noticed():
    assert is_full(full())
    assert is_full(StorageError("the database cannot be used: database or disk is full"))
    assert not is_full(StorageError("the database cannot be used: locked"))
