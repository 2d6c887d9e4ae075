"""A rule that is given holds in every negative, whatever the fallback level, the preset and the format; only one with relax=true may not."""

from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import judge, ranked, relevant, score
from worlds import config_of, make, mined

from miner.config import MiningConfig
from miner.config.presets import PRESETS
from miner.formats import FORMATS, read_training
from miner.read import read_inline
from miner.report import LEFT_OUT
from miner.runs.run import export, mine

pytestmark = pytest.mark.slow

BARE = ("self_match:off", "same_text:off", "group:off", "near_positive:off", "nearest:off")
GIVEN = {
    "margin": ["relative=0.05", "relative=0.5", "absolute=0.2", "background=0.5", "relative=0.1,below=3"],
    "percentile": ["beta=0.5", "beta=0.1,floor=0.2"],
    "max_score": ["score=0.3"],
    "min_score": ["score=0"],
    "ranks": ["skip=2", "skip=1,last=9", "skip=3,of=raw"],
    "near_positive": ["cosine=0.5"],
    "nearest": ["share=0.5"],
    "containment": ["overlap=0.5"],
    "near_text": [""],
    "group": [""],
}


def broken(world, config, row):
    """The firm rules that a negative of the row breaks, judged by the plain twin at the strict bar, over all that was retrieved."""
    bar = min(score(world, row.query, one) for one in row.positives)
    seen = ranked(world, row.query, relevant(world, row.query, config.min_grade), config.min_grade, len(row.candidates), config.rrf_k)
    firm = {name: rule for name, rule in config.active_filters.items() if not rule.relax and getattr(rule, "of", "raw") == "raw"}
    known = sorted(score(world, q, p) for q in world.queries for p, grade in world.grades[q].items() if grade >= config.min_grade)
    strict = {c: why for (c, _), why in zip(row.candidates, row.dropped_by, strict=True)}
    bad = [(strict[chosen], chosen) for chosen, *_ in row.negatives if strict[chosen] and not config.active_filters[strict[chosen]].relax]
    for name, rule in firm.items():
        reasons = dict(zip((c.id for c in seen), judge(seen, {name: rule}, bar, config, known), strict=True))
        bad += [(name, chosen) for chosen, *_ in row.negatives if reasons[chosen]]
    return bad


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_no_negative_breaks_a_rule_that_was_given(seed, data):
    """Filters x presets x fallback levels x fillings: judged again by the oracle, each firm rule on its own."""
    world = make(seed, passages=40, queries=6, dim=4)
    names = data.draw(st.lists(st.sampled_from([*GIVEN]), unique=True, max_size=3))
    specs = tuple(f"{name}:{data.draw(st.sampled_from(GIVEN[name]))}".removesuffix(":") for name in names)
    drawn = config_of(seed, filters=specs, preset=data.draw(st.sampled_from([None, *PRESETS])))
    assert all(not drawn.active_filters[name].relax for name in names)
    for row in mined(world, drawn):
        assert broken(world, drawn, row) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), low=st.floats(0, 0.9), more=st.floats(0, 0.5), knob=st.sampled_from(["relative", "absolute", "background"])
)
def test_a_stricter_ceiling_keeps_less_of_every_query(seed, low, more, knob):
    """What it keeps a looser one keeps too, per query and whatever the scores."""
    world = make(seed, passages=30, queries=6, dim=4)
    config = config_of(seed, filters=(), preset=None, judged="prefer")
    strict, loose = (
        mined(world, config.model_copy(update={"filters": (*BARE, f"margin:{knob}={value!r}")})) for value in (low + more, low)
    )
    for one, other in zip(strict, loose, strict=True):
        kept = [[c for (c, _), why in zip(row.candidates, row.dropped_by, strict=True) if why is None] for row in (one, other)]
        assert {*kept[0]} <= {*kept[1]} | {c for c, _ in one.candidates[len(other.candidates) :]}


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    """20 queries under a ceiling that leaves some full, some short and some without negatives."""
    folder, rng = tmp_path_factory.mktemp("promises"), np.random.default_rng(5)
    passages = [{"id": str(i), "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(60)]
    queries = [{"id": str(i), "text": f"w{i} w{i + 7} w{i + 9}", "positives": [str(i), str(i + 20)]} for i in range(20)]
    config = MiningConfig.of(model=str(tiny_model), depth=30, max_depth=40, columns=("ids",), filters=(*BARE, "margin:absolute=0.4"))
    return mine(read_inline(queries, passages, folder / "data"), config, out=folder / "run")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_what_was_chosen_and_no_row_without_negatives(run, name, tmp_path):
    """What is written are the rows of the run; the others stand in the side file, with what dropped their candidates."""
    found = Counter(query for query, _ in {(row["anchor_id"], row["negative_id"]) for row in run.rows()})
    made = export(run, run.config.model_copy(update={"output_format": name, "columns": ()}), out=tmp_path / "out")
    texts = dict(zip(run.dataset.queries.ids(range(20)), run.dataset.queries.texts(range(20)), strict=True))
    written = {row.query for row in read_training(made.folder) if row.negatives}
    missing = {query: found[query] for query in texts if found[query] < FORMATS[name].min_negatives(4)}
    lines = [orjson.loads(line) for line in (made.folder / LEFT_OUT).read_bytes().splitlines()]
    assert {line["query_id"]: line["negatives"] for line in lines} == missing
    assert [line["query_id"] for line in lines] == sorted(missing)
    assert {row.query for row in read_training(made.folder)} == {texts[query] for query in texts if query not in missing}
    assert len(written) == 20 - len(missing)
    assert LEFT_OUT in made.manifest["outputs"]
    assert made.report["left_out"]["pairs"] == 2 * len(missing)
    assert all(line["dropped"]["margin"] > 0 for line in lines)


def test_a_short_row_is_counted_and_the_flag_that_fills_it_named(run):
    """The notes of a run under a firm ceiling."""
    notes = " | ".join(run.report["notes"])
    assert "since margin must hold in every row" in notes
    assert "--filter margin:relax=true fills them" in notes
    assert run.report["counts"]["relaxed"] == {}
    filled = export(run, run.config.with_filters("margin:relax=true"))
    assert filled.report["counts"]["relaxed"]["margin"] == sum(filled.report["counts"]["tiers"][tier] for tier in "23")
    assert "negatives that break filter 'margin'" in " | ".join(filled.report["notes"])
    random = export(run, run.config.model_copy(update={"fill": "random"}))
    assert f"negatives that --fill random added: {random.report['counts']['tiers']['4']:,}; it draws from" in " | ".join(
        random.report["notes"]
    )
