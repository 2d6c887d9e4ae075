"""Protection against cross-site requests: a browser sends cookies on behalf of any page. So a request that changes something must come from
one of our pages, and SameSite=Strict protects reading.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response

from app.auth.sessions import SESSION_SECONDS

COOKIE = "hardneg_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""The cookie's name over https: with the prefix __Host- no other host or path can set it."""

API_PREFIXES = ("/v1/", "/openapi.json", "/metrics", "/livez", "/readyz", "/static/")
"""Paths whose errors are problem documents, whatever the client accepts."""

MAX_COOKIE_BYTES = 8192


def session_token(headers: Headers) -> str | None:
    """The session token of the cookie. None if there are two different ones: one of them is not ours."""
    tokens = set()
    for header in headers.getlist("cookie"):
        for pair in header[:MAX_COOKIE_BYTES].split(";"):
            name, _, value = pair.strip().partition("=")
            if name in (COOKIE, SECURE_COOKIE) and value:
                tokens.add(value)
    return tokens.pop() if len(tokens) == 1 else None


def of_our_page(headers: Headers, *, strict: bool) -> bool:
    """Whether a request comes from a page of this host. strict: without an Origin header it does not."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return not strict
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() and origin != "null"


def wants_page(method: str, path: str, headers: Headers) -> bool:
    """Whether the answer should be an HTML page."""
    return not path.startswith(API_PREFIXES) and "text/html" in headers.get("accept", "") and method in ("GET", "HEAD", "POST")


def set_session_cookie(response: Response, token: str, headers: Headers) -> None:
    """Set the session cookie; secure over https."""
    secure = headers.get("origin", "").startswith("https://")
    name = SECURE_COOKIE if secure else COOKIE
    response.set_cookie(name, token, max_age=SESSION_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")


def delete_session_cookie(response: Response) -> None:
    """Delete the session cookie."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
