"""A request gets the very rows that a run writes, as JSON and as lines, with the passages in it or over the open corpus."""

import gc
import json
import threading
from pathlib import Path

import pytest

from miner.config import MiningConfig, Runtime
from miner.formats import FORMATS
from miner.read import read_inline
from miner.read.cells import text_id
from miner.runs.run import mine
from miner.sources import dense

pytestmark = pytest.mark.slow

LINES = {"Accept": "application/x-ndjson"}
CONFIGS = [
    {},
    {"negatives": 20, "depth": 10, "max_depth": 150, "columns": ["ids", "scores", "ranks"]},  # most queries are searched deeper
    {"anchor": "own", "negatives": 12, "depth": 20, "fill": "random", "seed": 5, "columns": ["ids", "tiers"]},
    {"sampler": "uniform", "seed": 3, "filters": ["margin:absolute=0.2", "near_positive:off"], "fill": "repeat"},
    *({"output_format": name, "negatives": 2} for name, shape in FORMATS.items() if not shape.layout),
]


def by_run(world, model, tmp_path, config):
    """The bytes of the training file that Python writes."""
    dataset = read_inline(world["queries"], world["passages"], tmp_path / "data")
    made = mine(
        dataset,
        MiningConfig.of(**{**config, "model": model}),
        out=tmp_path / "run",
        runtime=Runtime.of(cache=tmp_path / "cache"),
        kind=".jsonl",
    )
    return made.file.read_bytes(), made


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_same_bytes_as_a_run(config, world, model, client, over_corpus, tmp_path):
    """Inline, over the open corpus, and by Python: equal bytes."""
    expected, made = by_run(world, model, tmp_path, config)
    assert expected.count(b"\n") >= 30
    inline = client.post("/v1/mine", json={**world, "config": config}, headers=LINES)
    opened = over_corpus.post("/v1/mine", json={"queries": world["queries"], "config": config}, headers=LINES)
    assert inline.headers["content-type"] == "application/x-ndjson"
    assert inline.content == expected
    assert opened.content == expected
    answer = client.post("/v1/mine", json={**world, "config": config}).json()
    assert answer["rows"] == list(made.rows())
    assert answer["config"] == {**made.manifest["config"], "model": Path(model).name}
    assert answer["report"]["dropped"] == made.report["counts"]["dropped"]
    assert (answer["report"]["rows"], answer["report"]["passages"]) == (len(answer["rows"]), 200)


def test_a_question_under_two_ids_gives_its_rows_once(world, model, client, over_corpus, tmp_path):
    """The same bytes as a run here too; the rows left out are counted."""
    first = world["queries"][0]
    queries = [*world["queries"], {**first, "id": f"{first['id']}-again", "text": first["text"] + "!"}]
    made = by_run({**world, "queries": queries}, model, tmp_path, {})[1]
    answers = [
        each.post("/v1/mine", json=body) for each, body in ((client, {**world, "queries": queries}), (over_corpus, {"queries": queries}))
    ]
    assert [answer.json()["rows"] for answer in answers] == [list(made.rows())] * 2
    assert {answer.json()["report"]["rows_repeated"] for answer in answers} == {made.report["rows_repeated"]}
    assert made.report["rows_repeated"] == made.manifest["counts"]["rows_repeated"] > 0


def test_passages_of_the_open_corpus_need_no_ids(world, client_of, tmp_path):
    """They follow from the texts, as everywhere; a positive goes by its text's id."""
    (tmp_path / "bare.jsonl").write_text("".join(json.dumps({"text": passage["text"]}) + "\n" for passage in world["passages"]))
    text = world["passages"][0]["text"]
    query = {"text": world["queries"][0]["text"], "positives": [text_id(text)]}
    answer = client_of(corpus=str(tmp_path / "bare.jsonl")).post("/v1/mine", json={"queries": [query]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"][0]["positive"] == text


def test_lengths_of_vectors_are_measured_once_for_a_corpus(world, corpus_file, client_of, monkeypatch):
    """A model that compares by inner product: the requests after the first find them."""
    client, measured, own = client_of(corpus=str(corpus_file), similarity="dot"), [], dense.lengths
    monkeypatch.setattr(dense, "lengths", lambda vectors: measured.append(len(vectors)) or own(vectors))
    answers = [client.post("/v1/mine", json={"queries": world["queries"]}, headers=LINES) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.content for answer in answers}) == 1
    assert len(measured) <= 1


def test_order_of_the_request_changes_nothing(world, client):
    turned = {name: items[::-1] for name, items in world.items()}
    assert client.post("/v1/mine", json=turned, headers=LINES).content == client.post("/v1/mine", json=world, headers=LINES).content


def test_the_served_model_may_be_named(world, model, client):
    named = client.post("/v1/mine", json={**world, "config": {"model": Path(model).name, "index": "exact"}})
    assert named.status_code == 200
    assert named.json()["config"]["model"] == Path(model).name


def test_variations_are_for_jobs(world, client):
    answer = client.post("/v1/mine", json={**world, "config": {"variations": ["delete"]}})
    assert answer.status_code == 422
    assert "config.variations is for jobs, which write a run folder: leave it out here" in answer.text


def test_judges_are_for_jobs(world, client):
    answer = client.post("/v1/mine", json={**world, "config": {"judges": ["cross-encoder:model=x"]}})
    assert answer.status_code == 422
    assert "second judges are used by jobs only: leave judges out" in answer.text


def test_positive_texts_join_the_passages(world, client):
    queries = [{"text": "w001 w002", "positive_texts": ["w001 w002 w003"]}]
    answer = client.post("/v1/mine", json={"queries": queries, "passages": world["passages"]}).json()
    assert {row["positive"] for row in answer["rows"]} == {"w001 w002 w003"}
    assert answer["report"]["passages"] == 201


def test_passages_in_a_request_go_before_the_open_corpus(world, over_corpus):
    few = world["passages"][:20]
    queries = [{"text": "w001", "positives": [few[0]["id"]]}]
    assert over_corpus.post("/v1/mine", json={"queries": queries, "passages": few}).json()["report"]["passages"] == 20


def test_nothing_but_the_training_rows_leaves_a_trace(world, client, over_corpus, tmp_path, monkeypatch):
    """Temporary files are gone when the answer is there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert client.post("/v1/mine", json=world).status_code == 200
    assert over_corpus.post("/v1/mine", json={"queries": world["queries"]}).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_get_what_each_gets_alone(world, client_of, corpus_file):
    client = client_of(corpus=str(corpus_file), at_once=3)
    bodies = [{"queries": world["queries"][i : i + 5], "config": {"seed": i, "sampler": "uniform"}} for i in range(0, 25, 5)]
    alone = [client.post("/v1/mine", json=body).json() for body in bodies]
    together = [None] * len(bodies)

    def ask(i):
        together[i] = client.post("/v1/mine", json=bodies[i]).json()

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_what_is_loaded_is_left_alone_by_the_collector(client):
    """Or every full collection would stop all requests for as long as it takes to look at torch."""
    assert gc.get_freeze_count() > 10_000
