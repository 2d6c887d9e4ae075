"""What `explain` tells is what the slow twin finds: every candidate, every reason, every chosen one, whatever the query."""

import json

import numpy as np
import oracle
import pyarrow.parquet as pq
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, make

from miner.analysis.explain import explain
from miner.analysis.sweep import sweep
from miner.cli.explain import explain as show_explanation
from miner.config import MiningConfig, Runtime
from miner.core.retrieval import BLOCK
from miner.errors import InputError, IntegrityError, StorageError
from miner.io.row_writer import sha256_of
from miner.read import read_inline
from miner.runs import candidate_store as stored
from miner.runs.candidate_store import read_blocks, read_query
from miner.runs.rechoose import choices
from miner.runs.run import Run, export, mine
from miner.runs.variation_file import FILE, read_variations


def run_of(seed, folder, **fixed):
    world = make(seed, passages=40)
    config = config_of(seed, similarity=world.similarity, **fixed)
    return world, config, mine(on_disk(world, folder / "data"), config, out=folder / "run")


@pytest.mark.slow
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_every_candidate_and_its_reason_are_the_oracles(tmp_path_factory, seed):
    """Order, score, verdict, tier and place; one anchor per positive where each has its own bar."""
    world, config, run = run_of(seed, tmp_path_factory.mktemp("explain"))
    rows = oracle.mine(world, config)
    for query in world.queries:
        told, wanted = explain(run, query), [row for row in rows if row.query == query]
        assert len(told["anchors"]) == len(wanted)
        for anchor, row in zip(told["anchors"], wanted, strict=True):
            assert [(one["id"], np.float32(one["score"])) for one in anchor["candidates"]] == row.candidates
            assert [one["dropped_by"] for one in anchor["candidates"]] == row.dropped_by
            assert [positive["id"] for positive in anchor["positives"]] == row.positives
            chosen = sorted((one for one in anchor["candidates"] if one["status"] == "chosen"), key=lambda one: one["place"])
            assert [(one["id"], one["rank"], one["tier"]) for one in chosen] == [
                (name, rank, tier) for name, _, rank, tier in row.negatives if tier < oracle.REPEATED
            ]
            assert all(one["dropped_by"] is None for one in anchor["candidates"] if one["status"] == "kept")
        assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_the_numbers_beside_a_verdict(tmp_path):
    """Margin is bar less score, the ceiling is the filter's, and whatever the margin dropped lies above it."""
    _, config, run = run_of(5, tmp_path, filters=("margin:relative=0.2", "near_positive:cosine=0.5"), anchor="weakest")
    assert "margin" in config.active_filters
    for query in run.dataset.queries.ids(range(len(run.dataset.queries))):
        (anchor,) = explain(run, query)["anchors"]
        assert anchor["bar"] == min(positive["score"] for positive in anchor["positives"])
        for one in anchor["candidates"]:
            assert one["margin"] == pytest.approx(anchor["bar"] - one["score"], abs=1e-6)
            assert set(one["evidence"]) >= {"known_positive", "same_text", "near_positive"}
            if one["dropped_by"] == "margin":
                assert one["score"] > anchor["ceilings"]["margin"]
                assert one["why"] == f"{one['score']:.4f} > {anchor['ceilings']['margin']:.4f}"
            if one["dropped_by"] == "near_positive":
                assert one["evidence"]["near_positive"] >= 0.5


def test_one_passage_retrieved_or_not(tmp_path):
    """The same row as in the whole list; one that was not retrieved says so, and no passage is lost to equal texts."""
    world, _, run = run_of(11, tmp_path, depth=6, max_depth=6)
    query = next(iter(world.queries))
    whole = explain(run, query)["anchors"][0]["candidates"]
    texts = {one["text"]: one for one in whole}
    for passage, text in world.passages.items():
        told = explain(run, query, passage)
        (shown,) = (anchor["candidates"] for anchor in told["anchors"][:1])
        assert shown == ([texts[text]] if text in texts else [])
        assert told["passage"]["retrieved"] == (text in texts)
        assert told["passage"]["grade"] == world.grades[query].get(passage)
        assert told["passage"]["score_at_most"] == (None if text in texts else whole[-1]["score"])
        if text in texts and texts[text]["id"] != passage:
            assert told["passage"]["stands_for_it"] == texts[text]["id"]


@pytest.mark.parametrize(
    ("query", "passage", "said"),
    [
        ("q00", None, r"there is no query 'q00' in this run; the nearest ids: q\d"),
        ("", None, r"there is no query '' in this run; there are 6, such as "),
        ("q0", "p00", r"there is no passage 'p00' in this run; the nearest ids: p"),
    ],
)
def test_an_unknown_id_is_one_sentence_with_close_matches(tmp_path, query, passage, said):
    """Of queries and of passages."""
    world = make(1, passages=60, queries=6)
    ids = dict(zip(world.queries, (f"q{i}" for i in range(6)), strict=True))
    renamed = oracle.World(
        {f"p{i}": text for i, text in enumerate(world.passages.values())},
        {ids[name]: text for name, text in world.queries.items()},
        {name: {"p1": 2} for name in ids.values()},
        world.passage_vectors,
        world.query_vectors,
        "cosine",
    )
    run = mine(on_disk(renamed, tmp_path / "data"), config_of(1), out=tmp_path / "run")
    with pytest.raises(InputError, match=said):
        explain(run, query, passage)


