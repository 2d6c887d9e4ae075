"""Calls that come at the same time are made as one, and each gets its own answer or its error."""

import threading

import pytest

from app.engine.batcher import Batcher


def answers_of(compute, count=8):
    """(sizes of the batches, answer or error of each request), where all but the first request come while it is served."""
    batches, answers, entered, go = [], {}, threading.Event(), threading.Event()

    def call(requests):
        batches.append(len(requests))
        entered.set()
        assert go.wait(10)
        return [compute(request) for request in requests]

    def ask(request):
        try:
            answers[request] = batcher(request)
        except ValueError as error:
            answers[request] = str(error)

    batcher, threads = Batcher(call), [threading.Thread(target=ask, args=(i,)) for i in range(count)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(batcher._waiting) < count - 1:
        pass
    go.set()
    for thread in threads:
        thread.join()
    return batches, answers


def test_those_who_come_while_one_is_served_are_served_together():
    assert answers_of(lambda request: request * 2) == ([1, 7], {i: i * 2 for i in range(8)})


def test_an_error_is_that_of_the_whole_batch_and_nothing_is_computed_again():
    """The request that was served alone has its answer."""

    def fail(request):
        if request == 5:
            raise ValueError("5 is wrong")
        return request

    assert answers_of(fail) == ([1, 7], {0: 0, **dict.fromkeys(range(1, 8), "5 is wrong")})


def test_the_call_after_an_error_is_a_new_one():
    batcher = Batcher(lambda requests: [1 // request for request in requests])
    with pytest.raises(ZeroDivisionError):
        batcher(0)
    assert batcher(1) == 1
