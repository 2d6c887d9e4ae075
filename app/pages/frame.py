"""The frame of every page: head, content security policy, navigation; compressed where the browser accepts gzip."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from miner.page.html import Html, tag

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
NAVIGATION = (("/", "Runs"), ("/docs", "API"))


def page(
    request: Request, title: str, body: Sequence[Html | None], *, status: int = 200, scripts: Sequence[str] = (), styles: Sequence[str] = ()
) -> Response:
    """A whole page. scripts, styles: names below /static/, beside those that every page has."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="/static/mark.svg", type="image/svg+xml"),
        tag("title", f"{title} · Hardneg"),
        *(tag("link", rel="stylesheet", href=f"/static/{name}") for name in ("page.css", *styles)),
        *(tag("script", src=f"/static/{name}", defer="") for name in ("page.js", *scripts)),
    )
    skip = tag("a", "Skip to the content", href="#content", class_="skip")
    main = tag("main", *body, id="content", tabindex="-1")
    markup = "<!doctype html>\n" + tag("html", head, tag("body", skip, _header(request), main), lang="en") + "\n"
    return html_response(request, markup.encode("utf-8", "replace"), "text/html; charset=utf-8", status)


def html_response(request: Request, body: bytes, media: str, status: int = 200) -> Response:
    """An HTML answer, gzipped where the client accepts it. No page holds a secret beside text of the client, so BREACH does not apply."""
    headers = {"Content-Security-Policy": POLICY, "Vary": "Accept-Encoding, Cookie", "Cross-Origin-Opener-Policy": "same-origin"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
    return Response(body, status, headers, media)


def form(action: str, *children: Html | None, **attributes: str | None) -> Html:
    """A form that changes something. The guard accepts it from pages of this service only."""
    return tag("form", *children, action=action, method="post", **attributes)


def breadcrumbs(*steps: tuple[str | None, str]) -> Html:
    """The navigation path: (address, name) of each step, the last one without an address."""
    items = [tag("li", tag("a", name, href=address) if address else tag("span", name, aria_current="page")) for address, name in steps]
    return tag("nav", tag("ol", *items), class_="crumbs", aria_label="Where you are")


def _header(request: Request) -> Html:
    """The header with navigation and sign-out; without a caller only the name."""
    caller = getattr(request.state, "caller", None)
    name = tag("a", tag("span", "", class_="mark", aria_hidden="true"), "Hardneg", href="/", class_="brand")
    if caller is None:
        return tag("header", tag("div", name), class_="top")
    current_path = request.scope["path"]
    links = [tag("a", text, href=address, aria_current="page" if current_path == address else None) for address, text in NAVIGATION]
    session_form = None
    if getattr(request.state, "session", None):
        session_form = form("/logout", tag("span", caller.name or caller.id, class_="who"), tag("button", "Sign out", class_="plain"))
    return tag("header", tag("div", name, tag("nav", *links, aria_label="Pages"), session_form), class_="top")
