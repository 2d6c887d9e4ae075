"""The embedding store keeps what was committed, whatever happens to the process or the files."""

import fcntl
import json
import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long.kill_store import BLOCK, rounds, writer, wrong

from miner.encode import Store, prune, stores
from miner.encode.store import KEY_BYTES, sha_keys
from miner.errors import StorageError

NAME = "a" * 64


def vectors_of(texts, dim=4):
    return np.array([[len(text), hash(text) % 97, i, 0.5] for i, text in enumerate(texts)], dtype=np.float32)[:, :dim]


def filled(cache, texts, dim=4):
    store = Store(cache, NAME, dim, "a model")
    store.append(sha_keys(texts), vectors_of(texts, dim))
    return store


@settings(max_examples=30)
@given(
    blocks=st.lists(st.lists(st.text(max_size=4), min_size=1, max_size=20, unique=True), max_size=5), asked=st.lists(st.text(max_size=4))
)
def test_finds_what_was_appended(tmp_path_factory, blocks, asked):
    """Each text has the vector it was first appended with; what was never appended is -1; a second opening sees the same."""
    store, known = Store(tmp_path_factory.mktemp("store"), NAME, 4), {}
    for place, block in enumerate(blocks):
        vectors = vectors_of(block) + np.float32(place * 1000)
        store.append(sha_keys(block), vectors)
        for text, vector in zip(block, vectors, strict=True):
            known.setdefault(text, vector.tolist())
    for opened in (store, Store(store.folder.parents[1], NAME, 4)):
        places = opened.find(sha_keys(asked))
        assert [opened.vectors()[p].tolist() if p >= 0 else None for p in places] == [known.get(text) for text in asked]
        assert len(opened.vectors()) == len(known)


def test_keys_that_share_their_first_half_are_told_apart(tmp_path):
    """A collision of the first 64 bits is resolved by the other 64."""
    store = Store(tmp_path, NAME, 1)
    keys = np.array([[7, 3], [7, 1], [7, 2], [2, 9], [2**64 - 1, 0]], dtype=np.uint64)
    store.append(keys, np.arange(5, dtype=np.float32)[:, None])
    asked = np.array([[7, 1], [7, 4], [7, 3], [8, 0], [2**64 - 1, 1], [7, 2], [2**64 - 1, 0], [0, 0]], dtype=np.uint64)
    assert store.find(asked).tolist() == [1, -1, 0, -1, -1, 2, 4, -1]


def test_an_empty_store_has_nothing(tmp_path):
    """No file is needed to ask."""
    store = Store(tmp_path, NAME, 4)
    assert store.find(sha_keys(["a", "b"])).tolist() == [-1, -1]
    assert store.find(sha_keys([])).shape == (0,)
    assert store.vectors().shape == (0, 4)


@pytest.mark.parametrize(("name", "extra"), [("keys.bin", b"\1" * 7), ("vectors.bin", b"\1" * 33), ("vectors.bin", b"\1" * 160)])
def test_a_torn_tail_is_ignored_and_written_over(tmp_path, name, extra):
    """What a killed writer left behind the last commit does not count, and the next block takes its place."""
    filled(tmp_path, ["a", "b"])
    with (tmp_path / "vectors" / NAME / name).open("ab") as file:
        file.write(extra)
    store = Store(tmp_path, NAME, 4)
    assert len(store.vectors()) == 2
    store.append(sha_keys(["c"]), np.full((1, 4), 9, dtype=np.float32))
    places = Store(tmp_path, NAME, 4).find(sha_keys(["a", "b", "c"]))
    assert places.tolist() == [0, 1, 2]
    assert store.vectors()[places].tolist() == [*vectors_of(["a", "b"]).tolist(), [9] * 4]
    assert [(store.folder / file).stat().st_size for file in ("keys.bin", "vectors.bin")] == [3 * KEY_BYTES, 3 * 16]


@pytest.mark.parametrize("left", [0, 1, 16, 17, 31])
def test_keys_without_vectors_do_not_count(tmp_path, left):
    """A vector file that lost its end is not filled up with zeros: those texts are unknown again."""
    store = filled(tmp_path, ["a", "b"])
    os.truncate(store.folder / "vectors.bin", left)
    again = Store(tmp_path, NAME, 4)
    assert again.find(sha_keys(["a", "b"])).tolist() == [0 if left >= 16 else -1, -1]
    again.append(sha_keys(["c", "b"]), np.full((2, 4), 7, dtype=np.float32))
    places = again.find(sha_keys(["b", "c"]))
    assert again.vectors()[places].tolist() == [[7] * 4] * 2


