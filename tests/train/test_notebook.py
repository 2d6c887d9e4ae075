"""The notebook of errors is what trains: against plain sets, through its file, and what changes it."""

import json
import math
import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_rounds import inputs, settings

from miner.config import Runtime
from miner.core.verdicts import rows_of
from miner.evidence.passage_vectors import stored
from miner.runs.rechoose import choices
from miner.runs.run import Run
from miner.train import loop
from miner.train.draw import NegativeDraws
from miner.train.negatives import Assembly
from miner.train.notebook import ACTIVE, Entry, Notebook
from miner.train.pair_scores import StoredPairScores
from miner.train.round_stages import anchors_of
from miner.types import Dataset

pytestmark = pytest.mark.slow

EASY = 0.6
"""So near that some entries become easy in three rounds of the small world."""


@pytest.fixture(scope="module")
def grown(tiny_model, tiny_folder, tmp_path_factory):
    """Three rounds of the notebook."""
    out = tmp_path_factory.mktemp("grown") / "out"
    return loop(inputs(tiny_folder, "train"), *settings(tiny_model, easy=EASY, start="last"), out=out)


def founding_rule(folder, before, turn, width=3):
    """Plainly: what trained before and still passes and is not easy, new errors, and the next hardest up to three."""
    run = Run(folder / "mined")
    dataset, trained = Dataset.open(folder / "mined" / "dataset"), {}
    for choice in choices(run.candidates, dataset, run.config.model_copy(update={"negatives": 18})):
        for place, query in enumerate(dataset.queries.ids(choice.anchors.queries)):
            rows = choice.anchors.rows[place]
            there = np.flatnonzero(rows >= 0)
            scores = dict(zip(dataset.corpus.ids(rows[there]), choice.anchors.scores[place, there].tolist(), strict=True))
            fine = {name for name, code in zip(scores, choice.dropped[place, there], strict=True) if code == 0}
            top, floor = float(choice.anchors.reference_scores[place]), float(choice.anchors.noise_floors[place])
            height = max(top - floor, 0)
            stay = {name for name in before.get(query, ()) if name in fine and scores[name] >= top - EASY * height}
            chosen = choice.negatives.rows[place]
            names = dataset.corpus.ids(chosen[chosen >= 0])
            liked = [n for i, n in enumerate(names) if n not in stay and (i < width or not choice.negatives.tiers[place, i])]
            errors = [name for name in liked if turn > 1 and scores[name] > top - 0.5 * height][:width]
            more = [name for name in liked if name not in errors][: max(0, width - len(stay) - len(errors))]
            trained[query] = stay | set(errors) | set(more) or set(names[:1])
    return trained


def test_it_grows_by_errors_and_shrinks_by_what_is_easy(grown):
    """Every round's negatives are those of the founding rule, computed from the round's candidates alone."""
    before = {}
    for turn in (1, 2, 3):
        folder = grown.folder / f"round-{turn}"
        now = {query: set(anchor.negatives) for (query, _), anchor in anchors_of(folder).items()}
        assert now == founding_rule(folder, before, turn)
        book = Notebook.load(folder / "notebook.parquet")
        assert {(query, name) for (query, _), name, entry in book.entries() if entry.status == ACTIVE} == {
            (q, n) for q in now for n in now[q]
        }
        before = now
    rounds = grown.report["rounds"]
    assert max(len(anchor.negatives) for anchor in anchors_of(grown.folder / "round-3").values()) > 3
    assert sum(each["evicted"] for each in rounds) > 0
    assert [each["retained"] + each["refreshed"] for each in rounds] == [sum(map(int, each["ages"].values())) for each in rounds]


def test_every_entry_has_a_line_for_every_round(grown):
    """Its score under each model and what followed; the rounds it was wrong in are counted."""
    book = Notebook.load(grown.folder / "notebook.parquet")
    for _, _, entry in book.entries():
        assert [line.round for line in entry.history] == list(range(entry.first_round, 4))
        assert (entry.status, entry.last_score) == (entry.history[-1].status, pytest.approx(entry.history[-1].score, nan_ok=True))
        assert entry.times_wrong <= len(entry.history)
        assert all(not math.isnan(line.score) for line in entry.history)


