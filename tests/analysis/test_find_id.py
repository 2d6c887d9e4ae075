"""The row of an id, or of a text."""

import pytest

from miner.analysis.find_id import row_of
from miner.errors import InputError
from miner.read import read_files

QUERIES = {"a": "Who wrote Faust?", "b": "what is it", "c": "what is it?", "what": "b", "e": "twice", "f": "twice"}


@pytest.fixture(scope="module")
def queries():
    """As texts of a run."""
    return read_files({"p": "text"}, QUERIES, {name: {"p": 1} for name in QUERIES}).queries


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a", "a"),
        ("Who wrote Faust?", "a"),
        ("  who  wrote faust ", "a"),
        ("what is it?", "c"),  # exactly, beside one that is alike
        ("b", "b"),  # an id before a text
        ("WHAT IS IT", "2 queries have this text; give an id: b, c"),
        ("twice", "2 queries have this text; give an id: e, f"),
        (
            "WHO wrote",
            "there is no query 'WHO wrote' in this run; it is part of the text of a: Who wrote Faust.; give an id, or a whole text",
        ),
        ("whom", "there is no query 'whom' in this run; there are 6"),
        ("", "there is no query '' in this run"),
    ],
)
def test_a_query_goes_by_its_id_or_its_text(queries, name, found):
    """The exact text before one that is alike; of several, the ids."""
    if found in QUERIES:
        assert queries.ids([row_of(queries, name, "query")]) == [found]
    else:
        with pytest.raises(InputError, match=f"^{found}"):
            row_of(queries, name, "query")
