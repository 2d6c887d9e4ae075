"""The table of deliberate defects fits the tree, and a sample of them is caught. `make long` tries all."""

import subprocess
import sys
from pathlib import Path

import pytest
from defects import DEFECTS, ROOT

SAMPLE = (
    "> becomes >=",
    "cap one too high",
    "knobs of the default stay in a typed filter",
    "the first of two Authorization headers",
    "an address of IPv6 is a client",
)
"""Of the core and of the service, each with tests that take a second or two."""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_each_is_one_place_of_the_tree_and_names_tests(defect):
    """`old` occurs exactly once, else the table has to follow the code; so do the tests."""
    assert (ROOT / defect.file).read_text(encoding="utf-8").count(defect.old) == 1
    assert defect.old != defect.new
    for name in defect.tests:
        path, _, test = name.partition("::")
        assert (ROOT / "tests" / path).exists()
        assert not test or f"def {test}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")


def test_each_has_its_own_name():
    """The name is what a report shows."""
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 45


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sample_is_caught():
    """By the tests that the table names, which pass without a defect."""
    numbers = [str(number) for number, defect in enumerate(DEFECTS, 1) if defect.name in SAMPLE]
    assert len(numbers) == len(SAMPLE)
    done = subprocess.run([sys.executable, Path(__file__).with_name("defects.py"), *numbers], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
