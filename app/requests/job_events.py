"""Waiting for a job: a long poll, or its events as Server-Sent Events. Both look at the database, so it does not matter which process
works on the job, and an event that was seen keeps its number when the server is started again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.responses import StreamingResponse

from app.errors import Busy
from app.services import Desk
from app.storage.job_rows import Event, Job

LOOK_SECONDS = 0.3
PING_SECONDS = 15.0


async def job_when(at: Desk, job_id: str, seconds: float, seen: int) -> Job:
    """The job: at once when something has happened since event `seen`, else when something has, or after so many seconds."""
    job = await run_sync(at.queue.get, job_id)
    deadline = time.monotonic() + seconds
    with watching(at):
        while not job.final and job.last_event <= seen and time.monotonic() < deadline and not at.draining:
            await asyncio.sleep(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
            job = await run_sync(at.queue.get, job_id)
    return job


async def finished(at: Desk, job_id: str, seconds: float) -> Job:
    """The job when it has ended, or after so many seconds."""
    deadline = time.monotonic() + seconds
    job = await run_sync(at.queue.get, job_id)
    while not job.final and time.monotonic() < deadline:
        job = await job_when(at, job_id, deadline - time.monotonic(), job.last_event)
        if at.draining:
            break
    return job


async def event_stream(at: Desk, job_id: str, seen: int) -> StreamingResponse:
    """The events after number `seen`, then each as it happens; it ends behind the event that ends the job. NotFound before it begins."""
    await run_sync(at.queue.get, job_id)
    watch = watching(at)
    watch.__enter__()  # refused now, or held until the stream ends
    return StreamingResponse(_events(at, job_id, seen, watch), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@contextmanager
def watching(at: Desk) -> Iterator[None]:
    """One watcher more. Busy when there are as many as may."""
    if at.watchers >= at.settings.max_watchers:
        raise Busy(f"{at.watchers} requests are waiting for jobs, as many as may")
    at.watchers += 1
    try:
        yield
    finally:
        at.watchers -= 1


async def _events(at: Desk, job_id: str, seen: int, watch: Any) -> AsyncIterator[bytes]:
    quiet = time.monotonic()
    try:
        yield b"retry: 1000\n\n"
        while True:
            events = await run_sync(at.queue.events, job_id, seen)
            for event in events:
                seen, quiet = event.number, time.monotonic()
                yield _line(event)
            if not events and (await run_sync(at.queue.get, job_id)).final:
                return
            if at.draining:
                yield b": the server is stopping; come back with Last-Event-ID\n\n"
                return
            if time.monotonic() - quiet > PING_SECONDS:
                quiet = time.monotonic()
                yield b": still here\n\n"
            await asyncio.sleep(0 if events else LOOK_SECONDS)
    finally:
        watch.__exit__(None, None, None)


def _line(event: Event) -> bytes:
    data = orjson.dumps({**event.data, "at": event.at})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), data)
