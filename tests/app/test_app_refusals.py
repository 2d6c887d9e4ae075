"""Whatever is wrong with a request: the right status, one problem document, never 500, nothing of the request repeated at length."""

import threading

import orjson
import pytest

from app.engine.engine import Engine

GOOD = {
    "queries": [{"id": "q", "text": "w001", "positives": ["a"]}],
    "passages": [{"id": "a", "text": "w001"}, {"id": "b", "text": "w002"}],
}
DEEP = b"[" * 100_000 + b"]" * 100_000


def with_(**changes):
    return orjson.dumps({**GOOD, **changes})


def config(**fields):
    return with_(config=fields)


def query(**changes):
    return with_(queries=[{**GOOD["queries"][0], **changes}])


BAD = {
    "empty": (b"", 400),
    "not json": (b"{", 400),
    "NaN": (b'{"queries": NaN}', 400),
    "infinity": (b'{"config": {"depth": Infinity}}', 400),
    "1e999": (b'{"config": {"depth": 1e999}}', 400),
    "lone surrogate": (b'{"queries": [{"text": "\\ud800"}]}', 400),
    "a key twice": (b'{"queries": [{"text": "a", "text": "b"}]}', 400),
    "lists too deep": (b'{"queries": ' + b"[" * 300 + b"]" * 300 + b"}", 400),
    "lone surrogate as a name": (b'{"\\udfff": 1}', 400),
    "invalid UTF-8": (b'{"queries": "\xff"}', 400),
    "UTF-16": ('{"queries": []}'.encode("utf-16"), 400),
    "byte order mark": (b"\xef\xbb\xbf{}", 400),
    "100 000 levels": (DEEP, 400),
    "150 levels as a text": (query(text=orjson.Fragment(b"[" * 150 + b"]" * 150)), 422),
    "5000 digits": (b'{"config": {"seed": ' + b"9" * 5000 + b"}}", 400),
    "2**64": (config(seed=orjson.Fragment(b"18446744073709551616")), 422),
    "true for a number": (config(negatives=True), 422),
    "null": (b"null", 422),
    "a list": (b"[]", 422),
    "a number": (b"1", 422),
    "nothing": (b"{}", 422),
    "unknown field": (with_(runtime={"device": "cuda"}), 422),
    "a very long unknown field": (with_(**{"x" * 100_000: 1}), 422),
    "a preset that is a list": (config(preset=["safe"]), 422),
    "a preset that is an object": (config(preset={}), 422),
    "unknown field of a query": (query(url="http://127.0.0.1/"), 422),
    "unknown setting": (config(device="cuda"), 422),
    "trust_remote_code": (config(trust_remote_code=True), 422),
    "allow_code": (config(allow_code=["some/model@" + "a" * 40]), 422),
    "allowed code of a request": (with_(allow_code=["some/model@" + "a" * 40]), 422),
    "no queries": (with_(queries=[]), 422),
    "queries are no list": (with_(queries={"a": 1}), 422),
    "query is null": (with_(queries=[None]), 422),
    "text is a number": (query(text=1), 422),
    "text is blank": (query(text=" \n"), 422),
    "id is no whole number": (query(id=1.5), 422),
    "id is a number that is not exact": (query(id=orjson.Fragment(b"18446744073709551616")), 422),
    "id is true": (query(id=True), 422),
    "id is blank": (query(id=" "), 422),
    "id with NUL": (query(id="a\0"), 422),
    "no positive": (query(positives=[]), 422),
    "positive is null": (query(positives=[None]), 422),
    "unknown positive": (query(positives=["zzz"]), 422),
    "empty passage": (with_(passages=[{"id": "a", "text": ""}]), 422),
    "no passages": (with_(passages=[]), 422),
    "no corpus is open": (orjson.dumps({"queries": GOOD["queries"]}), 422),
    "duplicate passage": (with_(passages=GOOD["passages"] * 2), 422),
    "duplicate query, another text": (with_(queries=[GOOD["queries"][0], {**GOOD["queries"][0], "text": "w009"}]), 422),
    "a filter that is on and off": (config(filters=["margin:relative=0.1", "margin:off"]), 422),
    "a knob given twice": (config(filters=["margin:relative=0.1", "margin:relative=0.0"]), 422),
    "a knob given twice beside a preset": (config(filters=["margin:relative=0.1", "margin:relative=0.0"], preset="safe"), 422),
    "unknown filter": (config(filters=["nope"]), 422),
    "a very long unknown filter": (config(filters=["n" * 1_000_000]), 422),
    "unknown knob": (config(filters=["margin:relativ=0.1"]), 422),
    "knob is NaN": (config(filters=["margin:relative=nan"]), 422),
    "knob is infinite": (config(filters=["margin:absolute=1e999"]), 422),
    "known positives switched off": (config(filters=["known_positive:off"]), 422),
    "unknown sampler": (config(sampler="nope"), 422),
    "depth is 0": (config(depth=0), 422),
    "depth is a text": (config(depth="many"), 422),
    "unknown format": (config(output_format="pickle"), 422),
    "another model": (config(model="/etc"), 422),
    "a model from a hub": (config(model="someone/else"), 422),
    "a revision": (config(revision="main"), 422),
    "another prompt": (config(query_prompt="query: "), 422),
    "a named prompt": (config(query_prompt_name="query"), 422),
    "another index": (config(index="IVF100000,PQ64"), 422),
    "a setting of the index": (config(index="exact:nprobe=4"), 422),
    "a recall": (config(recall=0.9), 422),
    "another similarity": (config(similarity="dot"), 422),
    "another length": (config(max_length=1), 422),
    "another pooling": (config(pooling="cls"), 422),
    "more negatives than candidates": (config(negatives=90, depth=10, max_depth=10), 422),
    "too many queries": (with_(queries=GOOD["queries"] * 101), 413),
    "too many passages": (with_(passages=[{"id": str(i), "text": "w001"} for i in range(5001)]), 413),
    "too many positives": (query(positives=["a"] * 1001), 413),
    "too long a text": (query(text="w" * 100_001), 413),
    "too long a passage": (with_(passages=[{"id": "a", "title": "w" * 60_000, "text": "w" * 60_000}]), 413),
    "too long an id": (query(id="é" * 257), 413),
    "too long an id of a positive": (query(positives=["i" * 513]), 413),
    "too long an id of a passage": (with_(passages=[{"id": "i" * 513, "text": "w001"}]), 413),
    "too many negatives": (config(negatives=101), 413),
    "too deep": (config(depth=1001), 413),
    "too deep at most": (config(max_depth=1001), 413),
    "too large a body": (query(text="w" * (8 * 2**20)), 413),
}


