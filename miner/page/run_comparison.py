"""The page of a comparison of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.page.charts import histogram
from miner.page.html import DASH, Html, join, number, percent, score, tag
from miner.page.sections import card, document, listed, section

SHARES = {"complete rows", "above the positive", "filled by the top 1 %"}
COUNT_LABELS = {"complete rows": "complete pairs"}
"""Names on the page that are not those in JSON."""
SCORES = {"mean margin", "gradient mass"}
OPEN_EXAMPLES = 3
"""Examples that are unfolded at first."""


def runs(comparison: Mapping[str, Any], names: tuple[str, str]) -> str:
    """One self-contained HTML page.

    comparison: the result of `comparison.compare`.
    names: the names of the two runs.
    """
    parts = [_changes(comparison), _fates(comparison), _counts(comparison, names), _examples(comparison), _settings(comparison, names)]
    return document("Hard negatives: two runs compared", [_header(comparison, names), *parts])


def _header(comparison: Mapping[str, Any], names: tuple[str, str]) -> Html:
    queries, overlap = comparison["queries"], comparison["overlap"]
    tiles = [
        ("common queries", number(queries["common"]), f"of {number(queries['first'])} and {number(queries['second'])}"),
        ("shared negatives", number(overlap["shared"]), f"of {number(overlap['negatives'][0])} and {number(overlap['negatives'][1])}"),
        ("Jaccard", score(overlap["jaccard"]["mean"]), "mean over queries"),
        ("equal lists", percent(overlap["same"]), "of queries"),
        ("gained", number(comparison["gained"]["pairs"]), "in the second only"),
        ("lost", number(comparison["lost"]["pairs"]), "in the first only"),
    ]
    cells = [tag("div", tag("dt", name), tag("dd", tag("b", value), tag("small", note))) for name, value, note in tiles]
    subtitle = f"{names[0]} and {names[1]}"
    return tag("header", tag("h1", "Two runs"), tag("p", subtitle, class_="note"), tag("dl", *cells, id="numbers", class_="tiles"))


def _changes(comparison: Mapping[str, Any]) -> Html:
    scores, positives = comparison["scores"], comparison["positives"]
    unchanged = comparison["unchanged"]
    colors = {"positives": "pos", "negatives": "neg"}
    series = {name: (color, scores[name]) for name, color in colors.items() if f"scores of {name}" not in unchanged}
    ranks = [
        ("better in the second", number(positives["better"])),
        ("worse in the second", number(positives["worse"])),
        ("same in both", number(positives["same"])),
        ("median rank", f"{number(positives['median'][0])} to {number(positives['median'][1])}"),
        ("retrieved", f"{number(positives['retrieved'][0])} and {number(positives['retrieved'][1])}"),
    ]
    overlaps = [(f"first {n}", percent(value)) for n, value in comparison["overlap"]["at"].items()]
    ranks_listed = listed(f"Ranks of {number(positives['pairs'])} known positives", ["rank", "#positives"], ranks)
    rank_card = card("Positives", ranks_listed, *(tag("p", note, class_="note") for note in comparison["notes"]))
    boxes = [card("Overlap", listed("Negatives in common", ["of the", "#share"], overlaps))]
    boxes += [] if "ranks of positives" in unchanged else [rank_card]
    drift = [card("Score in the second less score in the first", histogram("Score drift", series))] if series else []
    return section("Changes in scores and ranks", *drift, tag("div", *boxes, class_="pair"))


def _fates(comparison: Mapping[str, Any]) -> Html:
    cards = []
    for name, counterpart in (("lost", "second"), ("gained", "first")):
        rows = [(fate, number(count)) for fate, count in comparison[name]["there"].items()]
        if name not in comparison["unchanged"]:
            cards.append(card(name.capitalize(), listed(f"Their status in the {counterpart} run", ["status", "#pairs"], rows)))
    return section("Gained and lost", tag("div", *cards, class_="pair")) if cards else join([])


def _counts(comparison: Mapping[str, Any], names: tuple[str, str]) -> Html:
    """The numbers that differ, and what is left out as the same in both."""
    numbers = {name: [_number(name, value) for value in values] for name, values in comparison["counts"].items()}
    numbers |= {f"− {name}": [number(value) for value in values] for name, values in comparison["dropped"].items()}
    unchanged = comparison["unchanged"]
    rows = [(COUNT_LABELS.get(name, name), *values) for name, values in numbers.items() if name not in unchanged]
    same = ", ".join(COUNT_LABELS.get(name, name) for name in unchanged)
    note = tag("p", f"Left out, since both runs have the same or none: {same}.", class_="note") if same else None
    table = listed("Numbers of both reports that differ", ["", *(f"#{name}" for name in names)], rows) if rows else None
    return section("Numbers of both runs", *filter(None, (table, note)))


def _examples(comparison: Mapping[str, Any]) -> Html:
    folds = []
    for position, case in enumerate(comparison["examples"]):
        lists = [
            _changed(case[name], name.capitalize(), counterpart)
            for name, counterpart in (("lost", "in the second"), ("gained", "in the first"))
        ]
        head = tag("summary", case["query"], tag("small", case["query_id"]))
        folds.append(tag("details", head, *lists, open="" if position < OPEN_EXAMPLES else None, class_="card"))
    return section("Queries that changed most", *(folds or [tag("p", "There are none.", class_="note")]))


def _changed(pairs: list[Mapping[str, Any]], name: str, counterpart: str) -> Html:
    rows = [
        (number(pair["rank"]), score(pair["score"]), pair["there"], tag("span", pair["text"], tag("small", pair["id"]))) for pair in pairs
    ]
    return listed(name if rows else f"{name}: none", ["#rank", "#score", counterpart, "passage"], rows, "rows")


def _settings(comparison: Mapping[str, Any], names: tuple[str, str]) -> Html:
    rows = [(name, *map(_plain, values)) for name, values in comparison["config"].items()]
    return section(
        "Settings", listed("The same settings, model, inputs and versions" if not rows else "Differences", ["name", *names], rows)
    )


def _number(name: str, value: float | None) -> str:
    return DASH if value is None else percent(value) if name in SHARES else score(value) if name in SCORES else number(value)


def _plain(value: Any) -> str:
    return DASH if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
