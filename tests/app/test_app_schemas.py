"""What a request may hold: ids as files have them."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from app.jobs.mine import MineJob
from app.schemas import MineRequest


def body(of: object) -> dict[str, object]:
    return {"queries": [{"id": of, "text": "a", "positives": [of]}], "passages": [{"id": of, "text": "b"}]}


def test_an_id_may_be_a_whole_number() -> None:
    wanted = MineRequest.model_validate(body(7))
    assert wanted == MineRequest.model_validate(body("7"))
    assert wanted.passages
    assert (wanted.queries[0].id, wanted.queries[0].positives, wanted.passages[0].id) == ("7", ["7"], "7")


@pytest.mark.parametrize("wrong", [True, 7.0, 2**64, ["7"], {"id": 7}])
def test_nothing_else_is_an_id(wrong: object) -> None:
    with pytest.raises(ValidationError):
        MineRequest.model_validate(body(wrong))


@pytest.mark.parametrize("number", [1.5, 2**64, -(2**63) - 1])
def test_a_number_that_is_no_id_is_answered_with_what_is(number: float) -> None:
    with pytest.raises(ValidationError, match=f"an id is a string or a whole number of 64 bits, and {re.escape(str(number))} is neither"):
        MineRequest.model_validate(body(number))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"pairs": ["file_1", "file_2"]}, "one name or id is needed, a string, and here is a list of 2: a job reads one file here"),
        ({"corpus": ["c"], "pairs": "file_1"}, "one name or id is needed, a string, and here is a list of 1"),
        ({"qrels": "file_1"}, r'a list of ids is needed, as \["file_1"\]'),
    ],
)
def test_one_file_and_several_are_told_apart(inputs: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MineJob.model_validate({"kind": "mine", "inputs": inputs})


def test_the_document_says_that_both_are_ids() -> None:
    told = TypeAdapter(MineRequest).json_schema()["$defs"]["Passage"]["properties"]["id"]
    assert {one["type"] for one in told["anyOf"]} == {"string", "integer"}


def test_a_job_names_each_file_once() -> None:
    job = MineJob.model_validate({"kind": "mine", "inputs": {"pairs": "file_1", "fields": {"grade": "score"}}})
    assert job.inputs.fields == {"grade": "score"}
