"""A candidate with another score, at its place and under its level's rules: what drops it then is what the slow twin says."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from worlds import Prescribed, config_of, configs, dataset_of, make, worlds

from miner.core.choosing import Chooser
from miner.core.retrieval import retrieve
from miner.core.verdicts import Verdict, VerdictTable, latest_verdicts
from miner.evidence.passage_vectors import HalfVectors
from miner.sources import Dense

FIRM = ("margin:relative=0.3,relax=true", "near_positive:off", "nearest:off", "ranks:skip=3")
"""A window that must hold counts what the other filters leave, and a level that relaxes one leaves more."""


def reason_slowly(world, config, known, query, positives, seen, rank, tier, score):
    """Replace the score of one candidate, forget what was judged of its text, and judge the list again."""
    bar = min(oracle.score(world, query, one) for one in positives)
    again = [replace(c, score=score, judged=0, verdict=None) if c.rank == rank else c for c in seen]
    strict = oracle.judge(again, config.active_filters, bar, config, known)[rank - 1]
    if strict and not config.active_filters[strict].relax:
        return strict
    raised = max(bar, float(np.float32(oracle.lower_quartile(known)))) if tier == 2 else None
    reason = oracle.judge(again, oracle.rules_of(tier, config, len(world.passages)), bar, config, known, raised)[rank - 1]
    return (reason or "").removesuffix("*")


def listed(world, config, query, known, width):
    """All candidates of a query that pass 2 uses, with its verdicts."""
    asked = (world, query, oracle.relevant(world, query, config.min_grade), config.min_grade)
    return [replace(c, verdict=oracle.said_of(world, query, c.id)) for c in oracle.ranked(*asked, width, config.rrf_k)]


def cases(world, config, folder):
    """(query, its positives, width of its list, ranks, tiers, other scores, reasons) for every anchor and place among its negatives."""
    dataset = dataset_of(world, config.min_grade, folder)
    source = Dense(dataset, Prescribed(world), folder)
    blocks, tables = list(retrieve(dataset, source, config)), {"vectors": HalfVectors(source)}
    if world.verdicts:
        said = latest_verdicts(Verdict(*pair, verdict) for pair, verdict in world.verdicts.items())
        tables["verdicts"] = VerdictTable(dataset, said)
    scores = np.concatenate([part.positive_scores.ravel() for block in blocks for part in block.within])
    chooser, rng = Chooser(dataset, config, scores, tables), np.random.default_rng(config.seed % 2**32)
    chooser.allot(lambda: blocks)
    for part in (part for block in blocks for part in chooser.lists_in_use(block)):
        anchors, _, negatives = chooser.choose(part)
        for slot in range(negatives.rows.shape[1]):
            at = np.flatnonzero((negatives.rows[:, slot] >= 0) & (negatives.tiers[:, slot] < oracle.REPEATED))
            ranks, tiers = negatives.ranks[at, slot], negatives.tiers[at, slot]
            other = (negatives.scores[at, slot] + rng.choice([0, 0.01, 0.3, -0.3, -1], len(at))).astype(np.float32)
            reasons = chooser.drops(anchors.take(at), ranks.astype(np.int64) - 1, other, tiers)
            for place, anchor in enumerate(at.tolist()):
                positives = dataset.corpus.ids(anchors.positives[anchor][anchors.positives[anchor] >= 0])
                about = (dataset.queries.ids(anchors.queries[[anchor]])[0], positives, int(anchors.present[anchor].sum()))
                yield *about, int(ranks[place]), int(tiers[place]), float(other[place]), reasons[place]


def check(world, config):
    """Every anchor and place of a world."""
    queries = {query: [p for p, grade in world.grades[query].items() if grade >= config.min_grade] for query in world.queries}
    known = sorted(oracle.score(world, query, one) for query, positives in queries.items() for one in positives)
    reasons = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for query, positives, width, rank, tier, score, reason in cases(world, config, Path(folder)):
            seen = listed(world, config, query, known, width)
            if rank == len(seen[: config.depth]):
                continue  # the noise floor stays what the origin made it
            assert reason == reason_slowly(world, config, known, query, positives, seen, rank, tier, score), (query, rank, tier)
            reasons[reason] += 1
    return reasons


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(world=worlds, config=configs(verdicts=True))
def test_what_drops_it_is_the_slow_twins(world, config):
    """On every level, with filters that hold and filters that are relaxed; a judgement or a verdict on its text exempts it no more."""
    check(world, config)


def test_a_window_that_must_hold_holds():
    """Where a level leaves more candidates, the window would count others; what it drops strictly stays dropped."""
    worlds_of = (make(seed, passages=40, queries=6, similarity="cosine") for seed in range(8))
    reasons = sum((check(world, config_of(seed, filters=FIRM, ladder=3)) for seed, world in enumerate(worlds_of)), Counter())
    assert reasons["ranks"] > 0