def test_only_the_block_of_the_query_is_read(tmp_path, monkeypatch):
    """Every query, whatever the size of the blocks, is what the whole file holds of it; only one block's columns are read."""
    monkeypatch.setattr("miner.core.retrieval.BLOCK", 2)
    _, _, run = run_of(3, tmp_path)
    path, read = run.folder / "candidates.parquet", []
    whole = {}
    for block in read_blocks(path):
        whole |= {int(part.queries[i]): part.take(np.array([i])) for part in block.longest for i in range(len(part))}
    monkeypatch.setattr(stored, "_part", lambda table, *rest, part=stored._part: read.append(len(table)) or part(table, *rest))
    for place, query in enumerate(run.dataset.queries.id_order.tolist()):
        (found,) = read_query(path, place).longest
        assert (found.queries.tolist(), found.rows.tolist()) == ([query], whole[query].rows.tolist())
        assert found.noise_floors.tolist() == whole[query].noise_floors.tolist()
    assert set(read) == {1}
    assert BLOCK > 2
    with pytest.raises(StorageError, match="there is no 6th"):
        read_query(path, 5)


def test_candidates_of_another_run_are_refused(tmp_path):
    """When texts and candidates do not belong together."""
    _, _, run = run_of(3, tmp_path)
    path = run.folder / "candidates.parquet"
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    for file in files:
        table = pq.read_table(file)
        pq.write_table(table.take(list(reversed(range(len(table))))).replace_schema_metadata(table.schema.metadata), file)
    told = json.loads((run.folder / "manifest.json").read_text())
    told["outputs"]["candidates.parquet"]["sha256"] = sha256_of(path)
    (run.folder / "manifest.json").write_text(json.dumps(told))
    run = Run(run.folder)
    with pytest.raises(IntegrityError, match="does not belong to the texts beside it"):
        explain(run, run.dataset.queries.ids(run.dataset.queries.id_order[:1])[0])


def test_a_run_that_lost_a_block_is_not_a_smaller_run(tmp_path, monkeypatch):
    """Exported, swept or compared it would be short of queries and say nothing of it."""
    monkeypatch.setattr("miner.core.retrieval.BLOCK", 2)
    _, _, run = run_of(3, tmp_path)
    files = sorted((run.folder / "candidates.parquet").glob("*.parquet"))
    assert len(files) > 1
    files[-1].unlink()
    missing = "it has candidates of [0-9]+ queries, not "
    with pytest.raises(IntegrityError, match="parquet has changed"):
        export(run, run.config, out=tmp_path / "short")
    with pytest.raises(IntegrityError, match="parquet has changed"):
        sweep(run)
    with pytest.raises(IntegrityError, match=missing):
        list(choices(run.folder / "candidates.parquet", run.dataset, run.config))
    assert not (tmp_path / "short").exists()


def test_a_notebook_shows_a_row_for_each_candidate(tmp_path):
    """Texts are escaped; a run's folder is as good as the run."""
    world, _, run = run_of(3, tmp_path)
    query = next(iter(world.queries))
    explanation = explain(run.folder, query)
    page = explanation._repr_html_()
    assert page.count("<tr>") == sum(min(50, len(anchor["candidates"])) + 1 for anchor in explanation["anchors"])
    explanation["query"]["text"] = "<script>"
    assert "<script>" not in explanation._repr_html_()


def test_variations_are_shown_with_what_they_were_made_of(tiny_model, tmp_path, capsys):
    """All of a query, or those of one passage; on the screen, as a notebook's table, and never from a file that was changed."""
    passages = [{"id": f"p{i}", "text": f"w{i} w{i + 1} w{i + 2} w{i + 5}"} for i in range(20)]
    dataset = read_inline([{"id": "q", "text": "w1 w2", "positives": ["p1"]}], passages, tmp_path / "data")
    config = MiningConfig.of(model=str(tiny_model), filters=("margin:off",), variations=("delete:count=4,share=0.5",))
    run = mine(dataset, config, out=tmp_path / "run", runtime=Runtime.of(cache=tmp_path / "cache"))
    told = explain(run, "q")["variations"]
    assert told == list(read_variations(run.folder))
    assert 0 < len(told) == run.manifest["counts"]["variations"]
    origin = told[0]["passage_id"]
    assert explain(run, "q", origin)["variations"] == [row for row in told if row["passage_id"] == origin]
    assert told[0]["text"] in explain(run, "q")._repr_html_()
    show_explanation(run.folder, "q", None, None, only_kept=False, dropped=False, as_json=False)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("variation"))
    assert line.startswith(f"variation {told[0]['text']}  (score ")
    assert f"delete of {origin}, score {told[0]['origin_score']:.4f})" in line
    (run.folder / FILE).write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"variations\.jsonl has changed"):
        explain(run, "q")
    assert "variations" not in explain(export(run, {**config.model_dump(), "variations": []}), "q")


def test_it_prints_as_lines(tmp_path):
    """The query, its positives, and a line for each of the first candidates; the dict is as it was."""
    *_, run = run_of(3, tmp_path)
    told = explain(run, run.dataset.queries.ids([0])[0])
    lines = str(told).splitlines()
    assert lines[0].startswith(f"query {told['query']['id']}: ")
    assert sum(line.startswith("positive ") for line in lines) == sum(len(anchor["positives"]) for anchor in told["anchors"])
    assert any(
        candidate["id"] in line and candidate["status"] in line for candidate in told["anchors"][0]["candidates"][:1] for line in lines
    )
    assert "{" not in lines[0]
