"""A list that stands as text in a cell: strings or numbers, in JSON or as Python writes it, and nothing that is in doubt."""

import pytest

from miner.support.list_text import is_list_of_texts, list_in_text


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("['a', 'b']", ["a", "b"]),
        (' ["a, b", "it\'s"] ', ["a, b", "it's"]),
        ("['it\\'s', \"b\"]", ["it's", "b"]),
        ("[0.5, 1]", [0.5, 1]),
        ("['a' 'b']", None),
        ("['a'\n 'b']", None),
        ("['a', 1]", None),
        ("[['a']]", None),
        ("[]", None),
        ("[a, b]", None),
        ("[1] see below", None),
        ("a", None),
        ("['a', open('x')]", None),
        ("[" * 5000 + "]" * 5000, None),
    ],
)
def test_a_list_in_a_text(text, items):
    assert list_in_text(text) == items
    assert is_list_of_texts(text) == (items is not None and isinstance(items[0], str))
