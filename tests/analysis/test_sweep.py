"""A sweep's numbers are those of exporting each setting by itself, and its false negatives are counted by hand."""

from collections import Counter

import oracle
import pytest
from disk import on_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import config_of, make

from miner.analysis import grid
from miner.analysis.sweep import sweep
from miner.config import MiningConfig
from miner.errors import ConfigError, InputError
from miner.read import read_truth
from miner.runs.run import export, mine

GRIDS = [
    ("margin:relative=0,0.3",),
    ("near_positive:cosine=off,0.5", "negatives=1,2"),
    ("sampler=top,uniform", "ladder=0,3"),
    ("anchor=weakest,own", "fill=none,repeat"),
    ("margin:relative=0,0.1,background=0,0.5",),
]


def run_of(seed, folder, **fixed):
    world = make(seed, passages=40, queries=6)
    config = config_of(seed, similarity=world.similarity, columns=("ids",), min_grade=2, output_format="triplet", **fixed)
    return world, config, mine(on_disk(world, folder / "data"), config, out=folder / "run")


@pytest.mark.slow
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), axes=st.sampled_from(GRIDS))
def test_every_setting_is_what_its_export_reports(tmp_path_factory, seed, axes):
    """Counts, coverage, hardness, ranks and hubs, setting by setting; the run's own is marked once."""
    _, config, run = run_of(seed, tmp_path_factory.mktemp("sweep"))
    told, points = sweep(run, axes), grid.settings(config, axes)
    assert [one["values"] for one in told["settings"]] == [point.values for point in points]
    assert [point.config == config for point in points] == [one["own"] for one in told["settings"]]
    assert sum(one["own"] for one in told["settings"]) >= 1
    for one, point in zip(told["settings"], points, strict=True):
        report = export(run, point.config).report
        assert {name: one[name] for name in ("gap", "triplet_error", "gradient_mass")} == report["hardness"]
        assert (one["negatives"], one["dropped"], one["kept"]) == tuple(report["counts"][x] for x in ("chosen", "dropped", "kept"))
        assert one["coverage"] == report["coverage"]
        assert one["rows"] == report["counts"]["rows"]["any"]
        assert one["margin"] == {name: report["scores"]["margin"][name] for name in one["margin"]}
        assert one["ranks"]["median"] == report["ranks"]["median"]
        assert (one["passages_used"], one["gini"]) == (report["hubs"]["passages_used"], report["hubs"]["gini"])
        assert one["tiers"] == {
            tier: count / one["negatives"] if one["negatives"] else None for tier, count in report["counts"]["tiers"].items()
        }


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32))
def test_false_negatives_are_those_counted_by_hand(tmp_path_factory, seed):
    """Grade 1 is hidden from a run of grade 2 and up; a copy of a hidden passage is as false as itself, one of a known positive is not."""
    folder = tmp_path_factory.mktemp("truth")
    world, _, run = run_of(seed, folder, fill="random", ladder=0)  # stored lists are as deep as the twin searches
    told = sweep(run, ("negatives=1,3",), read_truth(folder / "data" / "qrels" / "train.tsv", run.dataset, min_grade=1))
    hidden = {}
    for query in run.dataset.queries.ids(range(len(run.dataset.queries))):
        grades = world.grades[query]
        known = {world.passages[name] for name in oracle.relevant(world, query, 2)}
        if texts := {world.passages[name] for name, grade in grades.items() if grade == 1} - known:
            hidden[query] = texts
    assert told["hidden"]["queries"] == len(hidden)
    assert told["hidden"]["pairs"] == sum(map(len, hidden.values()))
    for one, point in zip(told["settings"], grid.settings(run.config, ("negatives=1,3",)), strict=True):
        anchors = {(row.query, tuple(row.positives)): row.negatives for row in oracle.mine(world, point.config)}
        taken = [(query, world.passages[name]) for (query, _), found in anchors.items() for name, *_ in found if query in hidden]
        false = Counter(query for query, text in taken if text in hidden[query])
        rate = one["false_negatives"]
        assert (rate["false"], rate["of"]) == (false.total(), len(taken))
        assert rate["queries"] == (len(false) / len(hidden) if hidden else None)
        assert (rate["wilson"] is None) == (rate["rate"] is None) == (not taken)


