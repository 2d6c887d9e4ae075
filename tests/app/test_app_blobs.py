"""Contents by their SHA-256: nothing else is a path."""

import pytest

from app.state.blobs import Blobs
from miner.errors import StorageError

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", ["", "..", "../" + HASH, HASH[:-1], HASH + "0", HASH.upper(), HASH + "\n", f"{HASH[:32]}/{HASH[33:]}"])
def test_only_a_hash_is_a_path(tmp_path, name):
    """Asked for, removed or stored: nothing outside is read or written."""
    blobs = Blobs(tmp_path / "blobs", tmp_path)
    assert blobs.path(HASH) == tmp_path / "blobs" / "01" / HASH
    for call in (
        blobs.path,
        blobs.remove,
        lambda sha256: blobs.move_file(tmp_path, sha256),
        lambda sha256: blobs.link_file(tmp_path, sha256),
    ):
        with pytest.raises(StorageError, match="this is no SHA-256"):
            call(name)
    assert list(tmp_path.iterdir()) == []
