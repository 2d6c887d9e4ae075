"""A key that an object has twice is found wherever it stands, and nothing else is taken for one."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.support.json_depth import MAX_DEPTH
from miner.support.json_keys import key_fault

TEXT = st.text(alphabet='ab":\\ \t{},', max_size=6)


class Pairs(list):
    """An object whose keys may repeat."""


def pairs(inner):
    return st.lists(st.tuples(TEXT, inner), max_size=4).map(Pairs)


VALUE = st.recursive(st.none() | st.integers(0, 9) | TEXT, lambda inner: st.lists(inner, max_size=3) | pairs(inner), max_leaves=8)


def written(value, colon):
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}{colon}{written(inner, colon)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(inner, colon) for inner in value) + "]"
    return json.dumps(value)


def repeats(value):
    inner = [each for _, each in value] if isinstance(value, Pairs) else value if isinstance(value, list) else []
    return (isinstance(value, Pairs) and len({key for key, _ in value}) < len(value)) or any(map(repeats, inner))


@given(value=pairs(VALUE), colon=st.sampled_from([":", ": ", " : ", "\t:", "  :", "\r:", "\n:"]))
def test_exactly_objects_with_a_key_twice_are_found(value, colon):
    """In lists, in objects, whatever the texts hold and however the colons stand."""
    text = written(value, colon).encode()
    assert (key_fault(text, orjson.loads(text)) is not None) == repeats(value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"a": 1, "a": 1}', "the key 'a' is there twice"),
        (b'{"a": 1, "\\u0061": 2}', "the key 'a' is there twice"),
        (b'{"b": [{"a": 1, "a": 2}]}', "the key 'a' is there twice"),
        (b'{"b": {"a": 1}, "c": {"a": 2}}', None),
        (b'{"a": "x \\": y: \\":"}', None),
        (b'{"' + b"k" * 99 + b'": 1, "' + b"k" * 99 + b'": 1}', "the key '" + "k" * 60 + "' is there twice"),
        (b'{"x": "\\":", "a":' + b"[" * 1000 + b"]" * 1000 + b"}", f"more than {MAX_DEPTH} deep"),
    ],
)
def test_what_is_said(text, fault):
    """The key, cut where it is long."""
    told = key_fault(text, orjson.loads(text))
    assert told == fault or (fault and fault in told)
