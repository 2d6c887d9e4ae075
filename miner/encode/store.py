"""The content-addressed embedding store: one folder per model fingerprint, append-only, read with nothing but numpy.

    <cache>/vectors/<fingerprint>/meta.json     {"dim": D, "name": …, "version": 1}
                                  keys.bin      16 bytes a text: the first half of sha256(text)
                                  vectors.bin   float32 (n, D), row i belongs to key i

A block is committed by appending vectors, fsync, then keys, fsync, under an exclusive lock: the keys are the commit point, so
kill -9 loses at most the block in flight, and two processes may write at once. The first vector of a text is never replaced.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from miner.errors import StorageError
from miner.io.array_files import map_raw
from miner.io.folder_tree import remove, rename, touch
from miner.io.plain_files import append_file, create_file, read_bytes, read_text, write_file
from miner.types import Floats, Ints, Texts

KEY_BYTES = 16
VERSION = 1
Keys = NDArray[np.uint64]
StoreKind = Literal["vectors", "scores"]
"""What a store holds: vectors of texts, or a second judge's scores of pairs of texts."""


class StoreInfo(TypedDict):
    """One store in the cache. texts: of scores the pairs of texts. used: time of last use, in seconds since the epoch."""

    kind: StoreKind
    fingerprint: str
    model: str | None
    dim: int | None
    texts: int
    bytes: int
    used: float


def sha_keys(texts: Iterable[str]) -> Keys:
    """Shape (n, 2): the first 128 bits of each text's sha256, big-endian halves."""
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:KEY_BYTES] for text in texts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


_keys_cache: WeakKeyDictionary[Texts, tuple[Keys, Ints]] = WeakKeyDictionary()


