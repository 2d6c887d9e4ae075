"""Changes of a folder's tree."""

import pytest

from miner.io.folder_tree import remove_empty


def test_a_folder_is_removed_only_if_it_is_empty(tmp_path):
    """What is in it stays; a missing one is an error."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    assert not remove_empty(folder)
    (folder / "file").unlink()
    assert remove_empty(folder)
    assert not folder.exists()
    with pytest.raises(FileNotFoundError):
        remove_empty(folder)
