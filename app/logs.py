"""The log: one line for each thing that happens, as text or as JSON (HARDNEG_LOG=json). Never a text, an id or a key of a client."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import orjson

from app.settings import Settings

OURS = ("app", "miner", "uvicorn")
BELOW = ("asyncio", "uvicorn.error")
MINUTE = 60.0
MOST, MOST_BELOW = {"stranger": 600, "wrong key": 60}, 20
"""Lines in a minute, by kind."""


class Json(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, and what was told beside it (`extra={"told": {…}}`)."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        line = {"time": moment, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= getattr(record, "told", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class Sparing(logging.Filter):
    """What strangers can cause takes so many lines a minute, whatever they do; how many were left out is told with the next one.

    Lines of one kind (`extra={"sparing": kind}`), and those of the server below us, which know no kind.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._seen = clock, dict[str, tuple[float, int]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind = getattr(record, "sparing", record.name if record.name in BELOW and record.levelno >= logging.WARNING else None)
        if kind is None:
            return True
        begun, count = self._seen.get(kind, (0.0, 0))
        if count and self._clock() - begun < MINUTE:
            self._seen[kind] = begun, count + 1
            return count < MOST.get(kind, MOST_BELOW)
        self._seen[kind] = self._clock(), 1
        if left := count - MOST.get(kind, MOST_BELOW):
            record.msg = f"{record.msg} ({left:,} such lines were left out)" if left > 0 else record.msg
        return True


def begin_logs(settings: Settings) -> None:
    """Our own lines and the server's; of everybody else only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Sparing())
    handler.setFormatter(Json() if settings.log == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