def test_another_number_of_dims_is_refused(tmp_path):
    """A fingerprint belongs to one size; the message says what to do."""
    filled(tmp_path, ["a"])
    with pytest.raises(StorageError, match=r"is version 1 with 4 dims, not 1 with 5: prune it"):
        Store(tmp_path, NAME, 5)


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_a_damaged_description_is_told(tmp_path, content):
    """Not read as something else; the store is still listed, and can be pruned."""
    meta = filled(tmp_path, ["a"]).folder / "meta.json"
    meta.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(StorageError, match=r"meta\.json is version None with None dims, not 1 with 4: prune it"):
        Store(tmp_path, NAME, 4)
    assert [(store["fingerprint"], store["texts"]) for store in stores(tmp_path)] == [(NAME, 1)]
    assert len(prune(tmp_path)) == 1


def test_a_cache_that_cannot_be_written_is_a_storage_error(tmp_path):
    """The message names the folder and the variable that moves it."""
    (tmp_path / "vectors").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot be used: .*; set HARDNEG_CACHE"):
        Store(tmp_path, NAME, 4)


def test_stores_are_listed_and_pruned(tmp_path):
    """By age of last use, or by the start of the fingerprint; what was removed is told."""
    for name, age in (("a" * 64, 10), ("b" * 64, 1), ("c" * 64, 0)):
        store = Store(tmp_path, name, 4, f"model {name[0]}")
        store.append(sha_keys(["x", "y"]), vectors_of(["x", "y"]))
        os.utime(store.folder / "meta.json", (time.time() - age * 86400 - 60,) * 2)
    listed = list(stores(tmp_path))
    assert [(s["model"], s["texts"], s["dim"]) for s in listed] == [("model a", 2, 4), ("model b", 2, 4), ("model c", 2, 4)]
    assert [s["model"] for s in prune(tmp_path, older_than_days=5)] == ["model a"]
    assert [s["model"] for s in prune(tmp_path, fingerprint="cc")] == ["model c"]
    assert [s["model"] for s in stores(tmp_path)] == ["model b"]
    assert [s["model"] for s in prune(tmp_path)] == ["model b"]
    assert list(stores(tmp_path)) == list(stores(tmp_path / "nowhere")) == []


def test_the_description_lies_beside_the_vectors(tmp_path):
    """meta.json says what numpy needs to read the rest."""
    store = filled(tmp_path, ["a", "b"])
    assert json.loads((store.folder / "meta.json").read_text()) == {"version": 1, "dim": 4, "name": "a model"}
    assert np.fromfile(store.folder / "vectors.bin", dtype=np.float32).reshape(-1, 4).tolist() == vectors_of(["a", "b"]).tolist()


def test_a_writer_waits_for_the_others(tmp_path):
    """While anybody holds the lock, even to read, nothing is appended."""
    store = filled(tmp_path, ["a"])
    late = threading.Thread(target=store.append, args=(sha_keys(["b"]), vectors_of(["b"])))
    with (store.folder / "lock").open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        late.start()
        late.join(0.2)
        assert late.is_alive()
        assert len(Store(tmp_path, NAME, 4).vectors()) == 1
    late.join(10)
    assert len(Store(tmp_path, NAME, 4).vectors()) == 2


def test_kill_loses_at_most_the_block_in_flight(tmp_path):
    """Five kills at random moments: every committed text has its exact vector."""
    assert rounds(5, tmp_path, seed=time.time_ns()) == []


def test_two_writers_lose_and_double_nothing(tmp_path):
    """Two processes that append the same and different blocks at once: each text is there once, with its vector."""
    both = [writer(tmp_path, 0, 12), writer(tmp_path, 6, 18)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert wrong(tmp_path, 0, 18) == (18 * BLOCK, 0)
    assert (tmp_path / "vectors" / ("f" * 64) / "keys.bin").stat().st_size == 18 * BLOCK * KEY_BYTES
