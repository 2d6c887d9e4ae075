"""create_app assembles the service. It must not import faiss or torch: the engine does, when it is opened."""

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
from app.pages.faults import handle_error
from app.routes import corpora, files, jobs, keys, mine, models, pages, probes, reviews
from app.services import Services
from app.settings import Settings
from miner.errors import StorageError

log = logging.getLogger(__name__)


class Service(FastAPI):
    """FastAPI with a complete OpenAPI document: with the bodies that app.http.body decodes, the key and the problem documents."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings, on_failure: Callable[[BaseException], None] | None = None) -> FastAPI:
    """The service as an ASGI app; it answers 503 until the model and the corpus are open. StorageError when the data folder is unusable.

    on_failure: called when the model or the corpus cannot be opened.
    """
    services = Services(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.open(on_failure or (lambda error: log.error("cannot be opened: %s", error)))
        refresh_task = asyncio.create_task(_refresh_keys(services))
        yield
        refresh_task.cancel()
        await asyncio.to_thread(services.close)

    # FastAPI's docs page would load scripts from a CDN; ours is in routes/pages.py, and needs the key like the document itself.
    app = Service(title="hardneg", version=version("hardneg"), lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.settings, app.state.services = settings, services
    app.add_middleware(Guard, services=services)
    if settings.trusted_proxies:  # runs before the guard, which then sees the client's address
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    for module in (probes, mine, files, corpora, jobs, reviews, models, keys, pages):
        app.include_router(module.router)
    for kind in (*STATUS, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle_error)
    return app


async def _refresh_keys(services: Services) -> None:
    """Read the keys every REFRESH_SECONDS. While the database cannot be read, the keys stay as they are and the service is not ready."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await asyncio.to_thread(services.keyring.refresh)
            services.database_error = None
        except StorageError as error:
            services.database_error = error
            log.warning("the keys could not be read again: %s", error)
