"""The page of a training: which checkpoint is the model and why, every look at it, the trainer's log, parts, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from miner.page.curves import curves
from miner.page.curves import number as value_text
from miner.page.html import DASH, Html, grid, number, percent, score, tag
from miner.page.sections import card, document, fact_tables, section, tile_list

Report = Mapping[str, Any]

ROW_COLUMNS = (("above", "above the positive"), ("margin", "mean margin"), ("gradient_mass", "gradient mass"))
"""The numbers of the sample of training rows: the name in training.json, and on screens."""


def training_page(report: Report) -> str:
    """One self-contained HTML page of training.json."""
    parts = (_header, _dev, _rows, _log, _rates, _parts, _settings)
    return document("Training: report", [section for part in parts if (section := part(report))])


def _header(report: Report) -> Html:
    rows, model = report["rows"], report["base_model"]
    trained = f"{number(rows['rows'])} pairs with {number(rows['negatives'])} negatives each"
    subtitle = " · ".join((f"from {model['name']}", trained, f"loss {report['config']['loss'].partition(':')[0]}"))
    notes = [tag("p", f"Saved: {report['saved']}.", class_="note")]
    if report["warnings"]:
        notes.append(tag("ul", *(tag("li", f"Warning: {text}") for text in report["warnings"]), class_="note"))
    return tag("header", tag("h1", "Training"), tag("p", subtitle, class_="note"), tile_list(_tiles(report)), *notes)


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """The most important numbers: of the saved checkpoint where it was looked at, and of the model before training."""
    first, saved = _look(report, 0), _look(report, report["steps"])
    tiles = [("saved step", number(report["steps"]), f"of {number(report['stopped_at'])} steps that were trained")]
    measures, columns = report["measures"][:2], ROW_COLUMNS if saved and saved["training_rows"] else ()
    tiles += [(f"dev {name}", _dev_value(saved, name), f"{_dev_value(first, name)} before training") for name in measures]
    return tiles + [
        (f"training rows: {label}", _row_value(saved, name), f"{_row_value(first, name)} before training") for name, label in columns
    ]


def _look(report: Report, step: int) -> Mapping[str, Any] | None:
    return next((look for look in report["looks"] if look["step"] == step), None)


def _dev_value(look: Mapping[str, Any] | None, name: str) -> str:
    value = ((look or {}).get("dev") or {}).get(name)
    return DASH if value is None else f"{value:.4f}"


def _row_value(look: Mapping[str, Any] | None, name: str) -> str:
    value = ((look or {}).get("training_rows") or {}).get(name)
    return percent(value) if name == "above" else score(value)


def _step_name(report: Report, step: int) -> str:
    return ("before" if step == 0 else number(step)) + (" (saved)" if step == report["steps"] else "")


def _dev(report: Report) -> Html | None:
    """Curves and a table of all dev measures."""
    looks = [look for look in report["looks"] if look["dev"]]
    if not looks:
        return None
    series = {name: [(look["step"], look["dev"][name]) for look in looks if name in look["dev"]] for name in report["measures"]}
    rows = [(_step_name(report, look["step"]), *(_dev_value(look, name) for name in report["measures"])) for look in looks]
    choosing = f"{report['dev_measure']} chooses the checkpoint. Dev queries are not trained on."
    picture = card("Dev measures by step", curves("Dev measures by step", series, report["steps"]), tag("p", choosing, class_="note"))
    return section("On dev", picture, grid("Every look on dev", ["step", *(f"#dev {name}" for name in report["measures"])], rows))


def _rows(report: Report) -> Html | None:
    """Curves and a table of the sample of training rows."""
    looks = [look for look in report["looks"] if look["training_rows"]]
    if not looks:
        return None
    points = {label: [(look["step"], look["training_rows"][name]) for look in looks] for name, label in ROW_COLUMNS}
    margin = {"mean margin": points.pop("mean margin")}
    size = number(looks[0]["training_rows"]["rows"])
    note = f"A fixed sample of {size} training rows. The model is trained on them: better here is not better on dev."
    pictures = tag(
        "div",
        card("Training rows: share above the positive, gradient mass", curves("Training rows by step", points, report["steps"])),
        card("Training rows: mean margin", curves("Mean margin of training rows by step", margin, report["steps"])),
        class_="pair",
    )
    rows = [(_step_name(report, look["step"]), *(_row_value(look, name) for name, _ in ROW_COLUMNS)) for look in looks]
    heads = ["step", *(f"#training rows: {label}" for _, label in ROW_COLUMNS)]
    return section("On training rows", tag("p", note, class_="note"), pictures, grid("Every look on training rows", heads, rows))


def _log(report: Report) -> Html:
    """Loss, gradient norm and learning rate as the trainer logs them."""
    names = (("loss", "loss"), ("gradient_norm", "gradient norm"), ("learning_rate", "learning rate"))
    cards = []
    for name, label in names:
        points = [(entry["step"], entry[name]) for entry in report["log"] if entry[name] is not None]
        cards.append(card(label.capitalize(), curves(f"{label.capitalize()} by step", {label: points}, report["steps"])))
    rows = [
        (number(entry["step"]), *(DASH if entry[name] is None else value_text(entry[name]) for name, _ in names)) for entry in report["log"]
    ]
    table = grid("The trainer's log", ["#step", *(f"#{label}" for _, label in names)], rows)
    folded = tag("details", tag("summary", "All numbers of the log"), table, class_="card")
    return section("Loss, gradient, learning rate", tag("div", *cards, class_="pair"), folded)


def _rates(report: Report) -> Html | None:
    """The learning rates that were tried, where there were several."""
    rates = report["rates"]
    if len(rates) < 2:
        return None
    series = {f"rate {rate['learning_rate']:g}": rate.get("history", []) for rate in rates}
    rows = [
        (
            f"{rate['learning_rate']:g}" + (" (saved)" if rate["learning_rate"] == report["learning_rate"] else ""),
            DASH if rate["dev_score"] is None else f"{rate['dev_score']:.4f}",
            number(rate["steps"]),
        )
        for rate in rates
    ]
    table = grid("Learning rates that were tried", ["#learning rate", f"#dev {report['dev_measure']}", "#step"], rows)
    return section("Learning rates", card("Dev by learning rate", curves(f"dev {report['dev_measure']} by step", series)), table)


def _parts(report: Report) -> Html | None:
    rows = [
        (
            part["part"],
            part["effect"],
            number(part["count"]),
            number(part["of"]),
            percent(part["count"] / part["of"] if part["of"] else None),
        )
        for part in report["parts"]
    ]
    heads = ["part", "effect", "#count", "#of", "#share"]
    return section("What the parts did", grid("Of all trained rows or batches", heads, rows)) if rows else None


def _settings(report: Report) -> Html:
    """Settings, rows, dev data and the model before training, each a foldable table."""
    groups: dict[str, Mapping[str, Any]] = {"settings": report["config"], "training rows": report["rows"]}
    groups |= {"dev data": report["dev"]} if report["dev"] else {}
    return section("Settings", *fact_tables({**groups, "model before training": report["base_model"]}, "settings"))


def looks_tables(report: Report) -> list[tuple[str, list[str], list[Sequence[str]]]]:
    """Title, heads and rows for a terminal: the looks on dev, and those on training rows."""
    tables: list[tuple[str, list[str], list[Sequence[str]]]] = []
    if looks := [look for look in report["looks"] if look["dev"]]:
        rows = [[_mark(report, look["step"]), *(_dev_value(look, name) for name in report["measures"])] for look in looks]
        tables.append(("on dev", ["step", *report["measures"]], list(rows)))
    if looks := [look for look in report["looks"] if look["training_rows"]]:
        rows = [[_mark(report, look["step"]), *(_row_value(look, name) for name, _ in ROW_COLUMNS)] for look in looks]
        title = f"on training rows (a sample of {number(looks[0]['training_rows']['rows'])})"
        tables.append((title, ["step", *(label for _, label in ROW_COLUMNS)], list(rows)))
    return tables


def _mark(report: Report, step: int) -> str:
    return ("before" if step == 0 else number(step)) + (" *" if step == report["steps"] else "")
