"""Style sheet and scripts, read once: an ETag of the content, compressed once. Names are looked up in a table, no path is made of them."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound

JS, CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
SWAGGER = "app.pages.vendor.swagger_ui"
ASSETS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "page.css": (CSS, (("miner.page", "style.css"), ("app.pages.static", "page.css"))),
    "mark.svg": ("image/svg+xml", (("app.pages.static", "mark.svg"),)),
    "page.js": (JS, (("app.pages.static", "page.js"),)),
    "review.js": (JS, (("app.pages.static", "review.js"),)),
    "docs.js": (JS, (("app.pages.static", "docs.js"),)),
    "docs.css": (CSS, ((SWAGGER, "swagger-ui.css"), ("app.pages.static", "docs.css"))),
    "swagger-ui-bundle.js": (JS, ((SWAGGER, "swagger-ui-bundle.js"),)),
}
"""By name: media type, and the files that it is made of."""


class Asset(NamedTuple):
    """A content, plain and packed."""

    media: str
    plain: bytes
    gzip: bytes
    etag: str


@cache
def asset(name: str) -> Asset:
    """By its name. NotFound when there is none."""
    if name not in ASSETS:
        raise NotFound("there is no such file")
    media, parts = ASSETS[name]
    plain = b"\n".join(files(package).joinpath(file).read_bytes() for package, file in parts)
    return Asset(media, plain, gzip.compress(plain, 9, mtime=0), sha256(plain).hexdigest()[:32])


def sent(request: Request, name: str) -> Response:
    """An asset; 304 when the browser has it."""
    found = asset(name)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{found.etag}{"-gz" if packed else ""}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match", "") == etag:
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.gzip if packed else found.plain, 200, headers, found.media)
