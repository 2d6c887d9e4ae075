"""The page of the API documentation: Swagger UI, vendored, under the same content security policy as every page."""

from __future__ import annotations

from miner.page.html import Html, tag

SCRIPTS = ("swagger-ui-bundle.js", "docs.js")
STYLES = ("docs.css",)


def docs() -> list[Html]:
    """The page; without scripts a link to the OpenAPI document."""
    link = tag("a", "/openapi.json", href="/openapi.json")
    note = tag(
        "p", "Every request below is sent with your session. Elsewhere: ", tag("code", "Authorization: Bearer KEY"), ".", class_="note"
    )
    return [tag("h1", "API"), note, tag("noscript", tag("p", "The document is ", link, ".")), tag("div", "", id="swagger")]
