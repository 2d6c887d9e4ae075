"""The form that asks for the key."""

from __future__ import annotations

import re

from app.pages.frame import form
from miner.page.html import Html, tag

OURS = re.compile(r"/(?:docs|jobs/[A-Za-z0-9_]{1,100}(?:/review)?)?")
"""Pages that signing in may lead to."""


def login(onward: str, wrong: bool) -> list[Html]:
    """The form. onward: where it leads; wrong: the key before this one did not open."""
    said = tag("p", "That key does not open.", class_="wrong", role="alert", id="wrong") if wrong else None
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
    hidden = tag("input", type="hidden", name="next", value=place(onward))
    return [
        form(
            "/login",
            tag("h1", "Sign in"),
            said,
            tag("label", "Key", for_="key"),
            field,
            hint,
            hidden,
            tag("button", "Sign in"),
            class_="card login",
        )
    ]


def place(onward: str) -> str:
    """Where signing in leads: a page of ours, or the list of runs."""
    return onward if OURS.fullmatch(onward) else "/"
