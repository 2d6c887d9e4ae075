"""The review page: the queue in both orders, candidates as `explain` tells them, words by form, and a page that stays small."""

import gzip
import html
import re

import pytest
from test_app_jobs import done, submit, upload

from app.pages.run_survey import survey_of
from miner.analysis.explain import explain
from miner.runs.run import Run

pytestmark = pytest.mark.slow

SEE = {"Accept": "text/html"}
HERE = {"Origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def client(client_of):
    made = client_of()
    made.follow_redirects = False
    return made


@pytest.fixture(scope="module")
def job(client, texts, world):
    """A job over the world and a copy of the first query's positive, so that something is nearly a positive's text."""
    copied = next(row for row in texts["corpus.jsonl"] if row["_id"] == world["queries"][0]["positives"][0])
    corpus = [*texts["corpus.jsonl"], {**copied, "_id": "copy", "text": copied["text"] + " w001"}]
    ids = {name: upload(client, name, rows) for name, rows in {**texts, "corpus.jsonl": corpus}.items()}
    inputs = {"corpus": ids["corpus.jsonl"], "queries": ids["queries.jsonl"], "qrels": [ids["qrels.tsv"]]}
    made = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"negatives": 3}}).json())
    assert made["state"] == "succeeded", made
    return made["id"]


@pytest.fixture(scope="module")
def run(client, job):
    return Run(client.app.state.services.state.jobs / job / "run")


def see(client, job, asked=""):
    answer = client.get(f"/jobs/{job}/review{asked}", headers=SEE)
    assert answer.status_code == 200, answer.text
    return answer.text


def cards(page):
    """(passage, classes, text) of every candidate."""
    found = re.findall(r'<li class="([^"]*)" tabindex="-1" data-passage="([^"]*)".*?</li>', page, re.DOTALL)
    return [(html.unescape(passage), classes.split()) for classes, passage in found]


def test_candidates_are_those_of_explain(client, job, run):
    """By rank, with status and reason; known positives stand on the other side."""
    for case in survey_of(run)["suspicious"][:5]:
        page, told = see(client, job, f"?query={case['query_id']}"), explain(run, case["query_id"])
        (anchor,) = told["anchors"]
        wanted = [(one["id"], one["status"]) for one in anchor["candidates"] if one["dropped_by"] != "known_positive"]
        shown = [(passage, classes[1]) for passage, classes in cards(page)]
        assert shown == [pair for place, pair in enumerate(wanted) if place < 20 or pair[1] == "chosen"]
        assert all(html.escape(positive["id"]) in page for positive in anchor["positives"])
        assert html.escape(told["query"]["text"]) in page


@pytest.mark.parametrize("order", ["suspicious", "sample"])
def test_the_queue_is_the_surveys(order, client, job, run):
    """Place by place, with the passage in focus; the ends have nothing beyond."""
    queue = survey_of(run)[order]
    for place in (0, 1, len(queue) - 1):
        page = see(client, job, f"?order={order}&at={place}")
        assert f'data-query="{queue[place]["query_id"]}"' in page
        assert [passage for passage, classes in cards(page) if "focus" in classes] == [queue[place]["passage_id"]]
        assert (f"at={place + 1}" in page) == (place + 1 < len(queue))
        assert ('rel="prev"' in page) == (place > 0)
    assert client.get(f"/jobs/{job}/review?order={order}&at={len(queue)}", headers=SEE).status_code == 404
    assert client.get(f"/jobs/{job}/review?query=nope", headers=SEE).status_code == 422


def test_it_begins_where_nobody_has_spoken(client, job, run):
    queue = survey_of(run)["suspicious"]
    words = [{"query_id": case["query_id"], "passage_id": case["passage_id"], "verdict": "unsure"} for case in queue[:2]]
    client.post(f"/v1/jobs/{job}/reviews", json={"verdicts": words})
    assert f'data-query="{queue[2]["query_id"]}"' in see(client, job)


def test_a_word_by_form_is_kept_and_shown(client, job, run):
    """What a browser without scripts sends; it leads back to where it was said."""
    case = survey_of(run)["suspicious"][3]
    word = {**{name: case[name] for name in ("query_id", "passage_id")}, "verdict": "false_negative", "order": "suspicious", "at": "3"}
    answer = client.post(f"/jobs/{job}/review", data=word, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job}/review?order=suspicious&at=3")
    page = see(client, job, "?at=3")
    said = re.search(r'data-number="(\d+)" data-verdict="false_negative"', page)
    assert client.get(f"/v1/jobs/{job}/reviews?after={int(said[1]) - 1}").json()["reviews"][0]["passage_id"] == case["passage_id"]
    for wrong in ({"verdict": "nope"}, {"query_id": "nope"}, {"passage_id": ""}):
        assert client.post(f"/jobs/{job}/review", data={**word, **wrong}, headers=HERE).status_code == 422
    assert client.post(f"/jobs/{job}/review", data=word).status_code == 403


def test_a_copy_of_a_positive_is_marked(client, job, world):
    page = see(client, job, f"?query={world['queries'][0]['id']}")
    marked = [card for card in page.split("<li class=")[1:] if "similar to a positive" in card]
    assert [re.search('data-passage="([^"]*)"', card)[1] for card in marked] == ["copy"]


def test_the_page_is_small(client, job):
    answer = client.get(f"/jobs/{job}/review", headers={**SEE, "Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(answer.content)) < 100_000
    assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", answer.text)


def test_there_is_nothing_to_review_of_a_job_without_a_run(client):
    wrong = upload(client, "a.jsonl", [{"nothing": "here"}])
    failed = done(client, submit(client, {"kind": "mine", "inputs": {"pairs": wrong}}).json())
    assert client.get(f"/jobs/{failed['id']}/review", headers=SEE).status_code == 409
