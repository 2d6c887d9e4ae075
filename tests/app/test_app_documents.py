"""The OpenAPI document: whole, with a key on everything that is not open, one shape of refusal, and examples that are accepted."""

import re

import pytest
from pydantic import TypeAdapter

from app.guard import OPEN
from app.http.body import MINE_REQUEST
from app.jobs.export import ExportJob
from app.jobs.mine import MineJob
from app.openapi.body_examples import EXAMPLES, PROBLEM
from app.openapi.document import SHAPE
from app.requests.review_requests import ReviewRequest
from app.schemas import CorpusAppend, CorpusRequest

ACCEPTS = {
    "MineRequest": MINE_REQUEST,
    "CorpusRequest": TypeAdapter(CorpusRequest),
    "CorpusAppend": TypeAdapter(CorpusAppend),
    "MineJob": TypeAdapter(MineJob),
    "ExportJob": TypeAdapter(ExportJob),
    "ReviewRequest": TypeAdapter(ReviewRequest),
}


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_accepted(name, document):
    ACCEPTS[name].validate_python(EXAMPLES[name])
    assert document["components"]["schemas"][name]["examples"] == [EXAMPLES[name]]


def test_the_example_of_mining_mines(client):
    answer = client.post("/v1/mine", json=EXAMPLES["MineRequest"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["report"]["queries"] == 1


def test_the_example_of_a_problem_is_one(client):
    told = client.post("/v1/mine", json={"queries": [{"text": 1}]}).json()
    assert set(told) == set(PROBLEM)
    assert set(SHAPE["required"]) <= set(told) <= set(SHAPE["properties"])


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document):
    schemas, text = document["components"]["schemas"], str(document)
    named = set(re.findall(r"#/components/schemas/([\w-]+)", text))
    assert named == set(schemas)


def test_names_of_operations_are_plain_and_their_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_whatever_is_not_open_wants_a_key(document):
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert {path for path, _, operation in operations(document) if operation.get("security") == []} == OPEN & set(document["paths"])


def test_refusals_have_one_shape(document):
    for path, method, operation in operations(document):
        refused = {status: told for status, told in operation["responses"].items() if status >= "400"}
        assert {"400", "503"} <= set(refused), (path, method)
        assert ("401" in refused) is (path not in OPEN), (path, method)
        for told in refused.values():
            assert list(told["content"]) == ["application/problem+json"]
