"""Second judges in a run: their rules hold in every row, and what is scored follows from the settings, not from the way there."""

import shutil

import numpy as np
import pytest
from judged import OFF, RULE, config_of, scores_of, small
from tiny import bare_model

from miner.analysis.explain import explain
from miner.config import MiningConfig, Runtime
from miner.encode.store import Store
from miner.errors import ConfigError, IntegrityError
from miner.judges import stored_scores
from miner.runs.candidate_store import read_blocks
from miner.runs.reproduce import rerun
from miner.runs.run import export, mine


@pytest.fixture(scope="module")
def cross(tmp_path_factory):
    return str(bare_model(tmp_path_factory.mktemp("cross") / "model", "BertForSequenceClassification", num_labels=1, initializer_range=2.0))


@pytest.fixture
def dataset(tmp_path):
    return small(tmp_path / "given")


@pytest.mark.parametrize("anchor", ["weakest", "own"])
def test_a_judges_rule_holds_in_every_row(tiny_model, cross, dataset, tmp_path, anchor):
    """No negative scores above the ceiling under the weakest positive (or its own), by the judge's own scores."""
    run = mine(dataset, config_of(tiny_model, cross, anchor=anchor, output_format="triplet"), out=tmp_path / "run")
    scores, rows = scores_of(cross, dataset), list(run.rows())
    assert len(rows) > 20
    for row in rows:
        own = scores[row["anchor_id"], row["positive_id"]]
        others = [scores[row["anchor_id"], name] for name in (f"p{int(row['anchor_id'][1:]) + step}" for step in (0, 10))]
        ceiling = (own if anchor == "own" else min(others)) + 0.2
        assert scores[row["anchor_id"], row["negative_id"]] <= ceiling + 1e-6
    assert run.report["counts"]["dropped"][RULE.rpartition(",")[0]] > 0
    assert run.report["judges"]["cross-encoder"]["positives"] >= 12


@pytest.mark.parametrize("knobs", ["", ",first=2", ",first=2,most=4", ",first=5,pairs=all"])
def test_judging_later_gives_the_same_bytes(tiny_model, cross, dataset, tmp_path, knobs):
    """A run that was searched without the judge, or with other settings of it, and chosen from again: as if mined so at once."""
    wanted = mine(dataset, config_of(tiny_model, cross, knobs, ladder=3, max_depth=12), out=tmp_path / "once")
    plain = mine(dataset, config_of(tiny_model, max_depth=12), out=tmp_path / "plain")
    other = mine(dataset, config_of(tiny_model, cross, ",first=7,most=9", max_depth=12), out=tmp_path / "other")
    for source in (plain, other):
        again = export(source, wanted.config, out=tmp_path / f"{source.folder.name}-again")
        assert again.file.read_bytes() == wanted.file.read_bytes()
        assert again.report["judges"] == wanted.report["judges"]


def test_a_short_query_is_searched_deeper_and_judged_there(tiny_model, cross, dataset, tmp_path):
    """With few candidates within depth more rows are full where max_depth is larger; a file by an export of it is the same."""
    full = {}
    for deepest in (4, 30):
        run = mine(dataset, config_of(tiny_model, cross, depth=4, max_depth=deepest), out=tmp_path / str(deepest))
        full[deepest] = run.report["counts"]["rows"]["all"]
        assert export(run, run.config, out=tmp_path / f"{deepest}-again").file.read_bytes() == run.file.read_bytes()
    assert full[30] > full[4]


def test_nothing_is_scored_twice(tiny_model, cross, dataset, tmp_path, monkeypatch):
    """An export whose pairs are all scored needs no model, and links the candidates."""
    run = mine(dataset, config_of(tiny_model, cross), out=tmp_path / "run")
    moved = tmp_path / "moved"
    shutil.copytree(cross, moved)
    monkeypatch.setattr("miner.judges.open_judge.load_cross_encoder", None)
    again = export(run, run.config.model_copy(update={"negatives": 2}), out=tmp_path / "again")
    assert again.hashes == run.hashes


def test_first_and_most_limit_what_is_scored(tiny_model, cross, dataset, tmp_path):
    """`first` of each query, up to `most` of one that is short; the rest are dropped by the judge's rule."""
    run = mine(dataset, config_of(tiny_model, cross, ",first=2,most=4", max_depth=12), out=tmp_path / "run")
    counts = np.concatenate(
        [(~np.isnan(part.judges["cross-encoder"].scores)).sum(axis=1) for b in read_blocks(run.candidates) for part in b.within]
    )
    assert counts.min() >= 2
    assert counts.max() <= 4


