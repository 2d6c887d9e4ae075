"""Where requests are mined: so many at a time, so many waiting, the next refused; one thread of FAISS each."""

import asyncio
import threading

import faiss
import pytest

from app.engine.thread_pool import BoundedPool
from app.errors import Busy


def test_a_request_has_one_thread_of_faiss_and_nobody_else_is_concerned():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(2)
    workers = BoundedPool(1, 0)
    try:
        assert asyncio.run(workers.run(faiss.omp_get_max_threads)) == 1
        assert faiss.omp_get_max_threads() == 2
    finally:
        workers.close()
        faiss.omp_set_num_threads(before)


def test_beyond_those_who_may_wait_it_is_busy():
    async def crowd():
        workers, go = BoundedPool(1, 1), threading.Event()
        taken = [asyncio.create_task(workers.run(go.wait)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await workers.run(go.wait)
        go.set()
        assert await asyncio.gather(*taken) == [True, True]
        assert await workers.run(lambda: 3) == 3
        workers.close()

    asyncio.run(crowd())
