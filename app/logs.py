"""The log: one line for each thing that happens, as text or as JSON (HARDNEG_LOG=json). Never a text, an id or a key of a client."""

from __future__ import annotations

import logging
import sys
import time

import orjson

from app.settings import Settings

OURS = ("app", "miner", "uvicorn")


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


def begin_logs(settings: Settings) -> None:
    """Our own lines and the server's; of everybody else only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if settings.log == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
