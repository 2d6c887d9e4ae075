"""The page of a loop: dev by round, false negatives, the notebook, what each round changed with examples, links to each round's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.page.curves import curves
from miner.page.html import DASH, Html, grid, number, percent, score, tag
from miner.page.sections import card, document, fact_tables, section, tile_list

Report = Mapping[str, Any]
Round = Mapping[str, Any]

COUNTS = ("retained", "refreshed", "returned", "evicted", "refused", "forgotten", "missing")
"""Counts of a round, by their names in loop.json."""


def loop_page(report: Report) -> str:
    """One self-contained HTML page of loop.json; it links the pages beside it by relative paths."""
    parts = (_header, _dev, _false_negatives, _hardness, _notebook, _changes, _examples, _rounds, _settings)
    return document("Loop: report", [made for part in parts if (made := part(report))])


def _header(report: Report) -> Html:
    rounds, best = report["rounds"], report["best"]
    result = "the model before training, which no round beats" if best == 0 else f"the model of round {best}"
    notes = [tag("p", f"Stopped: {report['stopped']}. Saved: {result}.", class_="note")]
    warnings: dict[str, list[str]] = {}
    for entry in rounds:
        for text in entry["warnings"]:
            warnings.setdefault(text, []).append(str(entry["round"]))
    if warnings:
        lines = (f"Warning in round {', '.join(numbers)}: {text}" for text, numbers in warnings.items())
        notes.append(tag("ul", *(tag("li", line) for line in lines), class_="note"))
    subtitle = f"{number(len(rounds))} rounds from {report['identity']['training']['model']}"
    return tag("header", tag("h1", "Loop"), tag("p", subtitle, class_="note"), tile_list(_tiles(report)), *notes)


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    rounds, last = report["rounds"], report["rounds"][-1]
    before, measure = report.get("before"), last["dev_measure"]
    tiles = [("best round", number(report["best"]), f"of {number(len(rounds))}; 0 is the model before training")]
    if before:
        dev = next((entry["dev"] for entry in rounds if entry["round"] == report["best"]), before[measure])
        tiles.append((f"dev {measure}", f"{dev:.4f}", f"{before[measure]:.4f} before training"))
    if counts := last.get("false_negative_counts"):
        tiles.append(("false negatives", percent(counts["hidden"] / counts["negatives"]), f"in round {last['round']}, {_interval(counts)}"))
    active = last["notebook"].get("active", 0)
    tiles.append(("notebook", number(active), f"active entries of {number(sum(last['notebook'].values()))}"))
    tiles.append(("gradient mass", score(last["gradient_mass"]), "of training rows, before the last round trained"))
    return tiles


def _interval(counts: Mapping[str, Any]) -> str:
    low, high = counts["interval"]
    return f"{percent(low)} to {percent(high)}"


def _by_round(rounds: list[Round], name: str) -> list[tuple[int, float]]:
    return [(entry["round"], entry[name]) for entry in rounds if entry.get(name) is not None]


def _dev(report: Report) -> Html | None:
    """Every dev measure by round, round 0 before training; gains with intervals."""
    before = report.get("before")
    if not before:
        return None
    rounds = report["rounds"]
    series = {name: [(0, before[name]), *((entry["round"], entry["dev_measures"][name]) for entry in rounds)] for name in before}
    first, *others = (f"{value:.4f}" for value in before.values())
    rows = [("before" + (" (saved)" if report["best"] == 0 else ""), first, DASH, *others)]
    for entry in rounds:
        name = f"{entry['round']}" + (" (saved)" if entry["round"] == report["best"] else "")
        values = [f"{entry['dev_measures'][measure]:.4f}" for measure in before]
        rows.append((name, values[0], _gain(entry), *values[1:]))
    picture = card("Dev measures by round", curves("Dev measures by round", series, report["best"], "round"))
    note = tag(
        "p", "Dev queries are not trained on. A gain is over the best model before the round, with its 95 % interval.", class_="note"
    )
    names = [f"#dev {name}" for name in before]
    heads = ["round", names[0], "#gain on dev", *names[1:]]
    return section("On dev", picture, note, grid("Dev measures of each round's model", heads, rows))


def _gain(entry: Round) -> str:
    if not (gain := entry.get("gain")):
        return DASH
    low, high = gain["interval"]
    return f"{gain['mean']:+.4f} ({low:+.4f} to {high:+.4f})".replace("-", "−")


def _false_negatives(report: Report) -> Html | None:
    """The measured share of hidden positives among the negatives, with its interval."""
    found = [(entry["round"], entry["false_negative_counts"]) for entry in report["rounds"] if entry.get("false_negative_counts")]
    if not found:
        return None
    shares = [(turn, counts["hidden"] / counts["negatives"]) for turn, counts in found]
    ends = {name: [(turn, counts["interval"][place]) for turn, counts in found] for place, name in enumerate(("lower end", "upper end"))}
    picture = card("Share of hidden positives", curves("False negatives by round", {"share": shares} | ends, axis="round"))
    rows = [
        (
            number(turn),
            percent(counts["hidden"] / counts["negatives"]),
            _interval(counts),
            number(counts["hidden"]),
            number(counts["negatives"]),
        )
        for turn, counts in found
    ]
    heads = ["#round", "#share", "#95 % interval", "#hidden positives", "#negatives"]
    return section("False negatives", picture, grid("Hidden positives among the negatives of a round", heads, rows))


def _hardness(report: Report) -> Html:
    """Hardness and overlap of each round's training rows."""
    rounds = report["rounds"]
    series = {name.replace("_", " "): _by_round(rounds, name) for name in ("gradient_mass", "gap")}
    overlap = {"overlap": _by_round(rounds, "jaccard")}
    pictures = tag(
        "div",
        card("Training rows: gradient mass and gap", curves("Training rows by round", series, axis="round")),
        card("Training rows: overlap with the round before", curves("Overlap by round", overlap, axis="round")),
        class_="pair",
    )
    rows = [
        (
            number(entry["round"]),
            score(entry["gradient_mass"]),
            score(entry["gap"]),
            percent(entry["jaccard"]),
            number(entry["positive_rank"]["median"]),
            f"{entry['positive_rank']['mean']:.1f}",
        )
        for entry in rounds
    ]
    heads = ["#round", "#gradient mass", "#gap", "#overlap", "#positive's rank, median", "#positive's rank, mean"]
    note = tag("p", "Under the model that mined the round, on queries that train: better here is not better on dev.", class_="note")
    return section("On training rows", note, pictures, grid("Training rows of each round", heads, rows))


