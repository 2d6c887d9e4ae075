"""HTML elements with escaped content: only strings of type `Html` are markup. Also the format of numbers on the page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

DASH = "–"


class Html(str):
    """Markup that is safe; any other string is text and is escaped."""

    __slots__ = ()


def tag(element: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """One element. `class_` is class, `stroke_width` is stroke-width; None omits an attribute, "" writes it without a value."""
    attribute_text = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + (f'="{html.escape(str(value), quote=True)}"' if value != "" else "")
        for key, value in attributes.items()
        if value is not None
    )
    if element in {"meta", "link", "input"}:
        return Html(f"<{element}{attribute_text}>")
    if element in {"rect", "path", "line"}:
        return Html(f"<{element}{attribute_text}/>")
    return Html(f"<{element}{attribute_text}>{join(children)}</{element}>")


def join(children: Iterable[str | None]) -> Html:
    """The children in order, texts escaped, None omitted."""
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children if child is not None))


def grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], classes: str = "") -> Html:
    """A table that scrolls horizontally, by keyboard too.

    heads: titles of the columns; one that begins with # is a column of numbers.
    """
    column_classes = ["num" if head.startswith("#") else None for head in heads]
    head = join(tag("th", head.lstrip("#"), scope="col", class_=name) for head, name in zip(heads, column_classes, strict=True))
    body = join(tag("tr", *(tag("td", cell, class_=name) for cell, name in zip(row, column_classes, strict=True))) for row in rows)
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body), class_=classes or None)
    return tag("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0")


def number(value: float | None) -> str:
    """A count with separators of thousands."""
    return DASH if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share in per cent, with two decimals near 0 and 1."""
    if value is None:
        return DASH
    return f"{100 * value:.2f} %" if 0 < value < 0.01 or 0.99 < value < 1 else f"{100 * value:.1f} %"


def score(value: float | None) -> str:
    """A score or a margin, with a true minus sign."""
    if value is None:
        return DASH
    return (f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}").replace("-", "−")