def problem(answer, status):
    """The problem document, checked."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 10_000
    document = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= set(document)
    return document


def post(client, body, **headers):
    return client.post("/v1/mine", content=body, headers={"Content-Type": "application/json", **headers})


def test_the_good_one_is_good(client):
    assert post(client, orjson.dumps(GOOD)).status_code == 200


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_is_refused(case, client):
    body, status = BAD[case]
    problem(post(client, body), status)


def test_the_fault_is_pointed_at(client):
    faults = problem(post(client, query(text=1)), 422)["errors"]
    assert faults == [{"pointer": "/queries/0/text", "detail": "Input should be a valid string"}]
    assert "queries[0]" in problem(post(client, query(positives=["zzz"])), 422)["detail"]
    assert "8,388,608" in problem(post(client, BAD["too large a body"][0]), 413)["detail"]


def test_a_fault_says_what_would_be_right(client):
    """In our words alone."""
    fault = problem(post(client, query(id=1.5)), 422)["errors"][0]
    assert fault["detail"] == "an id is a string or a whole number of 64 bits, and 1.5 is neither: write it in quotes"


def test_many_faults_are_listed_in_part(client):
    passages = [{"id": i} for i in range(4000)]
    assert len(problem(post(client, with_(passages=passages)), 422)["errors"]) == 50


def test_a_body_of_unknown_length_is_cut_off(client):
    """Chunked: no length is announced, and nothing beyond the limit is kept."""
    sent = 0

    def chunks():
        nonlocal sent
        for _ in range(64):
            sent += 2**20
            yield b" " * 2**20

    problem(client.post("/v1/mine", content=chunks(), headers={"Content-Type": "application/json"}), 413)
    small = orjson.dumps(GOOD)
    answer = client.post("/v1/mine", content=iter([small[:10], small[10:]]), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_body_is_refused_by_the_length_that_it_announces(client):
    """Before it is read: what comes is short."""
    problem(post(client, orjson.dumps(GOOD), **{"Content-Length": "8388609"}), 413)
    assert post(client, orjson.dumps(GOOD), **{"Content-Length": "8388608"}).status_code == 200


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_another_media_type_is_refused(media, client):
    problem(client.post("/v1/mine", content=orjson.dumps(GOOD), headers={"Content-Type": media}), 415)


def test_a_compressed_body_is_refused(client):
    problem(post(client, orjson.dumps(GOOD), **{"Content-Encoding": "gzip"}), 415)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/v1/mine", 405), ("POST", "/livez", 405), ("GET", "/redoc", 404)]
)
def test_wrong_paths_and_methods_are_problems_too(method, path, status, client):
    answer = client.request(method, path)
    problem(answer, status)
    assert (status != 405) or answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "told"),
    [("/v1/jobs", "GET, POST"), ("/v1/files/x", "GET, DELETE"), ("/v1/files/x/content", "GET, HEAD"), ("/livez", "GET, HEAD")],
)
def test_allow_names_every_method_of_the_path(path, told, client):
    """However many routes there are under it."""
    assert client.request("OPTIONS", path).headers["allow"] == told


def test_over_the_open_corpus_positives_are_its_ids(over_corpus):
    for changes in ({"positives": ["zzz"]}, {"positives": [], "positive_texts": ["w001"]}):
        problem(post(over_corpus, orjson.dumps({"queries": [{**GOOD["queries"][0], **changes}]})), 422)


def test_beyond_the_queue_is_429(client_of, monkeypatch):
    """One is mined, one waits, the third is refused at once, and both others get their answer."""
    client = client_of(at_once=1, waiting=1)
    entered, go, answers = threading.Semaphore(0), threading.Event(), []
    mine = Engine.mine

    def slow(self, request):
        entered.release()
        assert go.wait(20)
        return mine(self, request)

    monkeypatch.setattr(Engine, "mine", slow)
    threads = [threading.Thread(target=lambda: answers.append(post(client, orjson.dumps(GOOD)).status_code)) for _ in range(2)]
    threads[0].start()
    assert entered.acquire(timeout=20)
    threads[1].start()
    slots = client.app.state.services.mining_pool._slots
    while slots._value:
        pass
    refused = post(client, orjson.dumps(GOOD))
    problem(refused, 429)
    assert refused.headers["retry-after"] == "1"
    assert client.get("/livez").status_code == 200
    go.set()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    assert post(client, orjson.dumps(GOOD)).status_code == 200


def test_until_the_model_is_open_it_is_503(client_of, tmp_path, caplog):
    """A model that cannot be loaded: alive, never ready, and no path is told."""
    client = client_of(ready=False, model=str(tmp_path / "secret-folder"))
    assert client.get("/livez").status_code == 200
    for answer in (client.get("/readyz"), client.get("/v1/info"), post(client, orjson.dumps(GOOD))):
        assert "secret" not in problem(answer, 503)["detail"]
        assert answer.headers["retry-after"] == "5"


def test_a_bug_is_500_and_tells_nothing(client, monkeypatch, caplog):
    def broken(self, request):
        raise RuntimeError("secret")

    monkeypatch.setattr(Engine, "mine", broken)
    document = problem(post(client, orjson.dumps(GOOD)), 500)
    assert "secret" not in str(document)
    assert document["request_id"] in caplog.text
    assert "secret" in caplog.text


def test_where_the_model_lies_is_not_told(client, model):
    answer = post(client, config(model="another"))
    assert answer.status_code == 422
    assert "config.model is set by the server" in answer.json()["detail"]
    assert model not in answer.text
