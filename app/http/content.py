"""A file on its way out: strong ETag, HEAD, one Range (RFC 9110), If-Range, 304, 416. A download that broke goes on where it broke.

Our own and not Starlette's FileResponse: that one names a file by its time and size, never answers 304, and speaks plain text when a
range is wrong. Several ranges at once are answered with the whole, as the RFC allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import BadRange

PIECE = 2**18
RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


class Content(Response):
    """The bytes of `path`, which never change: `etag` is made of them."""

    def __init__(self, path: Path, size: int, etag: str, name: str, media: str, asked: Mapping[str, str]) -> None:
        super().__init__(headers={"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-cache"}, media_type=media)
        self._path, self.start, self.stop = path, 0, size
        self.headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name, safe='')}"
        if _known(asked.get("if-none-match", ""), etag):
            self.status_code, self.stop = 304, 0
            del self.headers["content-length"]
            return
        span = _span(asked.get("range", ""), size) if asked.get("if-range", etag) == etag else None
        if span:
            self.status_code, (self.start, self.stop) = 206, span
            self.headers["Content-Range"] = f"bytes {self.start}-{self.stop - 1}/{size}"
        self.headers["Content-Length"] = str(self.stop - self.start)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI signature
        if scope["method"] == "HEAD" or self.stop == self.start:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        async with await anyio.open_file(self._path, "rb") as file:  # before the first byte is sent: it may be gone
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await file.seek(self.start)
            left = self.stop - self.start
            while left:
                piece = await file.read(min(PIECE, left))
                if not piece:
                    raise OSError("a file of the data folder is shorter than it was")
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


def _known(given: str, etag: str) -> bool:
    return given.strip() == "*" or etag in [item.strip().removeprefix("W/") for item in given.split(",")]


def _span(given: str, size: int) -> tuple[int, int] | None:
    """(start, stop) of one range; None: the whole. A range that makes no sense is ignored, one that lies beyond is an error."""
    found = RANGE.fullmatch(given)
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
        beyond = int(last) == 0 or size == 0
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        beyond = start >= size
    if beyond:
        raise BadRange(size)
    return start, stop


def headers_of(headers: Headers) -> dict[str, str]:
    """The first value of each header that matters here."""
    return {name: headers[name] for name in ("range", "if-range", "if-none-match") if name in headers}
