"""create_app: the only wiring. Must not import faiss or torch; the engine does, when it is opened."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.desk import Desk
from app.errors import STATUS, handle
from app.guard import Guard
from app.routes import mine, probes
from app.schemas import request_schemas
from app.settings import Settings

log = logging.getLogger(__name__)


class Service(FastAPI):
    """FastAPI, whose document also knows the bodies that are decoded in app.body."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        document["components"]["schemas"].update(request_schemas())
        return document


def create_app(settings: Settings, on_failure: Callable[[BaseException], None] | None = None) -> FastAPI:
    """The service. on_failure is called when the model or the corpus cannot be opened; until then it answers 503."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = Desk(settings, on_failure or (lambda error: log.error("cannot be opened: %s", error)))
        yield
        app.state.desk.close()

    # No page of docs: it would load its scripts from elsewhere. The document itself is behind the key like everything.
    app = Service(title="hardneg", version=version("hardneg"), lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.settings = settings
    app.add_middleware(Guard, settings=settings)
    for router in (probes.router, mine.router):
        app.include_router(router)
    for kind in (*STATUS, HTTPException):
        app.add_exception_handler(kind, handle)
    return app
