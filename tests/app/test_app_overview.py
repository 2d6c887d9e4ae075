"""The list of runs and a run's overview: the numbers of the report, a ceiling that says what it drops, exports from the page."""

import re

import pytest
from screen_words import visible_text, wrong_words
from test_app_jobs import done, submit, upload

pytestmark = pytest.mark.slow

SEE = {"Accept": "text/html"}
HERE = {"Origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def client(client_of):
    made = client_of()
    made.follow_redirects = False
    return made


@pytest.fixture(scope="module")
def job(client, texts):
    ids = {name: upload(client, name, rows) for name, rows in texts.items()}
    inputs = {"corpus": ids["corpus.jsonl"], "queries": ids["queries.jsonl"], "qrels": [ids["qrels.tsv"]]}
    made = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"negatives": 3, "columns": ["ids"]}}).json())
    assert made["state"] == "succeeded", made
    return made


def see(client, path):
    answer = client.get(path, headers=SEE)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_runs_are_listed_with_their_numbers(client, job):
    page = see(client, "/")
    row = page[page.index(f"/jobs/{job['id']}") :]
    for told in ("succeeded", ">30<", f">{job['result']['mining']['chosen']}<"):
        assert told in row
    assert "Sign out" not in page  # no key, no session


def test_a_job_that_failed_says_why_and_can_be_tried_again(client):
    wrong = upload(client, "a.jsonl", [{"nothing": "here"}])
    failed = done(client, submit(client, {"kind": "mine", "inputs": {"pairs": wrong}}).json())
    page = see(client, "/")
    assert "inputs/pairs.jsonl" in page
    assert f'action="/jobs/{failed["id"]}/retry"' in page
    again = client.post(f"/jobs/{failed['id']}/retry", headers=HERE)
    assert (again.status_code, again.headers["location"]) == (303, "/")
    assert done(client, failed)["attempts"] == 2
    assert client.get(f"/jobs/{failed['id']}", headers=SEE).status_code == 409


@pytest.mark.parametrize("path", ["/", "/jobs/{id}", "/jobs/{id}/review", "/jobs/{id}/review?order=sample", "/jobs/job_0"])
def test_pages_have_the_words_of_the_glossary(client, job, path):
    """The list, a run, its review in both orders, and a refusal."""
    page = client.get(path.format(**job), headers=SEE).text
    assert len(text := visible_text(page)) > 100
    assert not wrong_words(text)


def numbers(page, name):
    return [float(value) for value in re.search(rf'data-{name}="([^"]*)"', page)[1].split(",")]


def test_the_overview_tells_what_the_report_tells(client, job):
    page, told = see(client, f"/jobs/{job['id']}"), job["result"]["mining"]
    assert sum(numbers(page, "kept")) == told["kept"]
    assert sum(numbers(page, "chosen")) == told["chosen"]
    assert len(numbers(page, "edges")) == len(numbers(page, "kept")) + 1
    for part in ("Dropped candidates", "Ranks", "Short queries", "Hubs", "− known_positive", "No pair of the sample has a verdict yet."):
        assert part in page
    assert f'href="/jobs/{job["id"]}/review"' in page
    assert client.get("/jobs/job_0", headers=SEE).status_code == 404


def test_an_export_below_a_ceiling(client, job):
    """The place of the slider is an edge of the survey; at the right end there is no ceiling."""
    edges = numbers(see(client, f"/jobs/{job['id']}"), "edges")
    place = len(edges) * 2 // 3
    answer = client.post(f"/jobs/{job['id']}/export", data={"ceiling": str(place)}, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    made = done(client, client.get("/v1/jobs?kind=export&limit=1").json()["jobs"][0])
    assert made["state"] == "succeeded"
    assert f"max_score:score={edges[place]:g}" in made["spec"]["config"]["filters"]
    for wrong in (str(len(edges) - 1), "-1", "x", "99999"):
        assert client.post(f"/jobs/{job['id']}/export", data={"ceiling": wrong}, headers=HERE).status_code == 409


def test_the_sample_tells_the_rate_of_its_reviewed_beginning(client, job):
    """Words about pairs further on do not count; unsure is neither."""
    from app.pages.run_survey import run_of, survey_of

    sample = survey_of(run_of(client.app.state.services, job["id"])[1])["sample"]
    words = ["false_negative", "true_negative", "unsure", "true_negative", None, "false_negative"]
    said = [{**pair, "verdict": word} for pair, word in zip(sample, words, strict=False) if word]
    assert client.post(f"/v1/jobs/{job['id']}/reviews", json={"verdicts": said}).status_code == 201
    page = see(client, f"/jobs/{job['id']}")
    assert "33.3 % false negatives (95 %: 6.1 % to 79.2 %), 1 of 3 decided" in page
    assert f"4 of {len(sample)} negatives in the random sample" in page
    assert "Export with verdicts on 5 pairs" in page
    client.post(f"/jobs/{job['id']}/export", data={"verdicts": "reviews"}, headers=HERE)
    assert done(client, client.get("/v1/jobs?kind=export&limit=1").json()["jobs"][0])["spec"]["verdicts"] == "reviews"
