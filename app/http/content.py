"""Downloads: strong ETag, HEAD, one Range (RFC 9110), If-Range, 304, 416. A client can resume a download that broke off.

It replaces Starlette's FileResponse, whose ETag is made of time and size, which never answers 304, and which answers a wrong range in plain
text. Several ranges at once are answered with the whole content, as the RFC allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import BadRange
from miner.io.plain_files import open_bytes

CHUNK_BYTES = 2**18
RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


class Content(Response):
    """The immutable content of `path`; `etag` is its hash."""

    def __init__(self, path: Path, size: int, etag: str, name: str, media: str, headers: Mapping[str, str]) -> None:
        super().__init__(headers={"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-cache"}, media_type=media)
        self._path, self.start, self.stop = path, 0, size
        self.headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name, safe='')}"
        if _etag_matches(headers.get("if-none-match", ""), etag):
            self.status_code, self.stop = 304, 0
            del self.headers["content-length"]
            return
        byte_range = _byte_range(headers.get("range", ""), size) if headers.get("if-range", etag) == etag else None
        if byte_range:
            self.status_code, (self.start, self.stop) = 206, byte_range
            self.headers["Content-Range"] = f"bytes {self.start}-{self.stop - 1}/{size}"
        self.headers["Content-Length"] = str(self.stop - self.start)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI signature
        if scope["method"] == "HEAD" or self.stop == self.start:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        async with anyio.wrap_file(
            await anyio.to_thread.run_sync(open_bytes, self._path)
        ) as file:  # before the status is sent: the file may have been deleted
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await file.seek(self.start)
            remaining = self.stop - self.start
            while remaining:
                chunk = await file.read(min(CHUNK_BYTES, remaining))
                if not chunk:
                    raise OSError("a file of the data folder is shorter than it was")
                remaining -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": remaining > 0})


def _etag_matches(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in [item.strip().removeprefix("W/") for item in header.split(",")]


def _byte_range(header: str, size: int) -> tuple[int, int] | None:
    """(start, stop) of a Range header; None: the whole content. A malformed range is ignored, one beyond the end raises BadRange."""
    match = RANGE.fullmatch(header)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
        is_beyond = int(last) == 0 or size == 0
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        is_beyond = start >= size
    if is_beyond:
        raise BadRange(size)
    return start, stop


def headers_of(headers: Headers) -> dict[str, str]:
    """The headers that Content reads, each with its first value."""
    return {name: headers[name] for name in ("range", "if-range", "if-none-match") if name in headers}