def test_an_emptied_notebook_trains_something_else(grown, tiny_model, tiny_folder, tmp_path):
    """The file is what the next round is made of."""
    copy = tmp_path / "out"
    shutil.copytree(grown.folder, copy)
    for turn in (2, 3):
        shutil.rmtree(copy / f"round-{turn}")
    Notebook().save(copy / "round-1" / "notebook.parquet")
    done = json.loads((copy / "loop.json").read_text())
    (copy / "loop.json").write_text(json.dumps({"identity": done["identity"], "done": False}))
    loop(inputs(tiny_folder, "train"), *settings(tiny_model, easy=EASY, start="last", rounds=2), out=copy, resume=True)
    changed, original = ((folder / "round-2" / "training.jsonl").read_text() for folder in (copy, grown.folder))
    assert changed != original
    assert changed.count("\n") < original.count("\n")


def test_what_reviewers_say_between_rounds_counts_in_the_next(grown, tiny_model, tiny_folder, tmp_path):
    """A loop is resumed with verdicts it did not have: the entry is refused, and trains no more."""
    copy = tmp_path / "out"
    shutil.copytree(grown.folder, copy)
    shutil.rmtree(copy / "round-3")
    (query, _), anchor = next((key, anchor) for key, anchor in anchors_of(copy / "round-2").items() if len(anchor.negatives) > 2)
    verdicts = tmp_path / "verdicts.jsonl"
    verdicts.write_text(json.dumps({"query_id": query, "passage_id": anchor.negatives[0], "verdict": "false_negative"}) + "\n")
    data = inputs(tiny_folder, "train").model_copy(update={"verdicts": (str(verdicts),)})
    made = loop(data, *settings(tiny_model, easy=EASY, start="last"), out=copy, resume=True)
    assert anchor.negatives[0] not in anchors_of(copy / "round-3")[query, ""].negatives
    entry = Notebook.load(copy / "notebook.parquet").pages[query, ""][anchor.negatives[0]]
    assert entry.status.startswith("refused:")
    assert [bool(each["verdicts"]) for each in made.report["rounds"]] == [False, False, True]


def test_scores_beyond_the_candidates_are_those_of_candidates(grown):
    """Bit for bit, for pairs that are both."""
    folder = grown.folder / "round-2"
    run, dataset = Run(folder / "mined"), Dataset.open(folder / "mined" / "dataset")
    scores = StoredPairScores.of(dataset, run.config, Runtime.of())
    for choice in choices(run.candidates, dataset, run.config):
        np.testing.assert_array_equal(scores(choice.anchors.queries, choice.anchors.rows), choice.anchors.scores)


entries = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 6)), st.tuples(st.integers(0, 3), st.sampled_from([0.1, 0.5, 0.9, math.nan]))
)


@given(entries, st.integers(1, 3))
def test_no_passage_is_used_more_often_than_the_hub_cap(values, uses):
    """Whatever else is asked; without other caps nothing leaves that had room."""
    book = Notebook()
    for (query, passage), (wrong, gap) in values.items():
        book.page((query, ""))[str(passage)] = Entry(1, last_wrong=wrong)
        book.page((query, ""))[str(passage)].record(1, 0.5, gap, ACTIVE, wrong=False)
    book.cap(math.inf, math.inf, uses)
    stay = [name for _, name, entry in book.entries() if entry.status == ACTIVE]
    asked = [str(passage) for _, passage in values]
    assert {name: stay.count(name) for name in set(asked)} == {name: min(uses, asked.count(name)) for name in set(asked)}


@given(entries, st.integers(1, 4), st.integers(1, 12))
def test_caps_take_the_oldest_and_easiest(values, per_anchor, total):
    """No more than the caps, each anchor keeps one, and whatever leaves is no better than what stays beside it."""
    book = Notebook()
    for (query, passage), (wrong, gap) in values.items():
        entry = Entry(1, last_wrong=wrong)
        entry.record(1, 0.5, gap, ACTIVE, wrong=False)
        book.page((query, ""))[str(passage)] = entry
    left = book.cap(per_anchor, total)
    order = {key: (-wrong, math.inf if math.isnan(gap) else gap, *key) for key, (wrong, gap) in values.items()}
    stay = [(key[0], int(name)) for key, name, entry in book.entries() if entry.status == ACTIVE]
    queries = {query for query, _ in values}
    assert len(values) - len(stay) == left
    assert {query for query, _ in stay} == queries
    assert len(stay) <= max(total, len(queries))
    for query in queries:
        mine = sorted((key for key in values if key[0] == query), key=order.get)
        here = sorted((key for key in stay if key[0] == query), key=order.get)
        assert here == mine[: len(here)]
        assert len(here) <= per_anchor
    if left and len(stay) < max(total, len(queries)):  # the whole had room: only the cap of an anchor can have taken it
        assert all(sum(key[0] == query for key in stay) == per_anchor for query in {key[0] for key in values.keys() - set(stay)})


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    """Without positives and history."""
    row = {"query_id": "q", "passage_id": "p", "first_round": 1, "last_round": 2, "times_wrong": 1, "last_score": 0.5, "status": "active"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "old.parquet")
    entry = Notebook.load(tmp_path / "old.parquet").pages["q", ""]["p"]
    assert (entry.first_round, entry.last_round, entry.times_wrong, entry.history) == (1, 2, 1, [])


