"""Calls that come at the same time are made as one, and each gets its own answer or its error."""

import threading

import pytest

from app.engine.batcher import Batcher


def test_those_who_come_while_one_is_served_are_served_together():
    batches, entered, go = [], threading.Event(), threading.Event()

    def call(asks):
        batches.append(len(asks))
        entered.set()
        assert go.wait(10)
        return [ask * 2 for ask in asks]

    together, answers = Batcher(call), {}
    threads = [threading.Thread(target=lambda i=i: answers.update({i: together(i)})) for i in range(8)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < 7:
        pass
    go.set()
    for thread in threads:
        thread.join()
    assert batches == [1, 7]
    assert answers == {i: i * 2 for i in range(8)}


def test_an_error_is_everybodys_and_the_next_call_is_new():
    together = Batcher(lambda asks: [1 // ask for ask in asks])
    with pytest.raises(ZeroDivisionError):
        together(0)
    assert together(1) == 1
