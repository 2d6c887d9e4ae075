"""What a request may hold: ids as files have them."""

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


def test_the_document_says_that_both_are_ids() -> None:
    told = TypeAdapter(MineRequest).json_schema()["$defs"]["Passage"]["properties"]["id"]
    assert {one["type"] for one in told["anyOf"]} == {"string", "integer"}


def test_a_job_names_each_file_once() -> None:
    job = MineJob.model_validate({"kind": "mine", "inputs": {"pairs": "file_1", "fields": {"grade": "score"}}})
    assert job.inputs.fields == {"grade": "score"}
