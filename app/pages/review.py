"""Review: a query with its positives, and its candidates by rank, each to be called a false negative, a true one, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.pages.frame import crumbs, form
from app.pages.overview import Sampled, rate, review_at
from app.pages.review_queue import Lineup
from app.pages.run_list import title
from app.pages.word_diff import alike, changed, shared, visible
from app.storage.job_rows import Job
from app.storage.reviews import Review
from miner.page.html import Html, number, percent, score, tag

WORDS = {"false_negative": ("False negative", "f"), "true_negative": ("True negative", "t"), "unsure": ("Unsure", "u")}
NEAR, RELATED = 0.5, 0.05
"""The likeness from which a candidate is marked as nearly a positive's copy; and from which it is held against it word for word."""

KEYS = {
    "f": "false negative: it answers the query",
    "t": "true negative: it does not",
    "u": "unsure",
    "z": "take the last word back",
    "j k": "next, previous candidate",
    "n p": "next, previous query",
    "d": "what differs from the positive",
    "?": "this list",
}


def review(job: Job, lineup: Lineup, sampled: Sampled) -> list[Html | None]:
    """The page."""
    chosen = sum(one["status"] == "chosen" for one in lineup.candidates)
    listed = [_candidate(job, lineup, one) for one in lineup.candidates]
    note = f"{number(len(listed))} candidates by rank, {number(chosen)} of them chosen as negatives"
    query = tag("h1", visible(lineup.query["text"]), tag("small", visible(lineup.query["id"])), class_="query")
    head = tag("h2", "Positive" if len(lineup.positives) == 1 else "Positives")
    known = tag("section", query, head, *map(_positive, lineup.positives), class_="known", aria_label="Query and positives", tabindex="0")
    ranked = tag("div", tag("h2", "Candidates"), tag("p", note, class_="note"), tag("ol", *listed, class_="candidates", id="candidates"))
    return [
        crumbs(("/", "Runs"), (f"/jobs/{job.id}", title(job)), (None, "Review")),
        _bar(job, lineup),
        tag("p", f"The sample so far: {rate(sampled)}", class_="note", id="rate") if lineup.order == "sample" else None,
        tag("p", "", id="said", role="status", class_="sr"),
        tag("div", known, ranked, class_="both", id="lineup", data_job=job.id, data_query=lineup.query["id"], data_order=lineup.order),
        _help(),
    ]


def _bar(job: Job, lineup: Lineup) -> Html:
    """Which queue, where in it, onwards and back, and a query by name."""
    orders = (("suspicious", "Most suspicious first"), ("sample", "Random sample"))
    links = [
        tag(
            "a",
            name,
            href=review_at(job.id, order=order),
            aria_current="true" if order == lineup.order and lineup.place is not None else None,
        )
        for order, name in orders
    ]
    where = f"{number(lineup.place + 1)} of {number(lineup.length)}" if lineup.place is not None else "by its id"
    steps = [_step(job, lineup, -1, "Previous", "p"), tag("span", where, class_="where"), _step(job, lineup, 1, "Next", "n")]
    named = tag("input", type="search", name="query", placeholder="Query id", aria_label="Query id", required="")
    find = tag("form", named, tag("button", "Show", class_="plain"), action=review_at(job.id), method="get", role="search")
    keys = tag("button", "Keys ", tag("kbd", "?"), type="button", class_="plain", id="keys", aria_haspopup="dialog")
    return tag("div", tag("nav", *links, class_="tabs", aria_label="Order"), tag("div", *steps, class_="steps"), find, keys, class_="turn")


def _step(job: Job, lineup: Lineup, by: int, name: str, key: str) -> Html:
    place = (lineup.place if lineup.place is not None else -1) + by
    there = 0 <= place < lineup.length
    address = review_at(job.id, order=lineup.order, at=str(place)) if there else None
    mark = tag("kbd", key, aria_hidden="true")
    if address is None:
        return tag("span", name, class_="button plain off", aria_disabled="true")
    return tag("a", name, " ", mark, href=address, class_="button plain", rel="next" if by > 0 else "prev")


