"""The review page: a query with its positives and its candidates by rank, each with buttons for a verdict."""

from __future__ import annotations

from app.pages.frame import breadcrumbs, form
from app.pages.overview import SampleSummary, rate, review_at
from app.pages.review_queue import Candidate, Positive, ReviewItem
from app.pages.run_list import title
from app.pages.word_diff import diff, jaccard, mark_shared, visible
from app.storage.job_rows import Job
from miner.page.html import Html, number, percent, score, tag

VERDICT_BUTTONS = {"false_negative": ("False negative", "f"), "true_negative": ("True negative", "t"), "unsure": ("Unsure", "u")}
NEAR_COPY_LIKENESS, DIFF_LIKENESS = 0.5, 0.05
"""The Jaccard likeness from which a candidate is marked as a near copy of a positive; and from which a word diff is shown."""

KEY_HELP = {
    "f": "false negative: it answers the query",
    "t": "true negative: it does not",
    "u": "unsure",
    "z": "withdraw the last verdict",
    "j k": "next, previous candidate",
    "n p": "next, previous query",
    "d": "show differences from the positive",
    "?": "this list",
}


def review(job: Job, item: ReviewItem, sample: SampleSummary) -> list[Html | None]:
    """The page."""
    chosen = sum(candidate["status"] == "chosen" for candidate in item.candidates)
    items = [_candidate(job, item, candidate) for candidate in item.candidates]
    note = f"{number(len(items))} candidates by rank, {number(chosen)} of them chosen as negatives"
    query = tag("h1", visible(item.query["text"]), tag("small", visible(item.query["id"])), class_="query")
    head = tag("h2", "Positive" if len(item.positives) == 1 else "Positives")
    query_side = tag(
        "section", query, head, *map(_positive, item.positives), class_="known", aria_label="Query and positives", tabindex="0"
    )
    ranked = tag("div", tag("h2", "Candidates"), tag("p", note, class_="note"), tag("ol", *items, class_="candidates", id="candidates"))
    return [
        breadcrumbs(("/", "Runs"), (f"/jobs/{job.id}", title(job)), (None, "Review")),
        _navigation(job, item),
        tag("p", f"The random sample so far: {rate(sample)}", class_="note", id="rate") if item.order == "sample" else None,
        tag("p", "", id="status", role="status", class_="sr"),
        tag("div", query_side, ranked, class_="both", id="lineup", data_job=job.id, data_query=item.query["id"], data_order=item.order),
        _help(),
    ]


def _navigation(job: Job, item: ReviewItem) -> Html:
    """The choice of the queue, the position in it, links to the next and the previous item, and a search by query id."""
    orders = (("suspicious", "Most suspicious first"), ("sample", "Random sample"))
    links = [
        tag(
            "a",
            name,
            href=review_at(job.id, order=order),
            aria_current="true" if order == item.order and item.index is not None else None,
        )
        for order, name in orders
    ]
    position = f"{number(item.index + 1)} of {number(item.length)}" if item.index is not None else "by its id"
    steps = [_step(job, item, -1, "Previous", "p"), tag("span", position, class_="where"), _step(job, item, 1, "Next", "n")]
    search = tag("input", type="search", name="query", placeholder="Query id", aria_label="Query id", required="")
    find = tag("form", search, tag("button", "Show", class_="plain"), action=review_at(job.id), method="get", role="search")
    keys = tag("button", "Keys ", tag("kbd", "?"), type="button", class_="plain", id="keys", aria_haspopup="dialog")
    return tag("div", tag("nav", *links, class_="tabs", aria_label="Order"), tag("div", *steps, class_="steps"), find, keys, class_="turn")


def _step(job: Job, item: ReviewItem, step: int, name: str, key: str) -> Html:
    index = (item.index if item.index is not None else -1) + step
    exists = 0 <= index < item.length
    address = review_at(job.id, order=item.order, at=str(index)) if exists else None
    mark = tag("kbd", key, aria_hidden="true")
    if address is None:
        return tag("span", name, class_="button plain off", aria_disabled="true")
    return tag("a", name, " ", mark, href=address, class_="button plain", rel="next" if step > 0 else "prev")


