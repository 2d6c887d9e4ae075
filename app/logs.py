"""The log: one line per event, as text or as JSON (HARDNEG_LOG=json). It never holds a text, an id or a key of a client."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import orjson

from app.settings import Settings

OWN_LOGGERS = ("app", "miner", "uvicorn")
SERVER_LOGGERS = ("asyncio", "uvicorn.error")
MINUTE_SECONDS = 60.0
MAX_LINES, MAX_SERVER_LINES = {"unauthenticated": 600, "wrong key": 60}, 20
"""Lines per minute: of each kind, and of the HTTP server."""


class Json(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, and the fields of `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        line = {"time": timestamp, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class RateLimit(logging.Filter):
    """Limits the lines per minute that clients without a key can cause. The first line after a gap says how many were left out.

    It applies to records with a kind (`extra={"rate_limit": kind}`), and to warnings of the HTTP server.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._windows = clock, dict[str, tuple[float, int]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind = getattr(record, "rate_limit", record.name if record.name in SERVER_LOGGERS and record.levelno >= logging.WARNING else None)
        if kind is None:
            return True
        start, count = self._windows.get(kind, (0.0, 0))
        if count and self._clock() - start < MINUTE_SECONDS:
            self._windows[kind] = start, count + 1
            return count < MAX_LINES.get(kind, MAX_SERVER_LINES)
        self._windows[kind] = self._clock(), 1
        if (skipped := count - MAX_LINES.get(kind, MAX_SERVER_LINES)) > 0:
            record.msg = f"{record.msg} ({skipped:,} such lines were left out)"
        return True


def configure_logging(settings: Settings) -> None:
    """Log our own loggers and the HTTP server's from INFO on, all others from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RateLimit())
    handler.setFormatter(Json() if settings.log == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
