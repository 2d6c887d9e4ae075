"""False negatives are counted as by hand, draw by draw, and stand beside the numbers of mining the shown positives."""

from collections import Counter

import numpy as np
import pytest
from disk import on_disk
from worlds import make

from miner.analysis.audit import audit
from miner.analysis.hidden_positives import hide
from miner.config import MiningConfig
from miner.errors import InputError
from miner.evaluation.intervals import wilson
from miner.read import read_inline
from miner.runs.run import export, mine


@pytest.fixture
def run(tiny_model, tmp_path):
    """60 queries with three positives each, which share most of their words."""
    draw = np.random.default_rng(0)
    words = [[f"w{w}" for w in draw.integers(0, 60, 4)] for _ in range(60)]
    passages = [{"id": f"p{i}-{k}", "text": " ".join([*words[i][k:], f"w{(7 * i + k) % 60}", str(k)])} for i in range(60) for k in range(3)]
    passages += [{"id": f"x{i}", "text": " ".join(f"w{w}" for w in draw.integers(0, 60, 5))} for i in range(300)]
    queries = [{"id": f"q{i}", "text": " ".join(words[i]), "positives": [f"p{i}-{k}" for k in range(3)]} for i in range(60)]
    config = MiningConfig.of(model=str(tiny_model), depth=40, columns=("ids",), filters=("near_positive:cosine=0.95",))
    return mine(read_inline(queries, passages, tmp_path / "given"), config, out=tmp_path / "run")


def by_hand(run, config, draws, share=None):
    """(false, all) negatives of mining what is shown, over all draws."""
    false, every = 0, 0
    for draw in range(draws):
        shown, truth = hide(run.dataset, config.seed + draw, share, min_queries=1)
        hidden = set(zip(run.dataset.queries.ids(truth.queries), run.dataset.corpus.ids(truth.passages), strict=True))
        folder = run.folder.parent / f"shown-{draw}"
        mined = mine(_saved(shown, folder), config)
        pairs = Counter({(row["anchor_id"], row["negative_id"]): 1 for row in mined.rows()})
        false += sum(pair in hidden for pair in pairs)
        every += sum(query in {query for query, _ in hidden} for query, _ in pairs)
    return false, every


def _saved(dataset, folder):
    from miner.io.folder_tree import link_or_copy
    from miner.types import Dataset

    folder.mkdir(exist_ok=True)
    for name in ("queries.arrow", "corpus.arrow"):
        if not (folder / name).exists():
            link_or_copy(dataset.corpus.path.parent / name, folder / name)
    dataset.save(folder)
    return Dataset.open(folder)


@pytest.mark.parametrize("share", [None, 0.5])
def test_the_rate_is_that_of_mining_what_is_shown(run, share):
    """The run's own setting, and the nearest passages: the counts of a run of each on the same shown positives."""
    told = audit(run, draws=2, hidden=share)
    own, nearest = told["settings"]
    assert (own["false"], own["of"]) == by_hand(run, run.config, 2, share)
    assert own["wilson"] == wilson(own["false"], own["of"])
    bare = ("self_match:off", "same_text:off", "group:off", "near_positive:off", "nearest:off", "margin:off")
    plain = MiningConfig.of(**{**run.config.model_dump(), "filters": bare, "ladder": 0})
    assert (nearest["false"], nearest["of"]) == by_hand(run, plain, 2, share)
    assert 0 < own["false"] < nearest["false"]
    assert own["caught"] == pytest.approx(1 - own["false"] / nearest["false"])
    assert sum(each["false"] for each in nearest["by_rank"]) == nearest["false"]
    assert nearest["by_rank"][0]["of"] == nearest["of"] or nearest["by_rank"][1]["of"] > 0
    assert told["hidden"]["queries"] == 60
    assert told["hidden"]["pairs"] == (120 if share is None else 60)


def test_a_grid_is_audited_setting_by_setting(run):
    """A stricter margin never has more false negatives here; evidence that the run did not store is measured."""
    told = audit(run, ("margin:relative=0,0.4", "containment:overlap=off,0.5"), draws=1)
    rates = {tuple(one["values"].values()): one["rate"] for one in told["settings"]}
    assert rates["0.4", "off"] <= rates["0", "off"]
    assert rates["0", "0.5"] <= rates["0", "off"]
    assert len(told["settings"]) == 6
    assert all(low <= one["rate"] <= high for one in told["settings"] for low, high in [one["by_query"]])


def test_vectors_made_before_are_used_again(tmp_path):
    """A run without a model is audited from the files it came from; the run stays as it is."""
    world = make(2, passages=40, queries=20, dim=4)
    run = mine(on_disk(world, tmp_path / "data"), MiningConfig.of(similarity=world.similarity, depth=10), out=tmp_path / "run")
    told = audit(run, draws=3, min_queries=1)
    assert told["settings"][-1]["of"] > 0
    assert run.differences() == []


def test_too_few_say_nothing(run, tmp_path):
    with pytest.raises(InputError, match="500 queries with two positives or more are wanted, and there are 60"):
        audit(run, min_queries=500)


def test_a_judge_is_measured_with_its_cost(run, tiny_model):
    """The run's settings with a judge, without it, and unfiltered: each as mining what is shown with those settings would give."""
    judge = {"judges": (f"bi-encoder:model={tiny_model},passage_prompt=w1,first=6",), "filters": ("margin:by=bi-encoder,relative=0.2",)}
    judged = export(run, run.config.model_copy(update=judge), out=run.folder.parent / "judged")
    own, plain, nearest = audit(judged, draws=2)["settings"]
    assert (own["false"], own["of"]) == by_hand(run, judged.config, 2)
    assert (plain["false"], plain["of"]) == by_hand(run, judged.config.without_judges(), 2)
    assert own["judge_pairs"] > 200
    assert "judge_pairs" not in plain
    assert nearest["rate"] >= plain["rate"]