def _positive(positive: Positive) -> Html:
    rank = f"rank {number(positive['rank'])}" if positive["rank"] else "not retrieved"
    caption = f"{visible(positive['id'])} · score {score(positive['score'])} · {rank}"
    return tag("div", tag("p", visible(positive["text"]), class_="text"), tag("small", caption), class_="positive")


def _candidate(job: Job, item: ReviewItem, candidate: Candidate) -> Html:
    review = item.verdicts.get(candidate["id"])
    nearest, likeness = _nearest(item, candidate["text"])
    text_html = tag("p", mark_shared(candidate["text"], nearest), class_="text plainly")
    show_diff = likeness >= DIFF_LIKENESS or candidate["status"] == "chosen" or candidate["id"] == item.focus
    diff_html = tag("p", diff(nearest, candidate["text"]), class_="text diff", hidden="") if show_diff else None
    classes = " ".join(filter(None, ("card", candidate["status"], "focus" if candidate["id"] == item.focus else "")))
    return tag(
        "li",
        tag("div", *_facts(candidate, likeness), class_="facts"),
        text_html,
        diff_html,
        tag("small", visible(candidate["id"]), class_="id"),
        _verdict_form(job, item, candidate["id"], review.verdict if review else None),
        class_=classes,
        tabindex="-1",
        data_passage=candidate["id"],
        data_number=str(review.number) if review else None,
        data_verdict=review.verdict if review else None,
        aria_label=f"Rank {candidate['rank']}, {candidate['status']}",
    )


def _facts(candidate: Candidate, likeness: float) -> list[Html | None]:
    reason = (
        f"dropped by {candidate['dropped_by']}" + (f": {candidate['why']}" if candidate["why"] else "")
        if candidate["status"] == "dropped"
        else candidate["status"]
    )
    margin = candidate["margin"]
    is_negative = margin is not None and margin < 0
    return [
        tag("b", f"#{candidate['rank']}"),
        tag("span", "score ", tag("b", score(candidate["score"]))),
        tag("span", "margin ", tag("b", score(margin)), class_="under" if is_negative else None),
        tag("span", reason, class_=f"reason {candidate['status']}"),
        tag("span", f"similar to a positive: Jaccard {percent(likeness)}", class_="near") if likeness >= NEAR_COPY_LIKENESS else None,
    ]


def _nearest(item: ReviewItem, text: str) -> tuple[str, float]:
    """The text of the most similar positive, and its Jaccard likeness."""
    pairs = [(jaccard(text, positive["text"]), positive["text"]) for positive in item.positives]
    likeness, nearest = max(pairs, default=(0.0, ""), key=lambda pair: pair[0])
    return nearest, likeness


def _verdict_form(job: Job, item: ReviewItem, passage_id: str, current: str | None) -> Html:
    """The form with the verdict buttons. It works without scripts. current: the verdict of the latest review."""
    index = "" if item.index is None else str(item.index)
    hidden = {"query_id": item.query["id"], "passage_id": passage_id, "order": item.order, "at": index}
    fields = [tag("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
    buttons = [
        tag(
            "button",
            tag("kbd", key, aria_hidden="true"),
            f" {name}",
            name="verdict",
            value=verdict,
            class_=f"plain say {verdict}",
            aria_pressed="true" if verdict == current else "false",
        )
        for verdict, (name, key) in VERDICT_BUTTONS.items()
    ]
    return form(f"/jobs/{job.id}/review", *fields, *buttons, class_="verdicts")


def _help() -> Html:
    rows = [(tag("dt", *(tag("kbd", key) for key in keys.split())), tag("dd", meaning)) for keys, meaning in KEY_HELP.items()]
    items = tag("dl", *(part for row in rows for part in row))
    switch = tag("label", tag("input", type="checkbox", id="listening", checked=""), " Listen to single keys")
    close = tag("form", tag("button", "Close", class_="plain"), method="dialog")
    return tag("dialog", tag("h2", "Keys", id="keys-title"), items, switch, close, id="help", aria_labelledby="keys-title")
