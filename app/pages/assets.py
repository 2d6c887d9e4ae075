"""Style sheets and scripts, read and compressed once, with an ETag of the content. Names are looked up in a table, never used as paths."""

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
"""By name: the media type, and the files (package, name) that are concatenated."""


class Asset(NamedTuple):
    """The content of an asset, plain and gzipped."""

    media: str
    plain: bytes
    gzip: bytes
    etag: str


@cache
def asset(name: str) -> Asset:
    """The asset of this name. NotFound when there is none."""
    if name not in ASSETS:
        raise NotFound("there is no such file")
    media, parts = ASSETS[name]
    plain = b"\n".join(files(package).joinpath(file).read_bytes() for package, file in parts)
    return Asset(media, plain, gzip.compress(plain, 9, mtime=0), sha256(plain).hexdigest()[:32])


def asset_response(request: Request, name: str) -> Response:
    """The answer with an asset; 304 when the browser has it already."""
    content = asset(name)
    use_gzip = "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{content.etag}{"-gz" if use_gzip else ""}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match", "") == etag:
        return Response(status_code=304, headers=headers)
    if use_gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(content.gzip if use_gzip else content.plain, 200, headers, content.media)
