"""Results come in order, from several threads, and an error ends it."""

import threading
import time

import pytest

from miner.support.parallel import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_order(threads):
    """Whichever call is the slowest."""
    assert list(in_order(lambda i: time.sleep(0.002 * (7 - i % 7)) or i, range(30), threads)) == list(range(30))
    assert list(in_order(str, [], threads)) == []


def test_every_thread_begins_once_and_few_are_ahead():
    """The initialiser runs in each thread; nobody works far ahead of who asks."""
    begun, called = [], []
    results = in_order(lambda i: called.append(i) or i, range(100), 2, lambda: begun.append(threading.get_ident()))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert len(set(begun)) == len(begun) <= 2
    assert len(called) <= 3 + 2 * 2


def test_an_error_ends_it():
    """It reaches who asks, and what has not begun is not begun."""
    called = []

    def call(i):
        called.append(i)
        if i == 3:
            raise ValueError("three")
        return i

    results = in_order(call, range(1000), 2)
    with pytest.raises(ValueError, match="three"):
        list(results)
    assert len(called) < 20