def _positive(one: Mapping[str, Any]) -> Html:
    rank = f"rank {number(one['rank'])}" if one["rank"] else "not retrieved"
    said = f"{visible(one['id'])} · score {score(one['score'])} · {rank}"
    return tag("div", tag("p", visible(one["text"]), class_="text"), tag("small", said), class_="positive")


def _candidate(job: Job, lineup: Lineup, one: Mapping[str, Any]) -> Html:
    said = lineup.said.get(one["id"])
    nearest, likeness = _nearest(lineup, one["text"])
    marked = tag("p", shared(one["text"], nearest), class_="text plainly")
    worth = likeness >= RELATED or one["status"] == "chosen" or one["id"] == lineup.focus
    diff = tag("p", changed(nearest, one["text"]), class_="text diff", hidden="") if worth else None
    classes = " ".join(filter(None, ("card", one["status"], "focus" if one["id"] == lineup.focus else "")))
    return tag(
        "li",
        tag("div", *_facts(one, likeness), class_="facts"),
        marked,
        diff,
        tag("small", visible(one["id"]), class_="id"),
        _verdict(job, lineup, one, said),
        class_=classes,
        tabindex="-1",
        data_passage=one["id"],
        data_number=str(said.number) if said else None,
        data_verdict=said.verdict if said else None,
        aria_label=f"Rank {one['rank']}, {one['status']}",
    )


def _facts(one: Mapping[str, Any], likeness: float) -> list[Html | None]:
    reason = f"dropped by {one['dropped_by']}" + (f": {one['why']}" if one["why"] else "") if one["status"] == "dropped" else one["status"]
    margin = one["margin"]
    wrong = margin is not None and margin < 0
    return [
        tag("b", f"#{one['rank']}"),
        tag("span", "score ", tag("b", score(one["score"]))),
        tag("span", "margin ", tag("b", score(margin)), class_="under" if wrong else None),
        tag("span", reason, class_=f"reason {one['status']}"),
        tag("span", f"near a positive: {percent(likeness)} alike", class_="near") if likeness >= NEAR else None,
    ]


def _nearest(lineup: Lineup, text: str) -> tuple[str, float]:
    """The positive that is most like a text, and how much."""
    found = [(alike(text, positive["text"]), positive["text"]) for positive in lineup.positives]
    likeness, nearest = max(found, default=(0.0, ""), key=lambda pair: pair[0])
    return nearest, likeness


def _verdict(job: Job, lineup: Lineup, one: Mapping[str, Any], said: Review | None) -> Html:
    """The form that says a word; without scripts it works by itself."""
    place = "" if lineup.place is None else str(lineup.place)
    hidden = {"query_id": lineup.query["id"], "passage_id": one["id"], "order": lineup.order, "at": place}
    fields = [tag("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
    buttons = [
        tag(
            "button",
            tag("kbd", key, aria_hidden="true"),
            f" {name}",
            name="verdict",
            value=verdict,
            class_=f"plain say {verdict}",
            aria_pressed="true" if said and said.verdict == verdict else "false",
        )
        for verdict, (name, key) in WORDS.items()
    ]
    return form(f"/jobs/{job.id}/review", *fields, *buttons, class_="verdicts")


def _help() -> Html:
    rows = [(tag("dt", *(tag("kbd", key) for key in keys.split())), tag("dd", what)) for keys, what in KEYS.items()]
    listed = tag("dl", *(part for row in rows for part in row))
    switch = tag("label", tag("input", type="checkbox", id="listening", checked=""), " Listen to single keys")
    close = tag("form", tag("button", "Close", class_="plain"), method="dialog")
    return tag("dialog", tag("h2", "Keys", id="keys-title"), listed, switch, close, id="help", aria_labelledby="keys-title")
