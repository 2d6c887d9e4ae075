"""The content-addressed embedding store: one folder per model fingerprint, append-only, read with nothing but numpy.

    <cache>/vectors/<fingerprint>/meta.json     {"dim": D, "name": …, "version": 1}
                                  keys.bin      16 bytes a text: the first half of sha256(text)
                                  vectors.bin   float32 (n, D), row i belongs to key i

A block is committed by appending vectors, fsync, then keys, fsync, under an exclusive lock: the keys are the commit point, so
kill -9 loses at most the block in flight, and two processes may write at once. The first vector of a text stays for ever.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from miner.errors import StorageError
from miner.types import Floats, Ints, Texts

KEY_BYTES = 16
VERSION = 1
Keys = NDArray[np.uint64]


def text_keys(texts: Iterable[str]) -> Keys:
    """Shape (n, 2): the first 128 bits of each text's sha256, big-endian halves."""
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:KEY_BYTES] for text in texts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


_known: WeakKeyDictionary[Texts, tuple[Keys, Ints]] = WeakKeyDictionary()


def keys_of(texts: Texts) -> tuple[Keys, Ints]:
    """Of every row: the key of its text, shape (N, 2), and its characters, shape (N,). Made once for as long as the texts are open."""
    if texts not in _known:
        keys, lengths = [np.empty((0, 2), dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for batch in texts.all_texts():
            keys.append(text_keys(batch))
            lengths.append(np.fromiter(map(len, batch), dtype=np.int64, count=len(batch)))
        _known[texts] = np.concatenate(keys), np.concatenate(lengths)
    return _known[texts]


class Store:
    """The vectors of one fingerprint."""

    def __init__(self, cache: Path, fingerprint: str, dim: int, name: str = "") -> None:
        self.folder, self.dim = cache / "vectors" / fingerprint, dim
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_meta(name)
        except OSError as error:
            raise StorageError(f"the embedding store {self.folder} cannot be used: {error.strerror}; set HARDNEG_CACHE") from error
        self._sorted: Keys = np.empty((0, 2), dtype=np.uint64)
        self._places: Ints = np.empty(0, dtype=np.int64)
        self.refresh()

    def _check_meta(self, name: str) -> None:
        path = self.folder / "meta.json"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps({"version": VERSION, "dim": self.dim, "name": name}), encoding="utf-8")
            part.replace(path)
        meta = _told(path)
        if meta.get("version") != VERSION or meta.get("dim") != self.dim:
            raise StorageError(
                f"{path} is version {meta.get('version')} with {meta.get('dim')} dims, not {VERSION} with {self.dim}: prune it"
            )
        os.utime(path)

    def refresh(self) -> None:
        """See what others have committed since. A key whose vector is not all there (a damaged disk) does not count."""
        path, rows = self.folder / "keys.bin", self.folder / "vectors.bin"
        raw = path.read_bytes() if path.exists() else b""
        count = min(len(raw) // KEY_BYTES, rows.stat().st_size // (self.dim * 4) if rows.exists() else 0)
        if count == len(self._places):
            return
        keys = np.frombuffer(raw[: count * KEY_BYTES], dtype=">u8").astype(np.uint64).reshape(-1, 2)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        self._sorted, self._places = keys[order], order

    def find(self, keys: Keys) -> Ints:
        """Shape (n,): the place of each key's vector, -1 where there is none."""
        places = np.full(len(keys), -1, dtype=np.int64)
        at = np.searchsorted(self._sorted[:, 0], keys[:, 0])
        open_rows = np.arange(len(keys))
        while len(open_rows):  # more than one turn only where 64-bit prefixes collide
            inside = at[open_rows] < len(self._sorted)
            open_rows = open_rows[inside]
            there = self._sorted[at[open_rows]]
            open_rows, there = (x[there[:, 0] == keys[open_rows, 0]] for x in (open_rows, there))
            hit = there[:, 1] == keys[open_rows, 1]
            places[open_rows[hit]] = self._places[at[open_rows[hit]]]
            open_rows = open_rows[~hit]
            at[open_rows] += 1
        return places

    def vectors(self) -> Floats:
        """Shape (n, D), memory-mapped: all that is committed."""
        count = len(self._places)
        if not count:
            return np.empty((0, self.dim), dtype=np.float32)
        mapped: Floats = np.memmap(self.folder / "vectors.bin", dtype=np.float32, mode="r", shape=(count, self.dim))
        return mapped

    def append(self, keys: Keys, vectors: Floats) -> None:
        """Commit one block; texts that another process committed meanwhile are left as they are."""
        try:
            with _locked(self.folder / "lock"):
                self.refresh()
                new = self.find(keys) < 0
                with (self.folder / "vectors.bin").open("ab") as rows, (self.folder / "keys.bin").open("ab") as index:
                    index.truncate(len(self._places) * KEY_BYTES)
                    rows.truncate(len(self._places) * self.dim * 4)
                    _write(rows, np.ascontiguousarray(vectors[new], dtype=np.float32).tobytes())
                    _write(index, keys[new].astype(">u8").tobytes())
                self.refresh()
        except OSError as error:
            raise StorageError(f"the embedding store {self.folder} cannot be written: {error.strerror}") from error


def stores(cache: Path) -> Iterator[dict[str, Any]]:
    """What lies in the cache: fingerprint, model, dims, texts, bytes, time of last use."""
    for folder in sorted((cache / "vectors").glob("*")):
        meta_file = folder / "meta.json"
        if not meta_file.is_file():
            continue
        meta = _told(meta_file)
        size = sum(file.stat().st_size for file in folder.iterdir())
        keys = folder / "keys.bin"
        texts = keys.stat().st_size // KEY_BYTES if keys.exists() else 0
        used = meta_file.stat().st_mtime
        yield {"fingerprint": folder.name, "model": meta.get("name"), "dim": meta.get("dim"), "texts": texts, "bytes": size, "used": used}


def prune(cache: Path, *, older_than_days: float = 0.0, fingerprint: str | None = None) -> list[dict[str, Any]]:
    """Remove stores not used for so long, or one by the start of its fingerprint; returns what was removed.

    A process that is writing to one of them stops with an error.
    """
    removed = []
    for store in list(stores(cache)):
        chosen = store["fingerprint"].startswith(fingerprint) if fingerprint else time.time() - store["used"] >= older_than_days * 86400
        folder = cache / "vectors" / store["fingerprint"]
        if chosen:
            with _locked(folder / "lock"):
                shutil.rmtree(folder)
            removed.append(store)
    return removed


def _told(path: Path) -> dict[str, Any]:
    """What meta.json says; nothing where it is damaged."""
    with suppress(ValueError):
        meta = json.loads(path.read_text(encoding="utf-8"))
        return meta if isinstance(meta, dict) else {}
    return {}


def _write(handle: Any, data: bytes) -> None:
    handle.write(data)
    handle.flush()
    os.fsync(handle.fileno())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
