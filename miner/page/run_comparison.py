"""Two runs compared, as one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.page.charts import histogram
from miner.page.html import DASH, Html, grid, number, percent, score, tag
from miner.page.sections import card, document, listed, section

SHARES = {"complete rows", "above the positive", "filled by the top 1 %"}
SCORES = {"mean margin", "gradient mass"}
OPEN = 3


def runs(told: Mapping[str, Any], names: tuple[str, str]) -> str:
    """One self-contained HTML page; `names` are what the two runs are called on it."""
    parts = [_moved(told), _fates(told), _sides(told, names), _examples(told), _made(told, names)]
    return document("Hard negatives: two runs compared", [_header(told, names), *parts])


def _header(told: Mapping[str, Any], names: tuple[str, str]) -> Html:
    queries, overlap = told["queries"], told["overlap"]
    tiles = [
        ("common queries", number(queries["common"]), f"of {number(queries['first'])} and {number(queries['second'])}"),
        ("shared negatives", number(overlap["shared"]), f"of {number(overlap['negatives'][0])} and {number(overlap['negatives'][1])}"),
        ("Jaccard", score(overlap["jaccard"]["mean"]), "mean over queries"),
        ("the very same", percent(overlap["same"]), "of queries"),
        ("gained", number(told["gained"]["pairs"]), "in the second only"),
        ("lost", number(told["lost"]["pairs"]), "in the first only"),
    ]
    cells = [tag("div", tag("dt", name), tag("dd", tag("b", value), tag("small", note))) for name, value, note in tiles]
    said = f"{names[0]} and {names[1]}"
    return tag("header", tag("h1", "Two runs"), tag("p", said, class_="note"), tag("dl", *cells, id="numbers", class_="tiles"))


def _moved(told: Mapping[str, Any]) -> Html:
    scores, positives = told["scores"], told["positives"]
    series = {"positives": ("pos", scores["positives"]), "negatives": ("neg", scores["negatives"])}
    ranks = [
        ("better in the second", number(positives["better"])),
        ("worse in the second", number(positives["worse"])),
        ("as before", number(positives["same"])),
        ("median rank", f"{number(positives['median'][0])} to {number(positives['median'][1])}"),
        ("retrieved", f"{number(positives['retrieved'][0])} and {number(positives['retrieved'][1])}"),
    ]
    at = [(f"first {n}", percent(value)) for n, value in told["overlap"]["at"].items()]
    cards = tag(
        "div",
        card("Overlap", listed("Negatives in common", ["of the", "#share"], at)),
        card("Positives", listed(f"Ranks of {number(positives['pairs'])} known positives", ["rank", "#positives"], ranks)),
        class_="pair",
    )
    if all(each["min"] == each["max"] == 0 for _, each in series.values() if each["count"]):
        return section("What moved", tag("p", "No score: those of all common pairs are the same in both.", class_="note"), cards)
    return section("What moved", card("Score in the second less score in the first", histogram("Score drift", series)), cards)


def _fates(told: Mapping[str, Any]) -> Html:
    cards = []
    for name, other in (("lost", "second"), ("gained", "first")):
        rows = [(fate, number(count)) for fate, count in told[name]["there"].items()]
        cards.append(card(name.capitalize(), listed(f"What became of them in the {other}", ["there", "#pairs"], rows)))
    return section("Gained and lost", tag("div", *cards, class_="pair"))


def _sides(told: Mapping[str, Any], names: tuple[str, str]) -> Html:
    rows = [(name, *(_number(name, value) for value in both)) for name, both in told["counts"].items()]
    rows += [(f"− {name}", *map(number, both)) for name, both in told["dropped"].items()]
    return section("Side by side", grid("Numbers of both reports", ["", *(f"#{name}" for name in names)], rows))


def _examples(told: Mapping[str, Any]) -> Html:
    folds = []
    for place, case in enumerate(told["examples"]):
        lists = [_changed(case[name], name.capitalize(), other) for name, other in (("lost", "in the second"), ("gained", "in the first"))]
        head = tag("summary", case["query"], tag("small", case["query_id"]))
        folds.append(tag("details", head, *lists, open="" if place < OPEN else None, class_="card"))
    return section("Queries that changed most", *(folds or [tag("p", "There are none.", class_="note")]))


def _changed(pairs: list[Mapping[str, Any]], name: str, other: str) -> Html:
    rows = [(number(one["rank"]), score(one["score"]), one["there"], tag("span", one["text"], tag("small", one["id"]))) for one in pairs]
    return listed(name if rows else f"{name}: none", ["#rank", "#score", other, "passage"], rows, "rows")


def _made(told: Mapping[str, Any], names: tuple[str, str]) -> Html:
    rows = [(name, *map(_plain, both)) for name, both in told["config"].items()]
    return section("How they were made", listed("Made alike" if not rows else "What differs", ["name", *names], rows))


def _number(name: str, value: float | None) -> str:
    return DASH if value is None else percent(value) if name in SHARES else score(value) if name in SCORES else number(value)


def _plain(value: Any) -> str:
    return DASH if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
