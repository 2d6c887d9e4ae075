"""The sections of the report page: numbers, hardness, filters, ranks, cases to inspect, example rows, provenance."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from miner.page.charts import Bar, bars, histogram
from miner.page.html import DASH, Html, grid, join, number, percent, score, tag
from miner.types import columns_line

FALLBACK_LEVELS = ("filters as they are", "within max depth", "reference score raised", "no ceiling", "random passage", "repeated negative")
"""What each fallback level allows, by its number."""
MAX_FACTS = 200
"""Rows of one table of the manifest."""
OPEN_EXAMPLES = 3
"""Examples that are unfolded at first."""

Report = Mapping[str, Any]


def page(report: Report, manifest: Mapping[str, Any]) -> str:
    """One self-contained HTML page. All texts are escaped; the content security policy allows only the inline style sheet."""
    sections = [_hardness, waterfall, ranks, *([_variations] if report.get("variations") else []), cases, _examples]
    return document("Hard negatives: report", [_header(report, manifest), *(part(report) for part in sections), _provenance(manifest)])


def document(title: str, body: Sequence[Html]) -> str:
    """A complete page around `body`, with the style sheet and a content security policy that allows nothing else."""
    style = files("miner.page").joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
    )
    skip = tag("a", "Skip to the numbers", href="#numbers", class_="skip")
    return "<!doctype html>\n" + tag("html", head, tag("body", skip, tag("main", *body)), lang="en") + "\n"


def _header(report: Report, manifest: Mapping[str, Any]) -> Html:
    created_at = str(manifest.get("created_at") or "").replace("T", " ").replace("+00:00", " UTC")
    subtitle = " · ".join(filter(None, (_model(manifest), created_at, f"similarity {report['setup']['similarity']}")))
    return tag("header", tag("h1", "Hard negatives"), tag("p", subtitle, class_="note"), tiles(report), *_notes(report))


def tiles(report: Report) -> Html:
    """The most important numbers."""
    counts, hardness = report["counts"], report["hardness"]
    numbers = [
        ("queries", number(counts["queries"]), f"{number(counts['pairs'])} pairs of query and positive"),
        ("negatives", number(counts["chosen"]), f"{number(report['hubs']['passages_used'])} different passages"),
        ("complete pairs", percent(report["coverage"]["all"]), f"all {report['setup']['negatives']} negatives found"),
        ("mean margin", score(hardness["gap"]), "reference score less negative's score"),
        ("above the positive", percent(hardness["triplet_error"]), "of negatives: unlabelled positives, or very hard"),
        ("gradient mass", score(hardness["gradient_mass"]), "0: the model separates them already"),
    ]
    return tile_list(numbers)


def tile_list(numbers: Sequence[tuple[str, str, str]]) -> Html:
    """Numbers in boxes: (name, value, note) each."""
    cells = [tag("div", tag("dt", name), tag("dd", tag("b", value), tag("small", note))) for name, value, note in numbers]
    return tag("dl", *cells, id="numbers", class_="tiles")


def _notes(report: Report) -> list[Html]:
    columns = columns_line(report.get("columns") or {})
    texts = [*([f"read: {columns}"] if columns else []), *(report.get("notes") or [])]
    return [tag("ul", *(tag("li", note) for note in texts), class_="note")] if texts else []


def _hardness(report: Report) -> Html:
    spreads = report["scores"]
    scores = histogram(
        "Scores of positives and negatives", {"positives": ("pos", spreads["positive"]), "negatives": ("neg", spreads["negative"])}
    )
    margin = histogram("Margin", {"positive less negative": ("mar", spreads["margin"])})
    rows = [
        (
            name,
            number(values["count"]),
            *map(score, (values["mean"], values["std"], values["min"], *values["quantiles"].values(), values["max"])),
        )
        for name, values in spreads.items()
    ]
    heads = ["", "#count", "#mean", "#std", "#min", *(f"#{q} %" for q in spreads["margin"]["quantiles"]), "#max"]
    note = "Below 0 a negative scores above its positive."
    cards = tag("div", card("Scores", scores), card("Margin", margin, tag("p", note, class_="note")), class_="pair")
    return section("Hardness", cards, grid("Scores and margins in numbers", heads, rows))


def waterfall(report: Report) -> Html:
    """The candidates that each filter dropped among those that the filters before it kept."""
    counts = report["counts"]
    remaining, rows = counts["judged"], [Bar("judged", counts["judged"], 0, "quiet")]
    for name, count in counts["dropped"].items():
        remaining -= count
        rows.append(Bar(f"− {name}", count, remaining, "drop"))
    rows += [Bar("kept", counts["kept"], 0, "pos"), Bar("chosen", counts["chosen"], 0, "neg")]
    return section(
        "Dropped candidates",
        card("Candidates", bars("Each filter counts only candidates that the filters before it kept", ["step"], rows, counts["judged"])),
    )


def ranks(report: Report) -> Html:
    """The ranks of the negatives, and the fallback levels they were chosen at."""
    spread, counts = report["ranks"], report["counts"]["tiers"]
    steps = [Bar(_span(step["first"], step["last"]), step["count"], 0, "neg") for step in spread["histogram"]]
    highest = max(step.size for step in steps)
    summary = f"median {number(spread['median'])}" + (f"; {number(spread['unranked'])} were not retrieved" if spread["unranked"] else "")
    levels = [Bar(f"{level} {name}", counts[str(level)], 0, "neg" if level == 0 else "drop") for level, name in enumerate(FALLBACK_LEVELS)]
    rank_chart = bars(f"Rank of a negative among the candidates: {summary}", ["rank"], steps, highest, spread["count"])
    level_chart = bars(
        "Under which rules the negatives were found", ["fallback level"], levels, max(counts.values()), report["counts"]["chosen"]
    )
    return section("Ranks and fallback levels", tag("div", card("Ranks", rank_chart), card("Fallback levels", level_chart), class_="pair"))


def _variations(report: Report) -> Html:
    """How many variations of the negatives were made, by kind, and why others were dropped."""
    reasons = list(dict.fromkeys(reason for counts in report["variations"].values() for reason in counts["dropped"]))
    rows = [
        (kind, number(counts["tried"]), number(counts["kept"]), *(number(counts["dropped"].get(reason, 0)) for reason in reasons))
        for kind, counts in report["variations"].items()
    ]
    heads = ["kind", "#tried", "#kept", *(f"#{reason}" for reason in reasons)]
    return section("Variations", grid("Further negatives made from the texts of negatives, and what dropped the others", heads, rows))


def cases(report: Report, link: Callable[[str], str] = str) -> Html:
    """Suspicious positives, short queries, hubs.

    link: renders the id of a query.
    """
    short, suspicious, hubs = report["starved"], report["suspicious"], report["hubs"]
    short_rows = [
        (_named(case.get("query"), link(case["id"])), number(case["found"]), case["reason"] or "too few candidates")
        for case in short["examples"]
    ]
    suspicious_rows = [
        (
            _named(case.get("query"), link(case["query_id"])),
            _named(case.get("positive"), case["positive_id"]),
            score(case["score"]),
            case["reason"],
        )
        for case in suspicious["examples"]
    ]
    hub_rows = [(_named(hub.get("text"), hub["id"]), number(hub["uses"])) for hub in hubs["most_used"]]
    hub_caption = f"The most used 1 % fill {percent(hubs['top_percent_share'])} of the places; Gini {score(hubs['gini'])}"
    return section(
        "Cases to inspect",
        card("Suspicious positives", listed(f"{number(suspicious['total'])} known positives score very low; lowest scores first",
              ["query", "positive", "#score", "reason"], suspicious_rows)),
        tag("div",
            card("Short queries", listed(f"{number(short['total'])} queries have too few negatives at fallback level 0; "
                  "with the filter that dropped most", ["query", "#negatives", "filter"], short_rows)),
            card("Hubs", listed(hub_caption, ["passage", "#uses"], hub_rows)),
            class_="pair"),
    )  # fmt: skip


def _named(text: str | None, name: str) -> str:
    """A text with its id; the id alone where a report of before holds no texts."""
    return name if text is None else tag("span", text, tag("small", name))


def _examples(report: Report) -> Html:
    rows = [_example(case, position < OPEN_EXAMPLES) for position, case in enumerate(report["examples"])]
    return section("Example rows", *(rows or [tag("p", "There are none.", class_="note")]))


def _example(case: Mapping[str, Any], is_open: bool) -> Html:
    positive = case["positive"] or {"text": DASH, "id": DASH, "score": None, "of": 0}
    reference_score = positive["score"]
    rows = [
        (
            number(negative["rank"] or None),
            score(negative["score"]),
            score(None if None in (reference_score, negative["score"]) else reference_score - negative["score"]),
            FALLBACK_LEVELS[negative["tier"]],
            tag("span", negative["text"], tag("small", negative["id"])),
        )
        for negative in case["negatives"]
    ]
    count_note = f" · the weakest of {positive['of']}" if positive["of"] > 1 else ""
    positive_text = tag(
        "p", positive["text"], tag("small", f"{positive['id']} · score {score(reference_score)}{count_note}"), class_="positive"
    )
    table = listed("Its negatives" if rows else "No negatives", ["#rank", "#score", "#margin", "fallback level", "passage"], rows, "rows")
    return tag(
        "details",
        tag("summary", case["query"], tag("small", case["query_id"])),
        positive_text,
        table,
        open="" if is_open else None,
        class_="card",
    )


def _provenance(manifest: Mapping[str, Any]) -> Html:
    """The manifest, one foldable table per section."""
    plain = {name: value for name, value in manifest.items() if not isinstance(value, Mapping)}
    groups = {"run": plain} | {name: value for name, value in manifest.items() if isinstance(value, Mapping)}
    return section("Manifest", *fact_tables(groups, "config"))


def fact_tables(groups: Mapping[str, Mapping[str, Any]], unfolded: str) -> list[Html]:
    """A foldable table for each group of values, nested names joined by dots. unfolded: the name of the one that is open."""
    folds = []
    for name, values in groups.items():
        if not (facts := list(_facts(values))):
            continue
        omission = tag("p", f"and {len(facts) - MAX_FACTS} more", class_="note") if len(facts) > MAX_FACTS else None
        table = listed(name, ["name", "value"], facts[:MAX_FACTS])
        folds.append(tag("details", tag("summary", name), table, omission, open="" if name == unfolded else None, class_="card"))
    return folds


def _facts(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{prefix}{name}.")
        elif isinstance(value, (list, tuple)):
            yield f"{prefix}{name}", ", ".join(map(str, value)) or DASH
        else:
            yield f"{prefix}{name}", DASH if value is None else str(value)


def _model(manifest: Mapping[str, Any]) -> str:
    model = manifest.get("model") or manifest.get("config", {}).get("model")
    return str(model.get("name") or "") if isinstance(model, Mapping) else str(model or "")


def _span(first: int, last: int | None) -> str:
    return f"over {first - 1}" if last is None else str(first) if first == last else f"{first}–{last}"


def listed(caption: str, heads: list[str], rows: list[Any], classes: str = "") -> Html:
    """A table; its caption alone where it has no rows."""
    return grid(caption, heads, rows, classes) if rows else tag("p", f"{caption.partition(';')[0]}.", class_="note")


def section(title: str, *children: Html) -> Html:
    """A section of the page with a heading."""
    name = title.lower().replace(" ", "-")
    return tag("section", tag("h2", title, id=name), join(children), aria_labelledby=name)


def card(title: str, *children: Html) -> Html:
    """A box with a title."""
    return tag("div", tag("h3", title), *children, class_="card")
