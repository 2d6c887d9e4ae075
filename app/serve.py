"""Run the service: `hardneg serve`. Settings come from the environment, flags win; errors are the library's, for the command line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import uvicorn

from app.http.connections import Connection
from app.http.listener import AT_ONCE, connections_for, listeners, raise_descriptors
from app.logs import begin_logs
from app.main import create_app
from app.settings import Settings, from_environ
from app.state.modes import close_to_others
from miner.encode import check_encoder
from miner.io.input_files import existing_path

log = logging.getLogger(__name__)

GRACE_SECONDS = 10
SWITCH_SECONDS = 0.001
"""How long a thread that mines may keep the others waiting, above all the one that answers; Python's own default is five times that."""


def serve(given: Mapping[str, Any]) -> None:
    """Serve until told to stop. ConfigError, ModelError … when it cannot: at once for what is not there, later for what cannot be used."""
    settings = Settings.of(**{**from_environ(os.environ), **given})
    close_to_others(settings.shared_data)
    settings.check_exposure(_keys(settings) if settings.exposed else 0)
    check_encoder(settings.loading)
    if settings.corpus and not settings.corpus.startswith("hf:"):
        existing_path(settings.corpus, "corpus")
    begin_logs(settings)
    settings = _with_descriptors(settings)
    failures: list[BaseException] = []

    def stop(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    sys.setswitchinterval(SWITCH_SECONDS)
    sockets = listeners(settings.host, settings.port)
    app = create_app(settings, stop)
    server = Server(_config(app, settings), app)
    log.info("listening on %s", ", ".join(f"http://{_address(one.getsockname())}" for one in sockets))
    server.run(list(sockets))
    if failures:
        raise failures[0]


class Server(uvicorn.Server):
    """Uvicorn, which tells the service first that it is to stop: /readyz says so, and streams say goodbye."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT has come."""
        self._app.state.desk.draining = True
        super().handle_exit(sig, frame)


def _with_descriptors(settings: Settings) -> Settings:
    """As many files may be open as the system allows; where that is few, there are fewer connections."""
    most = connections_for(descriptors := raise_descriptors(), settings.max_connections)
    if most < settings.max_connections:
        log.warning("at most %d connections: only %d files may be open (ulimit -n)", most, descriptors)
    return settings.model_copy(update={"max_connections": most})


def _address(name: tuple[Any, ...]) -> str:
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _keys(settings: Settings) -> int:
    """How many keys the data folder knows that still open."""
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
        loop="asyncio",  # which takes connections from our own kind of socket
        backlog=max(1, min(AT_ONCE, settings.max_connections // 8)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # ours, in app.guard, tells no path and no query string as they were sent
        server_header=False,
        proxy_headers=False,  # ours, in app.main: they are heeded only from HARDNEG_TRUSTED_PROXIES
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
