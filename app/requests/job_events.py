"""Waiting for a job: a long poll, or its events as Server-Sent Events. Both read the database, so any process may run the job, and events
keep their numbers over a restart of the server.
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
from app.services import Services
from app.storage.job_rows import Event, Job

POLL_SECONDS = 0.3
PING_SECONDS = 15.0


async def wait_for_job(services: Services, job_id: str, seconds: float, last_seen: int) -> Job:
    """The job, as soon as it has an event after number `last_seen` or has ended, at the latest after so many seconds."""
    job = await run_sync(services.queue.get, job_id)
    deadline = time.monotonic() + seconds
    with watching(services):
        while not job.final and job.last_event <= last_seen and time.monotonic() < deadline and not services.draining:
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            job = await run_sync(services.queue.get, job_id)
    return job


async def finished(services: Services, job_id: str, seconds: float) -> Job:
    """The job, as soon as it has ended, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    job = await run_sync(services.queue.get, job_id)
    while not job.final and time.monotonic() < deadline:
        job = await wait_for_job(services, job_id, deadline - time.monotonic(), job.last_event)
        if services.draining:
            break
    return job


async def event_stream(services: Services, job_id: str, last_seen: int) -> StreamingResponse:
    """Stream the events after number `last_seen`, then new ones until the job has ended. NotFound before the stream starts."""
    await run_sync(services.queue.get, job_id)
    watch = watching(services)
    watch.__enter__()  # raises Busy now; released when the stream ends
    return StreamingResponse(
        _events(services, job_id, last_seen, watch), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@contextmanager
def watching(services: Services) -> Iterator[None]:
    """Count one more watcher for the duration of the block. Busy when there are max_watchers."""
    if services.watchers >= services.settings.max_watchers:
        raise Busy(f"{services.watchers} requests are waiting for jobs, which is the limit")
    services.watchers += 1
    try:
        yield
    finally:
        services.watchers -= 1


async def _events(services: Services, job_id: str, last_seen: int, watch: Any) -> AsyncIterator[bytes]:
    last_sent = time.monotonic()
    try:
        yield b"retry: 1000\n\n"
        while True:
            events = await run_sync(services.queue.events, job_id, last_seen)
            for event in events:
                last_seen, last_sent = event.number, time.monotonic()
                yield _line(event)
            if not events and (await run_sync(services.queue.get, job_id)).final:
                return
            if services.draining:
                yield b": the server is stopping; come back with Last-Event-ID\n\n"
                return
            if time.monotonic() - last_sent > PING_SECONDS:
                last_sent = time.monotonic()
                yield b": still here\n\n"
            await asyncio.sleep(0 if events else POLL_SECONDS)
    finally:
        watch.__exit__(None, None, None)


def _line(event: Event) -> bytes:
    data = orjson.dumps({**event.data, "at": event.at})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), data)
