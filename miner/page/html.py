"""Tags that escape what is put into them: a text becomes markup only if it was made here. Also how numbers are written on the page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

DASH = "–"


class Html(str):
    """Markup that is safe as it stands; any other string is a text, and is escaped."""

    __slots__ = ()


def tag(element: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """One element. `class_` is class, `stroke_width` is stroke-width; None leaves an attribute out, "" lets it stand alone."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + (f'="{html.escape(str(value), quote=True)}"' if value != "" else "")
        for key, value in attributes.items()
        if value is not None
    )
    if element in {"meta", "link", "input"}:
        return Html(f"<{element}{told}>")
    if element in {"rect", "path", "line"}:
        return Html(f"<{element}{told}/>")
    return Html(f"<{element}{told}>{join(children)}</{element}>")


def join(children: Iterable[str | None]) -> Html:
    """Children one after the other, texts escaped, None left out."""
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children if child is not None))


def grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], classes: str = "") -> Html:
    """A table that scrolls sideways on its own, by keyboard too; a head that begins with # is a column of numbers."""
    names = ["num" if head.startswith("#") else None for head in heads]
    head = join(tag("th", head.lstrip("#"), scope="col", class_=name) for head, name in zip(heads, names, strict=True))
    body = join(tag("tr", *(tag("td", cell, class_=name) for cell, name in zip(row, names, strict=True))) for row in rows)
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body), class_=classes or None)
    return tag("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0")


def number(value: float | None) -> str:
    """A count, thousands apart."""
    return DASH if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share; near 0 and 1 two digits tell a few from none."""
    if value is None:
        return DASH
    return f"{100 * value:.2f} %" if 0 < value < 0.01 or 0.99 < value < 1 else f"{100 * value:.1f} %"


def score(value: float | None) -> str:
    """A score or a margin, with a true minus sign."""
    if value is None:
        return DASH
    return (f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}").replace("-", "−")