def _notebook(report: Report) -> Html:
    """Entries of the notebook by status, and active ones by age."""
    rounds = report["rounds"]
    groups = {"status": [entry["notebook"] for entry in rounds], "age": [entry.get("ages") or {} for entry in rounds]}
    cards, tables = [], []
    for name, counts in groups.items():
        columns = sorted(
            {column for values in counts for column in values}, key=lambda column: (len(column) if name == "age" else 0, column)
        )
        labels = {column: f"age {column}" if name == "age" else column.replace("_", " ") for column in columns}
        series = {
            labels[column]: [(entry["round"], values.get(column, 0)) for entry, values in zip(rounds, counts, strict=True)]
            for column in columns
        }
        cards.append(card(f"Entries by {name}", curves(f"Notebook entries by {name}", series, axis="round")))
        rows = [
            (number(entry["round"]), *(number(values.get(column, 0)) for column in columns))
            for entry, values in zip(rounds, counts, strict=True)
        ]
        tables.append(grid(f"Entries by {name}", ["#round", *(f"#{labels[column]}" for column in columns)], rows) if columns else None)
    note = "Active entries train. The age of an active entry is the number of rounds since it was written down."
    return section("Notebook", tag("p", note, class_="note"), tag("div", *cards, class_="pair"), *filter(None, tables))


def _changes(report: Report) -> Html:
    """What each round added, kept and took out."""
    rounds = report["rounds"]
    series = {name: _by_round(rounds, name) for name in COUNTS}
    rows = [(number(entry["round"]), *(number(entry.get(name)) for name in COUNTS), number(entry["training_rows"])) for entry in rounds]
    table = grid("Negatives of each round", ["#round", *(f"#{name}" for name in COUNTS), "#training rows"], rows)
    return section("Changes", card("Negatives by what happened to them", curves("Changes by round", series, axis="round")), table)


def _examples(report: Report) -> Html | None:
    """For each round, some entries that it added, evicted, refused or forgot."""
    folds: list[Html] = []
    for entry in report["rounds"]:
        rows = [
            (
                example["change"],
                example["status"].replace("_", " "),
                score(example["score"]),
                tag("span", example["query"], tag("small", example["query_id"])),
                tag("span", example["passage"], tag("small", example["passage_id"])),
            )
            for example in entry.get("examples") or ()
        ]
        if rows:
            table = grid(f"Round {entry['round']}", ["change", "status", "#score", "query", "passage"], rows)
            folds.append(
                tag("details", tag("summary", f"Round {entry['round']}"), table, open="" if len(folds) < 1 else None, class_="card")
            )
    return section("Example changes", *folds) if folds else None


def _rounds(report: Report) -> Html:
    """Links to the page of each round's run and of its training."""
    rows = [
        (
            number(entry["round"]),
            tag("a", "hard negatives", href=f"round-{entry['round']}/mined/report.html"),
            tag("a", "training", href=f"round-{entry['round']}/model/report.html"),
        )
        for entry in report["rounds"]
    ]
    return section("Pages of the rounds", grid("Each round's pages", ["#round", "mined", "trained"], rows))


def _settings(report: Report) -> Html:
    identity = report["identity"]
    groups = {name: identity[name] for name in ("loop", "training", "mining", "data", "dev", "verdicts") if identity.get(name)}
    return section("Settings", *fact_tables(groups, "loop"))
