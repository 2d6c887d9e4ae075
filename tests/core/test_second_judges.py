"""Which pairs a second judge is asked about: as a plain replay says, and the same whatever lay in the run before."""

from hashlib import sha256

import numpy as np
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import make

from miner.config import Inputs, MiningConfig
from miner.runs import run_context
from miner.runs.candidate_store import read_blocks
from miner.runs.rechoose import choices
from miner.runs.run import export, mine


class HashJudge:
    """Scores follow from the ids of a pair; it keeps how many it was asked for."""

    def __init__(self, name):
        self.name, self.asked = name, 0

    def describe(self):
        return {"judge": f"{self.name}:model=x,dtype=float32" + ENDS[self.name], "fingerprint": self.name, "model": {}}

    def scores(self, dataset, queries, rows):
        self.asked += len(queries)
        names = zip(dataset.queries.ids(queries), dataset.corpus.ids(rows), strict=True)
        return np.array([sha256(f"{self.name} {query} {passage}".encode()).digest()[0] / 255 for query, passage in names], dtype=np.float32)


ENDS = {"cross-encoder": ",activation=default", "bi-encoder": ",similarity=auto"}


@pytest.fixture(autouse=True)
def hash_judges(monkeypatch):
    """Judges without models."""
    monkeypatch.setattr(run_context, "open_judge", lambda part, *_: HashJudge(part.kind))
    monkeypatch.setattr("miner.runs.open_source.check_judge", lambda *_: None)


def scored(run, name):
    """{query id: ids of its scored candidates}, of the lists within depth."""
    out = {}
    for part in (part for block in read_blocks(run.candidates) for part in block.within):
        for anchor, query in enumerate(run.dataset.queries.ids(part.queries)):
            out[query] = set(run.dataset.corpus.ids(part.rows[anchor][~np.isnan(part.judges[name].scores[anchor])]))
    return out


def test_pairs_are_those_of_a_plain_replay(tmp_path, tiny_model):
    """The first so many that no cheaper rule drops, and the next ones while fewer than M pass the judge."""
    on_disk(make(5, passages=40, queries=12), tmp_path / "data")
    data = Inputs.of(data=str(tmp_path / "data"))
    plain = MiningConfig.of(
        model=str(tiny_model), depth=30, max_depth=30, negatives=3, ladder=0, filters=("near_positive:off", "nearest:off")
    )
    judge = {"judges": ("cross-encoder:model=x,first=4,most=10",), "filters": (*plain.filters, "max_score:by=cross-encoder,score=0.5")}
    run = mine(data, plain.model_copy(update=judge), out=tmp_path / "run")
    dataset, got, tops = run.dataset, scored(run, "cross-encoder"), 0
    for choice in choices(mine(data, plain, out=tmp_path / "plain").candidates, dataset, plain):
        for anchor, query in enumerate(dataset.queries.ids(choice.anchors.queries)):
            kept = dataset.corpus.ids(choice.anchors.rows[anchor][choice.dropped[anchor] == 0])
            values = [sha256(f"cross-encoder {query} {passage}".encode()).digest()[0] / 255 for passage in kept]
            asked = 4
            while sum(value <= 0.5 for value in values[:asked]) < 3 and asked < min(10, len(kept)):
                asked = min(asked + 4, 10)
            assert got[query] == set(kept[:asked])
            tops += asked > 4
    assert tops


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32))
def test_the_way_there_does_not_matter(tmp_path_factory, tiny_model, seed):
    """Random settings, two judges: at once, later, and after other settings the files are equal byte for byte."""
    draw, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("ways")
    on_disk(make(seed, passages=40, queries=8), folder / "data")
    data = Inputs.of(data=str(folder / "data"))

    def config(**more):
        rules = [
            f"max_score:by=cross-encoder,score={draw.choice([0.3, 0.6, 0.9])}",
            f"margin:by=bi-encoder,absolute={draw.choice([-0.3, 0, 0.2])}",
        ]
        rules += ["percentile:by=cross-encoder,beta=0.9", "consensus:margin=0.1"]
        first = int(draw.integers(1, 8))
        pairs = draw.choice(["undecided", "all"])
        judges = (f"bi-encoder:model=x,first={first}", f"cross-encoder:model=x,first={first + 3},pairs={pairs}")
        sampler = str(draw.choice(["top", "uniform", "stratified:by=cross-encoder"]))
        chosen = [rule for rule in rules if draw.random() < 0.6]
        return MiningConfig.of(
            **{
                **base,
                "judges": judges,
                "filters": (*base["filters"], *chosen),
                "sampler": sampler,
                "anchor": str(draw.choice(["own", "weakest"])),
            },
            **more,
        )

    base = {"model": str(tiny_model), "depth": 25, "max_depth": 25, "negatives": 3, "ladder": int(draw.integers(0, 4))}
    base |= {"filters": ("near_positive:off",), "columns": ("ids", "scores", "tiers"), "fill": str(draw.choice(["none", "random"]))}
    wanted = mine(data, config(), out=folder / "once")
    plain = mine(data, MiningConfig.of(**base), out=folder / "plain")
    for name, source in (("later", plain), ("after", export(plain, config(), out=folder / "other"))):
        again = export(source, wanted.config, out=folder / name)
        assert again.file.read_bytes() == wanted.file.read_bytes()
        assert again.hashes["candidates.parquet"] == wanted.hashes["candidates.parquet"] or name
    over = mine(data, wanted.config, out=folder / "other", force=True)
    assert over.file.read_bytes() == wanted.file.read_bytes()


@pytest.mark.parametrize(
    "more", [{"sources": ("dense", "bm25")}, {"hub_cap": 2}, {"false_negatives": "drop", "anchor": "own"}, {"depth": 5}]
)
def test_judges_go_with_other_settings(tmp_path, tiny_model, more):
    """Several sources, a hub cap, own positives, deeper searches: the rule holds in every row."""
    on_disk(make(9, passages=60, queries=10), tmp_path / "data")
    base = {
        "model": str(tiny_model),
        "depth": 20,
        "max_depth": 60,
        "negatives": 3,
        "filters": ("near_positive:off", "max_score:by=cross-encoder,score=0.5"),
    }
    config = MiningConfig.of(**{**base, "judges": ("cross-encoder:model=x,first=3",), "columns": ("ids",), **more})
    run = mine(Inputs.of(data=str(tmp_path / "data")), config, out=tmp_path / "run")
    rows = list(run.rows())
    assert rows
    for row in rows:
        value = sha256(f"cross-encoder {row['anchor_id']} {row['negative_id']}".encode()).digest()[0] / 255
        assert value <= 0.5


def test_judges_of_other_settings_do_not_vote(tmp_path, tiny_model):
    """Chosen again without judges, a run with several sources is as if it had never had any."""
    on_disk(make(3, passages=60, queries=10), tmp_path / "data")
    base = {"model": str(tiny_model), "depth": 20, "max_depth": 20, "negatives": 3, "sources": ("dense", "bm25")}
    plain = MiningConfig.of(**base, filters=("near_positive:off", "consensus:margin=0.3"))
    judged = plain.model_copy(update={"judges": ("cross-encoder:model=x,first=9,pairs=all",)})
    data = Inputs.of(data=str(tmp_path / "data"))
    wanted = mine(data, plain, out=tmp_path / "plain").file.read_bytes()
    run = mine(data, judged, out=tmp_path / "judged")
    assert run.file.read_bytes() != wanted
    assert export(run, plain, out=tmp_path / "again").file.read_bytes() == wanted
    assert mine(data, plain, out=tmp_path / "judged", force=True).file.read_bytes() == wanted
