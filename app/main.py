"""create_app: the only wiring. Must not import faiss or torch; the engine does, when it is opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.auth.keys import REFRESH_SECONDS
from app.errors import STATUS
from app.guard import Guard
from app.openapi.document import complete
from app.pages.faults import handle
from app.routes import corpora, files, jobs, keys, mine, models, pages, probes, reviews
from app.services import Desk
from app.settings import Settings
from miner.errors import StorageError

log = logging.getLogger(__name__)


class Service(FastAPI):
    """FastAPI, whose document also knows what it cannot see: bodies that are decoded in app.http.body, the key, refusals."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings, on_failure: Callable[[BaseException], None] | None = None) -> FastAPI:
    """The service. StorageError when the data folder cannot be used.

    on_failure is called when the model or the corpus cannot be opened; until they are, it answers 503.
    """
    at = Desk(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        at.open(on_failure or (lambda error: log.error("cannot be opened: %s", error)))
        refreshing = asyncio.create_task(_refreshed(at))
        yield
        refreshing.cancel()
        await asyncio.to_thread(at.close)

    # FastAPI's page of docs would load its scripts from elsewhere; ours is in routes/pages.py, behind the key like the document itself.
    app = Service(title="hardneg", version=version("hardneg"), lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.settings, app.state.desk = settings, at
    app.add_middleware(Guard, at=at)
    if settings.trusted_proxies:  # before the guard: it is told the client's address by them alone
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    for part in (probes, mine, files, corpora, jobs, reviews, models, keys, pages):
        app.include_router(part.router)
    for kind in (*STATUS, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)
    return app


async def _refreshed(at: Desk) -> None:
    """Read the keys again and again; a database that is away for a while leaves the keys as they were, and the service not ready."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await asyncio.to_thread(at.keyring.refresh)
            at.away = None
        except StorageError as error:
            at.away = error
            log.warning("the keys could not be read again: %s", error)
