"""One dataset, whichever door it comes in by: files, pairs, Python, a request with its passages, a stored corpus, a job, an export.

The worlds have questions asked twice (under two ids, in other letters), several positives, judged negatives, equal passages, odd ids.
"""

import contextlib
import random

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_app_corpora import built, create
from test_app_jobs import LINES, content, done, submit, upload

from app.jobs import worker
from miner.cli import app
from miner.config import MiningConfig, Runtime
from miner.read import read_inline
from miner.runs.run import mine

pytestmark = pytest.mark.server

QUESTIONS = ("w001 w002 w003", "w001 w002  w003?", "w004 w005", "W004 w005!", "w006 ﬁ", "w006 fi", "w007 w008 w009", "w010")
ODD_IDS = (7, 10, "9", "é", "～", "😀", "a b", "/", "P", "p")
CONFIGS = (
    {},
    {"filters": ["margin:off", "near_positive:off", "nearest:off"], "negatives": 4, "columns": ["ids", "scores", "ranks"]},
    {"anchor": "own", "negatives": 2, "filters": ["group"], "columns": ["ids"]},
    {"judged": "prefer", "filters": ["margin:relative=0.2"], "negatives": 3},
    {"judged": "ignore", "sampler": "uniform", "fill": "random", "negatives": 6, "seed": 5, "output_format": "labeled-pair"},
)


def passages_of(seed):
    """60 passages: a third of the texts are there twice, once in other letters; titles, groups, columns that mean nothing to us."""
    draw = random.Random(seed)
    pool = [" ".join(draw.choices([f"w{i:03}" for i in range(1, 12)], k=5)) for _ in range(40)]
    texts = [*pool, *pool[:10], *(f"{text.upper()}." for text in pool[10:20])]
    ids = [*ODD_IDS, *(f"p{i}" for i in range(len(texts) - len(ODD_IDS)))]
    return [
        {"_id": name, "text": text, "title": "w011" if i % 7 == 3 else None, "group": i % 5 or None, "doc_title": "w002", "id": f"not-{i}"}
        for i, (name, text) in enumerate(zip(ids, texts, strict=True))
    ]


@st.composite
def queries_over(draw, passages):
    """Up to eight queries; each has positives, and perhaps passages that were judged non-relevant (one may be both)."""
    names = st.sampled_from([passage["_id"] for passage in passages])
    ids = draw(st.lists(st.sampled_from([3, 12, "12 ", "q", "Q", "é", "q-1", "😀"]), min_size=1, max_size=8, unique=True))
    several, some = st.lists(names, min_size=1, max_size=4), st.lists(names, max_size=3)
    asked = st.sampled_from(QUESTIONS)
    return [{"id": name, "text": draw(asked), "positives": draw(several), "non_relevant": draw(some)} for name in ids]


def lines(rows):
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def files_of(queries):
    """The same as files: queries and qrels, and as pairs."""
    asked = lines({"_id": query["id"], "text": query["text"]} for query in queries)
    judged = [(q["id"], p, grade) for q in queries for grade, some in ((1, q["positives"]), (0, q["non_relevant"])) for p in some]
    qrels = lines({"query-id": q, "corpus-id": p, "score": grade} for q, p, grade in judged)
    pairs = lines(
        {
            "query_id": q["id"],
            "query": q["text"],
            "positive_ids": [*q["positives"], *q["non_relevant"]],
            "label": [1] * len(q["positives"]) + [0] * len(q["non_relevant"]),
        }
        for q in queries
    )
    return {"queries.jsonl": asked, "qrels.jsonl": qrels, "pairs.jsonl": pairs}


