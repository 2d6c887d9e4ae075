"""The sign-in page: a form for the key."""

from __future__ import annotations

import re

from app.pages.frame import form
from miner.page.html import Html, tag

NEXT_PAGES = re.compile(r"/(?:docs|jobs/[A-Za-z0-9_]{1,100}(?:/review)?)?")
"""Pages that a sign-in may redirect to."""


def login(next_page: str, wrong: bool) -> list[Html]:
    """The form. next_page: the page after the sign-in. wrong: the previous key was wrong."""
    alert = tag("p", "This key is not valid.", class_="wrong", role="alert", id="wrong") if wrong else None
    field = tag(
        "input",
        type="password",
        name="key",
        id="key",
        required="",
        autofocus="",
        autocomplete="current-password",
        spellcheck="false",
        aria_describedby="wrong" if wrong else "hint",
    )
    hint = tag("p", "Made by ", tag("code", "hardneg keys create"), " on the server, or its HARDNEG_API_KEY.", class_="note", id="hint")
    hidden = tag("input", type="hidden", name="next", value=safe_next(next_page))
    return [
        form(
            "/login",
            tag("h1", "Sign in"),
            alert,
            tag("label", "Key", for_="key"),
            field,
            hint,
            hidden,
            tag("button", "Sign in"),
            class_="card login",
        )
    ]


def safe_next(next_page: str) -> str:
    """The page after the sign-in: `next_page` if it is one of ours, else the list of runs. This prevents open redirects."""
    return next_page if NEXT_PAGES.fullmatch(next_page) else "/"