def sha_keys_and_lengths(texts: Texts) -> tuple[Keys, Ints]:
    """Return the key of each row's text, shape (N, 2), and its number of characters, shape (N,). Cached while the texts are open."""
    if texts not in _keys_cache:
        keys, lengths = [np.empty((0, 2), dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for batch in texts.all_texts():
            keys.append(sha_keys(batch))
            lengths.append(np.fromiter(map(len, batch), dtype=np.int64, count=len(batch)))
        _keys_cache[texts] = np.concatenate(keys), np.concatenate(lengths)
    return _keys_cache[texts]


class Store:
    """The vectors of one fingerprint."""

    def __init__(self, cache: Path, fingerprint: str, dim: int, name: str = "", kind: StoreKind = "vectors") -> None:
        self.folder, self.dim = cache / kind / fingerprint, dim
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_meta(name)
        except OSError as error:
            raise StorageError(f"the embedding store {self.folder} cannot be used: {error.strerror}; set HARDNEG_CACHE") from error
        self._sorted: Keys = np.empty((0, 2), dtype=np.uint64)
        self._rows: Ints = np.empty(0, dtype=np.int64)
        self.refresh()

    def _check_meta(self, name: str) -> None:
        path = self.folder / "meta.json"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}.part")
            write_file(part, json.dumps({"version": VERSION, "dim": self.dim, "name": name}).encode())
            rename(part, path)
        meta = _read_meta(path)
        if meta.get("version") != VERSION or meta.get("dim") != self.dim:
            raise StorageError(
                f"{path} is version {meta.get('version')} with {meta.get('dim')} dims, not {VERSION} with {self.dim}: prune it"
            )
        touch(path)

    def refresh(self) -> None:
        """Read what other processes have committed. A key without its complete vector (after disk damage) does not count."""
        path, rows = self.folder / "keys.bin", self.folder / "vectors.bin"
        raw = read_bytes(path) if path.exists() else b""
        count = min(len(raw) // KEY_BYTES, rows.stat().st_size // (self.dim * 4) if rows.exists() else 0)
        if count == len(self._rows):
            return
        keys = np.frombuffer(raw[: count * KEY_BYTES], dtype=">u8").astype(np.uint64).reshape(-1, 2)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        self._sorted, self._rows = keys[order], order

    def find(self, keys: Keys) -> Ints:
        """Return shape (n,): the row of each key's vector, -1 where there is none."""
        rows = np.full(len(keys), -1, dtype=np.int64)
        positions = np.searchsorted(self._sorted[:, 0], keys[:, 0])
        pending = np.arange(len(keys))
        while len(pending):  # more than one iteration only where 64-bit prefixes collide
            in_range = positions[pending] < len(self._sorted)
            pending = pending[in_range]
            candidates = self._sorted[positions[pending]]
            pending, candidates = (x[candidates[:, 0] == keys[pending, 0]] for x in (pending, candidates))
            matches = candidates[:, 1] == keys[pending, 1]
            rows[pending[matches]] = self._rows[positions[pending[matches]]]
            pending = pending[~matches]
            positions[pending] += 1
        return rows

    def vectors(self) -> Floats:
        """Return all committed vectors, shape (n, D), memory-mapped."""
        count = len(self._rows)
        if not count:
            return np.empty((0, self.dim), dtype=np.float32)
        return map_raw(self.folder / "vectors.bin", (count, self.dim))

    def append(self, keys: Keys, vectors: Floats) -> None:
        """Commit one block; vectors that another process has committed meanwhile are not replaced."""
        try:
            with _locked(self.folder / "lock"):
                self.refresh()
                is_new = self.find(keys) < 0
                with append_file(self.folder / "vectors.bin") as vector_file, append_file(self.folder / "keys.bin") as key_file:
                    key_file.truncate(len(self._rows) * KEY_BYTES)
                    vector_file.truncate(len(self._rows) * self.dim * 4)
                    _write(vector_file, np.ascontiguousarray(vectors[is_new], dtype=np.float32).tobytes())
                    _write(key_file, keys[is_new].astype(">u8").tobytes())
                self.refresh()
        except OSError as error:
            raise StorageError(f"the embedding store {self.folder} cannot be written: {error.strerror}") from error


def stores(cache: Path) -> Iterator[StoreInfo]:
    """Yield the stores in the cache, of vectors and of scores: kind, fingerprint, model, dims, texts, bytes, time of last use."""
    kinds: tuple[StoreKind, ...] = get_args(StoreKind)
    for kind, folder in [(each, path) for each in kinds for path in sorted((cache / each).glob("*"))]:
        meta_file = folder / "meta.json"
        if not meta_file.is_file():
            continue
        meta = _read_meta(meta_file)
        size = sum(file.stat().st_size for file in folder.iterdir())
        keys = folder / "keys.bin"
        texts = keys.stat().st_size // KEY_BYTES if keys.exists() else 0
        last_use = meta_file.stat().st_mtime
        yield {
            "kind": kind,
            "fingerprint": folder.name,
            "model": meta.get("name"),
            "dim": meta.get("dim"),
            "texts": texts,
            "bytes": size,
            "used": last_use,
        }


def prune(cache: Path, *, older_than_days: float = 0.0, fingerprint: str | None = None) -> list[StoreInfo]:
    """Remove the stores that were not used for `older_than_days`, or those whose fingerprint starts with `fingerprint`; return them.

    A process that is writing to a removed store stops with an error.
    """
    removed = []
    for store in list(stores(cache)):
        is_selected = (
            store["fingerprint"].startswith(fingerprint) if fingerprint else time.time() - store["used"] >= older_than_days * 86400
        )
        folder = cache / store["kind"] / store["fingerprint"]
        if is_selected:
            with _locked(folder / "lock"):
                remove(folder)
            removed.append(store)
    return removed


def _read_meta(path: Path) -> dict[str, Any]:
    """Read meta.json; empty where it is damaged."""
    with suppress(ValueError):
        meta = json.loads(read_text(path))
        return meta if isinstance(meta, dict) else {}
    return {}


def _write(handle: Any, data: bytes) -> None:
    handle.write(data)
    handle.flush()
    os.fsync(handle.fileno())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with create_file(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