@pytest.mark.parametrize(("retain", "expected"), [(0.0, 0), (0.5, 1.5), (1 / 3, 1), (1.0, 3)])
def test_a_share_is_that_share(grown, retain, expected):
    """Half of three is one or two, as often as the other; a third is one."""
    folder = grown.folder / "round-2"
    run, dataset = Run(folder / "mined"), Dataset.open(folder / "mined" / "dataset")
    rules = settings("m", keep="share", retain=retain)[2]
    candidates = [Chosen() for _ in range(400)]
    book = Notebook()
    counts = []
    for number, chosen in enumerate(candidates):
        key = (f"q{number}", "")
        book.page(key).update({name: Entry(1, 1, status=ACTIVE) for name in chosen.old})
        columns = Assembly(dataset, run.config, rules, 2, book)._share(key, chosen, set(chosen.old))
        assert len(columns) == len(set(columns)) == 3
        counts.append(sum(column >= 3 for column in columns))
    assert np.mean(counts) == pytest.approx(expected, abs=0.08)
    assert set(counts) <= {math.floor(expected), math.ceil(expected)}


def test_rows_keep_what_mining_promises(tiny_model, tiny_folder, tmp_path):
    """Hub cap and distinct hold in every round's rows, whichever round an entry is from."""
    training, mining, rules = settings(tiny_model, start="last", easy=EASY)
    mining = mining.model_copy(update={"hub_cap": 4, "distinct": 0.7})
    made = loop(inputs(tiny_folder, "train"), training, mining, rules, out=tmp_path / "out")
    for turn in (1, 2, 3):
        folder = made.folder / f"round-{turn}"
        anchors = [anchor.negatives for anchor in anchors_of(folder).values()]
        assert max(Counter(name for names in anchors for name in names).values()) <= 4
        vectors = stored(folder / "mined")["vectors"]
        dataset = Dataset.open(folder / "mined" / "dataset")
        for names in anchors:
            unit = vectors[rows_of(dataset.corpus, names)].astype(np.float64)
            cosines = unit @ unit.T - 2 * np.eye(len(unit))
            assert cosines.max() < 0.7


class Chosen:
    """Three new negatives and three of the round before."""

    selection = (0, 1, 2)
    old = ("3", "4", "5")

    def column(self, passage):
        return int(passage)

    def is_wrong(self, score):
        return True

    def unlike(self, taken, others, cosine):
        return others


ROWS = st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True)


@given(ROWS, st.integers(0, 9), st.integers(0, 50))
def test_draws(numbers, step, seed):
    """Of the row's own and its reserve, without repetition, never a positive of the batch; the same for the same step."""
    rows = [{"anchor": f"q{i}", "positive": f"p{i}", "negative_1": f"n{i}", "negative_2": f"p{i + 1}"} for i in numbers]
    reserve = {(f"q{i}", f"p{i}"): [f"m{i}", f"p{i + 2}", f"o{i}"] for i in numbers if i % 2}
    draws = NegativeDraws(reserve, seed)
    drawn = draws(rows, step)
    positives = {row["positive"] for row in rows}
    for row, new in zip(rows, drawn, strict=True):
        pool = {row["negative_1"], row["negative_2"], *reserve.get((row["anchor"], row["positive"]), ())}
        names = [new["negative_1"], new["negative_2"]]
        assert len(set(names)) == 2
        assert set(names) <= pool
        if row["anchor"] in {query for query, _ in reserve}:
            assert not set(names) & positives
    assert draws(rows, step) == drawn
    every = {new["negative_1"] for at in range(60) for new in draws(rows[:1], at)}
    assert every >= ({f"n{numbers[0]}", f"m{numbers[0]}", f"o{numbers[0]}"} if numbers[0] % 2 else {f"n{numbers[0]}"})