def test_a_run_that_was_killed_while_judging_gives_the_same_bytes(tiny_model, cross, dataset, tmp_path, monkeypatch):
    """Killed after each block of scores in turn; the scores made before stay."""
    monkeypatch.setattr(stored_scores, "BLOCK_PAIRS", 8)
    config = config_of(tiny_model, cross)
    wanted = mine(dataset, config, out=tmp_path / "whole", runtime=Runtime.of(cache=tmp_path / "c0")).file.read_bytes()
    append, rounds = Store.append, 0
    for stop in range(1, 40, 5):
        count = iter(range(10_000))

        def dying(self, *args, stop=stop, count=count):
            if self.folder.parent.name == "scores" and next(count) == stop:
                raise KeyboardInterrupt
            append(self, *args)

        runtime = Runtime.of(cache=tmp_path / f"c{stop}")
        monkeypatch.setattr(Store, "append", dying)
        try:
            mine(dataset, config, out=tmp_path / f"k{stop}", runtime=runtime)
        except KeyboardInterrupt:
            rounds += 1
            monkeypatch.setattr(Store, "append", append)
            mine(dataset, config, out=tmp_path / f"k{stop}", runtime=runtime)
        assert (tmp_path / f"k{stop}" / "triplets.jsonl").read_bytes() == wanted
    assert rounds > 1


def test_rows_hold_the_teachers_scores(tiny_model, cross, dataset, tmp_path):
    """scores_by: scores of positives and negatives are the judge's; the choice is the same as without it where all are scored."""
    run = mine(
        dataset,
        config_of(tiny_model, cross, ",pairs=all,first=30", output_format="triplet", columns=("ids",), scores_by="cross-encoder"),
        out=tmp_path / "run",
    )
    scores = scores_of(cross, dataset)
    for row in run.rows():
        wanted = [scores[row["anchor_id"], row[name]] for name in ("positive_id", "negative_id")]
        assert row["scores"] == pytest.approx(wanted, abs=1e-5)


def test_a_run_with_a_judge_is_repeated(tiny_model, cross, dataset, tmp_path):
    """`verify --rerun` mines with the judge again; explain names the judge's scores."""
    run = mine(dataset, config_of(tiny_model, cross), out=tmp_path / "run")
    assert rerun(run).differences == []
    assert run.manifest["retrieval"]["judges"]["cross-encoder"]["fingerprint"]


def test_a_judge_that_changed_is_told(tiny_model, cross, dataset, tmp_path):
    """An export that needs further scores of another model under the same path is refused; mining again scores anew."""
    folder = tmp_path / "judge"
    shutil.copytree(cross, folder)
    config = config_of(tiny_model, str(folder), ",first=1,most=1")
    run = mine(dataset, config, out=tmp_path / "run")
    shutil.rmtree(folder)
    bare_model(folder, "BertForSequenceClassification", num_labels=1, initializer_range=1.0)
    wider = config_of(tiny_model, str(folder), ",first=9")
    with pytest.raises(IntegrityError, match="the model of judge 'cross-encoder' is not the one that scored these candidates"):
        export(run, wider, out=tmp_path / "again")
    assert mine(dataset, wider, out=tmp_path / "run", force=True).report["judges"]["cross-encoder"]["pairs"] > 12


def test_what_goes_by_a_judge_needs_one(tiny_model, cross):
    """In a filter, a sampler, and the rows' scores; judges that are there are listed."""
    for more in ({"filters": (RULE,)}, {"sampler": "stratified:by=cross-encoder"}, {"scores_by": "cross-encoder"}):
        with pytest.raises(ConfigError, match="goes by the judge 'cross-encoder', and no judge is named"):
            MiningConfig.of(**more)
    with pytest.raises(ConfigError, match="goes by the judge 'bi-encoder', and the judges are cross-encoder"):
        config_of(tiny_model, cross, scores_by="bi-encoder")
    with pytest.raises(ConfigError, match="is set twice"):
        MiningConfig.of(judges=(f"cross-encoder:model={cross}", f"cross-encoder:model={cross}"))


def test_explain_names_the_judges_scores(tiny_model, cross, dataset, tmp_path):
    """Each candidate's score by the judge, and for one that its rule dropped the numbers compared, or that it was not scored."""
    run = mine(dataset, config_of(tiny_model, cross, ",first=3,most=3"), out=tmp_path / "run")
    (anchor,) = explain(run, "q1")["anchors"]
    scores = scores_of(cross, dataset)
    seen = set()
    for candidate in anchor["candidates"]:
        told, rule = candidate["evidence"]["judge:cross-encoder"], candidate["dropped_by"]
        assert told is None or told == pytest.approx(scores["q1", candidate["id"]], abs=1e-5)
        if rule == "margin:by=cross-encoder":
            seen.add(told is None)
            wanted = "not scored by cross-encoder" if told is None else f"{told:.4f} > {anchor['ceilings'][rule]:.4f}"
            assert candidate["why"] == wanted
    assert True in seen


def test_a_judge_that_drops_nothing_is_told(tiny_model, cross, dataset, tmp_path):
    """A note says that no filter goes by it; with one there is none."""
    idle = mine(dataset, config_of(tiny_model, cross, filters=OFF), out=tmp_path / "idle")
    assert any(note.startswith("no filter goes by the judge cross-encoder") for note in idle.report["notes"])
    used = export(idle, config_of(tiny_model, cross), out=tmp_path / "used")
    assert not any(note.startswith("no filter goes by") for note in used.report["notes"])
