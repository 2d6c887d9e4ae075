"""Run the service: `hardneg serve`. Settings come from the environment, flags win; errors are the library's, for the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import uvicorn

from app.logs import begin_logs
from app.main import create_app
from app.settings import Settings, from_environ
from miner.encode import check_encoder
from miner.read.files import must_exist

GRACE_SECONDS = 10
SWITCH_SECONDS = 0.001
"""How long a thread that mines may keep the others waiting, above all the one that answers; Python's own default is five times that."""


def serve(given: Mapping[str, Any]) -> None:
    """Serve until told to stop. ConfigError, ModelError … when it cannot: at once for what is not there, later for what cannot be used."""
    settings = Settings.of(**{**from_environ(os.environ), **given})
    settings.check_exposure(_keys(settings) if settings.exposed else 0)
    check_encoder(settings.serving)
    if settings.corpus and not settings.corpus.startswith("hf:"):
        must_exist(settings.corpus, "corpus")
    begin_logs(settings)
    failures: list[BaseException] = []

    def stop(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, stop)
    server = Server(_config(app, settings), app)
    server.run()
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


def _keys(settings: Settings) -> int:
    """How many keys the data folder knows that still open."""
    from app.keys import ls
    from app.state import open_state

    state = open_state(settings.data_dir, settings.database.get_secret_value() if settings.database else None)
    try:
        return sum(key["revoked_at"] is None for key in ls(state))
    finally:
        state.close()


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # ours, in app.guard, tells no path and no query string as they were sent
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
