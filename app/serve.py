"""Run the service: `hardneg serve`. Settings come from the environment, flags override them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import uvicorn

from app.http.connections import Connection
from app.http.listener import MAX_ACCEPTS, connections_for, listeners, raise_descriptors
from app.logs import configure_logging
from app.main import create_app
from app.settings import Settings, from_environ
from app.state.modes import close_to_others
from miner.encode import check_encoder
from miner.io.input_files import existing_path

log = logging.getLogger(__name__)

GRACE_SECONDS = 10
SWITCH_SECONDS = 0.001
"""Thread switch interval of the interpreter, a fifth of the default: mining threads then delay the event loop less."""


def serve(flags: Mapping[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT. ConfigError, ModelError …: missing inputs are reported before listening, unusable ones after."""
    settings = Settings.of(**{**from_environ(os.environ), **flags})
    close_to_others(settings.shared_data)
    settings.check_exposure(_count_keys(settings) if settings.requires_key else 0)
    check_encoder(settings.loading, settings.allow_code)
    if settings.corpus and not settings.corpus.startswith("hf:"):
        existing_path(settings.corpus, "corpus")
    configure_logging(settings)
    settings = _with_descriptors(settings)
    failures: list[BaseException] = []

    def stop(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    sys.setswitchinterval(SWITCH_SECONDS)
    sockets = listeners(settings.host, settings.port)
    app = create_app(settings, stop)
    server = Server(_config(app, settings), app)
    log.info("listening on %s", ", ".join(f"http://{_address(listener.getsockname())}" for listener in sockets))
    server.run(list(sockets))
    if failures:
        raise failures[0]


class Server(uvicorn.Server):
    """Uvicorn that marks the service as draining before it stops: /readyz then answers 503, and event streams end."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGTERM or SIGINT."""
        self._app.state.services.draining = True
        super().handle_exit(sig, frame)


def _with_descriptors(settings: Settings) -> Settings:
    """The settings with max_connections lowered to what the limit of open files allows. The limit is raised first."""
    max_connections = connections_for(descriptors := raise_descriptors(), settings.max_connections)
    if max_connections < settings.max_connections:
        log.warning("at most %d connections: only %d files may be open (ulimit -n)", max_connections, descriptors)
    return settings.model_copy(update={"max_connections": max_connections})


def _address(name: tuple[Any, ...]) -> str:
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _count_keys(settings: Settings) -> int:
    """Number of keys in the data folder that are not revoked."""
    from app.auth.keys import ls
    from app.state import open_state

    state = open_state(settings.data_dir, settings.database.get_secret_value() if settings.database else None, settings.shared_data)
    try:
        return sum(key["revoked_at"] is None for key in ls(state))
    finally:
        state.close()


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        loop="asyncio",  # it accepts connections from our socket class
        backlog=max(1, min(MAX_ACCEPTS, settings.max_connections // 8)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # app.guard logs requests, without paths and query strings
        server_header=False,
        proxy_headers=False,  # app.main adds the middleware, for HARDNEG_TRUSTED_PROXIES only
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
