"""One is not several."""

import pytest

from miner.cli.numbers import count_noun


@pytest.mark.parametrize(
    ("count", "noun", "text"), [(0, "run", "0 runs"), (1, "run", "1 run"), (2, "query", "2 queries"), (1000, "row", "1,000 rows")]
)
def test_a_number_and_its_noun(count, noun, text):
    """With the thousands apart."""
    assert count_noun(count, noun) == text
