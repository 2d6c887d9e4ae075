"""The list of slow tests fits the suite."""

from slow_tests import LIST, slow_tests

LOG = """
12.50s call     tests/a/test_b.py::test_c[x y]
0.10s setup    tests/a/test_b.py::test_d
0.30s setup    tests/a/test_b.py::test_e
3 passed in 13.00s
"""


def test_each_is_a_test():
    """A test that was renamed leaves a line that marks nothing."""
    for line in LIST.read_text(encoding="utf-8").split():
        path, _, name = line.partition("::")
        assert f"def {name}(" in (LIST.parent / path).read_text(encoding="utf-8"), line


def test_those_that_took_long_are_named_without_their_parameters():
    """The test, not a fixture of it."""
    assert slow_tests(LOG, 0.25) == ["a/test_b.py::test_c"]