def test_what_the_run_knew_from_another_split_is_not_hidden(tmp_path):
    """It cannot come back, so that counting it would make the rate too low; left out of the run, it is hidden."""
    world = make(4, passages=40, queries=20)
    inputs = on_disk(world, folder := tmp_path / "data")
    lines = (folder / "qrels" / "train.tsv").read_text().splitlines()
    (folder / "qrels" / "full.tsv").write_text("\n".join(lines) + "\n")
    first = {line.split("\t")[0]: line for line in reversed(lines[1:]) if line.endswith("\t2")}
    (folder / "qrels" / "train.tsv").write_text("\n".join([lines[0], *first.values()]) + "\n")
    config = MiningConfig.of(similarity=world.similarity, filters=("margin:off", "near_positive:off"))
    told = []
    for left in ((), ("full",)):
        run = mine(inputs.model_copy(update={"leave_out": left}), config, out=tmp_path / f"{len(left)}")
        found = sweep(run, ("negatives=4",), read_truth(folder / "qrels" / "full.tsv", run.dataset))
        told.append((found["hidden"]["pairs"], found["hidden"]["known"], found["settings"][0]["false_negatives"]["rate"]))
    (none, known, rate), (hidden, of_the_same_question, _) = told
    assert (none, rate) == (0, None)
    assert hidden > 10
    assert known == hidden + of_the_same_question


def test_the_default_grid_holds_the_default_setting():
    """First, since it may be relaxed and no setting of the grid may; no setting comes twice."""
    points = grid.settings(MiningConfig.of())
    assert len(points) == 28
    assert len({point.config.model_dump_json() for point in points}) == 28
    assert [place for place, point in enumerate(points) if point.config == MiningConfig.of()] == [0]


def test_flags_give_the_setting():
    """What a row is called is what `export` is given."""
    for point in grid.settings(MiningConfig.of(), ("near_positive:cosine=off,0.8", "negatives=2")):
        words = iter(" ".join(point.flags).split())
        given = [(flag, next(words)) for flag in words]
        filters = [value for flag, value in given if flag == "--filter"]
        rest = {flag.removeprefix("--"): value for flag, value in given if flag != "--filter"}
        assert point.config in (MiningConfig.of(filters=tuple(filters), **rest), MiningConfig.of())


def test_a_base_outside_the_grid_comes_first():
    """With its own values on the axes."""
    points = grid.settings(MiningConfig.of(filters=("near_positive:off",), negatives=7), ("near_positive:cosine=0.5", "negatives=1"))
    assert [point.values for point in points] == [
        {"near_positive:cosine": "off", "negatives": "7"},
        {"near_positive:cosine": "0.5", "negatives": "1"},
    ]


@pytest.mark.parametrize("given_", [{}, {"filters": ("containment:off",)}, {"preset": "safe", "filters": ("containment:off",)}])
def test_a_filter_that_is_off_is_one_setting(given_):
    """Off by default, by name, or against a preset: what the grid calls off is the run's own setting; with two knobs off is still one."""
    base = MiningConfig.of(**given_)
    points = grid.settings(base, ("containment:overlap=off,0.5",))
    assert [(point.values, point.config == base) for point in points] == [
        ({"containment:overlap": "off"}, True),
        ({"containment:overlap": "0.5"}, False),
    ]
    assert points[0].flags == ("--filter containment:off",)
    both = grid.settings(base, ("margin:relative=off,0", "margin:background=off,0"))
    assert [tuple(point.values.values()) for point in both if point.config != base] == [("off", "off"), ("0", "0")]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (("margn:relative=0",), "knows no filter 'margn'; there are: known_positive"),
        (("margin",), "'margin' is no axis: write filter:knob=value,value"),
        (("margin:0.1",), "is no axis"),
        (("margin:relative=",), "is no axis"),
        (("margin:relativ=0,1",), "has no knob 'relativ'"),
        (("margin:relative=x",), "is a number, not 'x'"),
        (("depth=10,20",), "cannot vary 'depth'; it can: anchor, negatives"),
        (("negatives=0",), "negatives is '0'"),
        (("negatives=1", "negatives=2"), "varies negatives twice"),
        (("known_positive:x=off",), "cannot be switched off"),
        (("margin:relative=" + ",".join(map(str, range(40))), "near_positive:cosine=" + ",".join(map(str, range(10)))), "asks for 400"),
    ],
)
def test_wrong_grids_are_one_sentence(axes, said):
    """What is wrong, and what would be right."""
    with pytest.raises(ConfigError, match=said):
        grid.settings(MiningConfig.of(), axes)


def test_wrong_truth_is_one_sentence(tmp_path):
    """A file that is not there, or that speaks of something else."""
    _, _, run = run_of(2, tmp_path)
    with pytest.raises(InputError, match="which was to hold the truth"):
        read_truth("nowhere.tsv", run.dataset)
    (tmp_path / "other.tsv").write_text("query-id\tcorpus-id\tscore\nx\ty\t1\n")
    with pytest.raises(InputError, match=r"judges no query and passage of this run \(1 judgements of others\)"):
        read_truth(tmp_path / "other.tsv", run.dataset)
