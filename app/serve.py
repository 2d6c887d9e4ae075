"""Run the service: `hardneg serve`. Settings come from the environment, flags win; errors are the library's, for the command line."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import uvicorn

from app.main import create_app
from app.settings import Settings, from_environ

GRACE_SECONDS = 10


def serve(given: Mapping[str, Any]) -> None:
    """Serve until told to stop. ConfigError, ModelError … when it cannot: at once, or when model or corpus turn out to be unusable."""
    settings = Settings.of(**{**from_environ(os.environ), **given})
    settings.check_exposure(_keys(settings) if settings.exposed else 0)
    settings.serving  # noqa: B018 - raises when no model is named
    _log()
    failures: list[BaseException] = []

    def stop(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    server = uvicorn.Server(_config(create_app(settings, stop), settings))
    server.run()
    if failures:
        raise failures[0]


def _keys(settings: Settings) -> int:
    """How many keys the data folder knows that still open."""
    from app.keys import ls
    from app.state import open_state

    state = open_state(settings.data_dir, settings.database.get_secret_value() if settings.database else None)
    try:
        return sum(key["revoked_at"] is None for key in ls(state))
    finally:
        state.close()


def _log() -> None:
    """Our own lines and the server's; of everybody else only warnings."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("app", "miner", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)


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
