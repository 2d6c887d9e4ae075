"""JSON whose lists and objects lie too deep is refused by every reader, before a parser takes memory for it."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.cli.config_file import read_config
from miner.errors import ConfigError, InputError
from miner.formats.row_readers import read_rows
from miner.read.file_rows import open_rows
from miner.read.rejects import Rejects
from miner.support.json_depth import MAX_DEPTH, Depth, ShallowJson, TooDeepError, depth_fault

TEXT = st.text(alphabet='\\"[]{}a\n', max_size=6)
VALUE = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8)


def depth(value):
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(value=VALUE, size=st.integers(1, 5))
def test_the_depth_is_that_of_the_value_however_the_blocks_are_cut(value, size):
    """Brackets in strings do not count, nor do quotes behind a backslash end a string."""
    text, counter = json.dumps(value).encode(), Depth()
    assert max(counter.after(text[start : start + size]) for start in range(0, len(text), size)) == depth(value)


@pytest.mark.parametrize(("levels", "is_fault"), [(MAX_DEPTH, False), (MAX_DEPTH + 1, True)])
def test_the_limit(levels, is_fault):
    """As many levels as the limit are read, one more is refused, of a text and of a stream."""
    text = b"[" * levels + b"]" * levels
    assert bool(depth_fault(text)) is is_fault
    if is_fault:
        with pytest.raises(TooDeepError):
            ShallowJson(io.BytesIO(text)).read()
    else:
        assert ShallowJson(io.BytesIO(text)).read() == text


OPEN = b"[" * 400_000
DEEP = b"[" * 300 + b"]" * 300
FILES = {
    "open.json": OPEN,
    "rows.json": b'[{"a":' + DEEP + b"}]",
    "one.jsonl": b'{"a":' + DEEP + b"}\n",
    "deeper.jsonl": b'{"a":' + OPEN + b"}\n",
    "object.json": b'{"a": 1, "b":' + OPEN,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("reader", ["rows of a dataset", "rows of a training file"])
def test_every_reader_of_files_has_the_limit(tmp_path, name, reader):
    """One sentence with the file."""
    path = tmp_path / name
    path.write_bytes(FILES[name])
    with pytest.raises(InputError, match=f"{name}.*more than {MAX_DEPTH} deep"):
        list(read_rows(path) if "training" in reader else open_rows(str(path), Rejects(tmp_path, "raise"), {}).numbered)


@pytest.mark.parametrize("name", ["c.json", "c.yaml", "c.toml"])
def test_a_config_file_too(tmp_path, name):
    """Its parsers end at Python's recursion limit."""
    (tmp_path / name).write_bytes((b"a=" if name == "c.toml" else b"") + b"[" * 5000)
    with pytest.raises(ConfigError, match="deep in one another"):
        read_config(tmp_path / name)
