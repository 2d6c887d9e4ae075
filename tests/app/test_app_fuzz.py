"""A short walk with random bodies and parameters: whatever is sent, the answer is one that the document tells of, and never 500.

The long walk is benchmarks/service/fuzz.py. Bodies are the examples with every default written out, spoiled in one to three places.
"""

import copy
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.http.body import MINE_REQUEST
from app.jobs.job_kinds import JOB_REQUEST
from app.openapi.body_examples import EXAMPLES

pytestmark = pytest.mark.slow

EXAMPLES_EACH = int(os.environ.get("FUZZ_EXAMPLES", "60"))
LEAF = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
ODD = st.sampled_from(
    ["", "..", "/etc/passwd", "\0", "é" * 300, "margin:relative=x", "file_0", "safe", 2**53, -1, 1e308, [], {}, [[]], "A" * 5000]
)
ANYTHING = st.recursive(
    LEAF | ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=5
)
NAMES = st.text(max_size=60) | st.sampled_from(["file_0", "..", "%2e%2e", "0", "null,null", "x" * 3000, "seeded"])
BODIES = {
    "/v1/mine": MINE_REQUEST.validate_python(EXAMPLES["MineRequest"]).model_dump(mode="json"),
    "/v1/jobs": JOB_REQUEST.validate_python(EXAMPLES["MineJob"]).model_dump(mode="json"),
    "/v1/jobs?dry_run=true": EXAMPLES["ExportJob"],
    "/v1/corpora": EXAMPLES["CorpusRequest"],
    "/v1/corpora/seeded/versions": EXAMPLES["CorpusAppend"],
}
walk = settings(max_examples=EXAMPLES_EACH, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(jobs_at_once=0, max_jobs_waiting=100_000)


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def places(node, at=()):
    """Every place of a body, itself included."""
    yield at
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield from places(value, (*at, key))


@st.composite
def spoiled(draw, body):
    """The body with something else in one to three of its places, or a field more."""
    found = {"": copy.deepcopy(body)}
    for _ in range(draw(st.integers(1, 3))):
        *way, last = ("", *draw(st.sampled_from(list(places(found[""])))))
        node = found
        for key in way:
            node = node[key]
        node[last] = copy.deepcopy(draw(ANYTHING))  # ODD holds lists that a later place may be in
    return found[""]


def check(document, method, route, answer):
    told = document["paths"][route][method]["responses"]
    assert str(answer.status_code) in told, (method, route, answer.status_code, answer.text[:300])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("path", BODIES)
@walk
@given(data=st.data())
def test_spoiled_bodies(path, data, client, document):
    body = data.draw(spoiled(BODIES[path]))
    answer = client.post(path, json=body)
    check(document, "post", path.partition("?")[0].replace("seeded", "{name}"), answer)


@walk
@given(data=st.data())
def test_strange_names_and_parameters(data, client, document):
    asked = st.sampled_from([(path, method) for path, methods in document["paths"].items() for method in methods if method != "post"])
    path, method = data.draw(asked)
    given_ = document["paths"][path][method].get("parameters", [])
    names = {one["name"]: data.draw(NAMES) for one in given_ if one["in"] == "path"}
    query = {one["name"]: data.draw(NAMES) for one in given_ if one["in"] == "query" and one["name"] != "wait"}
    answer = client.request(method, path.format(**{name: quoted(value) for name, value in names.items()}), params=query)
    if answer.status_code not in (404, 405):  # a name may make another path of it
        check(document, method, path, answer)
    assert answer.status_code < 500


def quoted(name):
    from urllib.parse import quote

    return quote(name, safe="") or "-"