class World:
    """A corpus behind every door."""

    def __init__(self, client, model, folder, seed):
        self.client, self.folder, self.passages = client, folder, passages_of(seed)
        self.model, self.name = model, f"doors-{seed}"
        (folder / "corpus.jsonl").write_bytes(lines(self.passages))
        self.file = upload(client, "corpus.jsonl", self.passages)
        assert built(client, create(client, self.name, [self.file]))["state"] == "succeeded"

    def command_line(self, config, *words):
        """The training rows that `hardneg mine` writes."""
        (self.folder / "config.json").write_bytes(orjson.dumps({**config, "model": self.model}))
        with contextlib.chdir(self.folder):
            app(
                ["mine", *words, "--corpus", "corpus.jsonl", "--config", "config.json", "--out", "out.jsonl", "--force", "--quiet"],
                standalone_mode=False,
            )
        return (self.folder / "out.jsonl").read_bytes()

    def doors(self, queries, config):
        """What each door gives that answers at once."""
        for name, rows in files_of(queries).items():
            (self.folder / name).write_bytes(rows)
        shown = [{name: p[name] for name in ("title", "text", "group")} | {"id": p["_id"]} for p in self.passages]
        inline = {"queries": queries, "passages": shown, "config": config}
        yield "files", self.command_line(config, "--queries", "queries.jsonl", "--qrels", "qrels.jsonl")
        yield "pairs", self.command_line(config, "--pairs", "pairs.jsonl", "--field", "grade=label")
        made = mine(
            read_inline(queries, shown),
            MiningConfig.of(**config, model=self.model),
            runtime=Runtime.of(device="cpu"),
            kind=".jsonl",
        )
        yield "Python", made.file.read_bytes()
        yield "request", self.client.post("/v1/mine", json=inline, headers=LINES).content
        over = {"queries": queries, "corpus": self.name, "config": config}
        yield "stored corpus", self.client.post("/v1/mine", json=over, headers=LINES).content

    def jobs(self, queries, config):
        """What each kind of job gives."""
        ids = {name: upload(self.client, name, rows) for name, rows in files_of(queries).items()}
        asked = {"queries": ids["queries.jsonl"], "qrels": [ids["qrels.jsonl"]]}
        pairs = {"pairs": ids["pairs.jsonl"], "fields": {"grade": "label"}}
        kinds = [{**given, "corpus": corpus} for given in (asked, pairs) for corpus in (self.file, self.name)]
        bodies = [{"kind": "mine", "inputs": inputs, "config": config, "file_kind": "jsonl"} for inputs in kinds]
        jobs = [done(self.client, submit(self.client, body).json()) for body in bodies]
        export = {"kind": "export", "job": jobs[0]["id"], "file_kind": "jsonl"}
        for job in [*jobs, done(self.client, submit(self.client, export).json())]:
            yield str(job["spec"]), content(self.client, job) if job["state"] == "succeeded" else job["error"]


@pytest.fixture(scope="module")
def worlds(client_of, model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "POLL_SECONDS", 0.02)
        client = client_of()
        yield [World(client, model, tmp_path_factory.mktemp("doors"), seed) for seed in range(2)]


def check_same(doors):
    """Every door gives what the first gives."""
    found = dict(doors)
    expected = next(iter(found.values()))
    assert {name: rows for name, rows in found.items() if rows != expected} == {}
    return expected


@pytest.mark.slow
@pytest.mark.parametrize("which", range(2))
@settings(max_examples=4, phases=[Phase.generate])
@given(data=st.data(), config=st.sampled_from(CONFIGS))
def test_every_door_gives_the_rows_of_the_command_line(data, config, which, worlds):
    world = worlds[which]
    check_same(world.doors(data.draw(queries_over(world.passages)), config))


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_job_gives_the_rows_of_the_command_line(config, worlds):
    """Over files and over a stored corpus, with qrels and with pairs; and an export of one of them."""
    queries = [
        {"id": f"q{i}", "text": text, "positives": [p["_id"] for p in worlds[0].passages[i : i + 2]], "non_relevant": ["p9", "P"]}
        for i, text in enumerate(QUESTIONS)
    ]
    at_once = check_same(worlds[0].doors(queries, config))
    jobs = dict(worlds[0].jobs(queries, config))
    assert {name: rows for name, rows in jobs.items() if rows != at_once} == {}
