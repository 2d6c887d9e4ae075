"""What every page has: head, policy, navigation; compressed where the browser takes it."""

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
PLACES = (("/", "Runs"), ("/docs", "API"))


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
    markup = "<!doctype html>\n" + tag("html", head, tag("body", skip, _top(request), main), lang="en") + "\n"
    return packed(request, markup.encode("utf-8", "replace"), "text/html; charset=utf-8", status)


def packed(request: Request, body: bytes, media: str, status: int = 200) -> Response:
    """An answer, as gzip where the client takes that. No secret is on a page beside what its reader sent, so its size tells nothing."""
    headers = {"Content-Security-Policy": POLICY, "Vary": "Accept-Encoding, Cookie", "Cross-Origin-Opener-Policy": "same-origin"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
    return Response(body, status, headers, media)


def form(action: str, *children: Html | None, **attributes: str | None) -> Html:
    """A form that changes something: the guard lets it pass only from a page of ours."""
    return tag("form", *children, action=action, method="post", **attributes)


def crumbs(*steps: tuple[str | None, str]) -> Html:
    """Where the page is: (address, name) of each step, the last one without an address."""
    items = [tag("li", tag("a", name, href=at) if at else tag("span", name, aria_current="page")) for at, name in steps]
    return tag("nav", tag("ol", *items), class_="crumbs", aria_label="Where you are")


def _top(request: Request) -> Html:
    """The bar above; a stranger sees the name alone."""
    caller = getattr(request.state, "caller", None)
    name = tag("a", tag("span", "", class_="mark", aria_hidden="true"), "Hardneg", href="/", class_="brand")
    if caller is None:
        return tag("header", tag("div", name), class_="top")
    here = request.scope["path"]
    links = [tag("a", text, href=at, aria_current="page" if here == at else None) for at, text in PLACES]
    who = None
    if getattr(request.state, "session", None):
        who = form("/logout", tag("span", caller.name or caller.id, class_="who"), tag("button", "Sign out", class_="plain"))
    return tag("header", tag("div", name, tag("nav", *links, aria_label="Pages"), who), class_="top")
