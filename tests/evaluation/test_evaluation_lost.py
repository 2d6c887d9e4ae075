"""What counts in an evaluation: against pytrec_eval over worlds with lost passages, lost queries, grades of 0, self-matches and ties."""

import numpy as np
import pytest
import pytrec_eval
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import load_encoder
from miner.errors import InputError
from miner.evaluation import EvaluateConfig, count, evaluate
from miner.read import read
from miner.types import Dataset

NAMES = {"ndcg@10": "ndcg_cut_10", "recall@10": "recall_10", "map@10": "map_cut_10", "precision@10": "P_10"}
PASSAGES, QUERIES = [f"p{i}" for i in range(14)], ["p0", "p1", *(f"q{i}" for i in range(4))]
WORLDS = st.fixed_dictionaries(
    {
        "corpus": st.dictionaries(st.sampled_from(PASSAGES), st.integers(0, 6), min_size=3),
        "queries": st.dictionaries(st.sampled_from(QUERIES), st.integers(0, 9), min_size=1),
        "qrels": st.dictionaries(st.tuples(st.sampled_from(QUERIES), st.sampled_from(PASSAGES)), st.integers(0, 3), min_size=1),
        "min_grade": st.integers(1, 2),
        "self_match": st.sampled_from(["id", "keep"]),
    }
)


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return load_encoder(MiningConfig.of(model=str(tiny_model)), Runtime.of(device="cpu"))


def inputs_of(folder, world):
    """Three files; every text is one word, so that only equal texts tie."""
    for name in ("corpus", "queries"):
        (folder / f"{name}.csv").write_text("id,text\n" + "".join(f"{key},w{word}\n" for key, word in world[name].items()))
    judged = "".join(f"{query}\t{passage}\t{grade}\n" for (query, passage), grade in world["qrels"].items())
    (folder / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    files = {name: str(folder / f"{name}.csv") for name in ("corpus", "queries")}
    return Inputs.of(**files, qrels=(str(folder / "qrels.tsv"),), on_error="skip")


def reference(world, encoder):
    """The means of trec_eval -c: what it says of the queries that are there, over all queries of the judgements."""
    unit = {word: vector / np.linalg.norm(vector) for word in range(10) for vector in encoder.encode([f"w{word}"], "query")}
    qrels, run = {}, {}
    for (query, passage), grade in world["qrels"].items():
        qrels.setdefault(query, {})[passage] = grade if grade >= world["min_grade"] else 0
    for query in qrels.keys() & world["queries"].keys():
        score = {passage: float(unit[world["queries"][query]] @ unit[word]) for passage, word in world["corpus"].items()}
        if world["self_match"] == "id" and not qrels[query].get(query):
            score.pop(query, None)
        run[query] = {passage: -float(rank) for rank, passage in enumerate(sorted(score, key=lambda name: (-round(score[name], 5), name)))}
    found = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.10", "map_cut.10", "P.10"}).evaluate(run)
    return {name: sum(each[theirs] for each in found.values()) / len(qrels) for name, theirs in NAMES.items()}


@settings(max_examples=30)
@given(world=WORLDS)
def test_means_are_those_of_trec_eval_with_c(tmp_path_factory, encoder, world):
    """A lost passage stays in the ideal, a lost query and one without a positive count as 0, a self-match goes unless it is judged."""
    least = world["min_grade"]
    judged = {passage for (query, passage), grade in world["qrels"].items() if grade >= least and query in world["queries"]}
    assume(judged & world["corpus"].keys())
    config = EvaluateConfig.of(measures=tuple(NAMES), self_match=world["self_match"], resamples=100, permutations=100)
    data = inputs_of(tmp_path_factory.mktemp("world"), world)
    told = evaluate(data, {"it": encoder}, config, settings=MiningConfig.of(min_grade=least)).summary
    wanted = reference(world, encoder)
    assert {name: told["models"]["it"][name]["mean"] for name in NAMES} == pytest.approx(wanted, abs=1e-6)
    assert told["data"]["queries"] == len({query for query, _ in world["qrels"]})


WORLD = {
    "corpus": {"p0": 0, "p1": 1, "p2": 2, "p3": 0},
    "queries": {"p0": 0, "q1": 1, "q2": 2, "q3": 3},
    "qrels": {("p0", "p3"): 1, ("q1", "p1"): 2, ("q1", "p9"): 2, ("q1", "p8"): 1, ("q2", "p2"): 0, ("q0", "p1"): 1},
}


def test_everything_that_is_not_as_the_files_say_is_counted(tmp_path, encoder):
    """In the outcome, with the rule's name; the rows of lost queries too."""
    found = evaluate(inputs_of(tmp_path, WORLD), {"it": encoder}, EvaluateConfig.of(measures=("recall@10",)))
    counts = {name: value for name, value in found.summary["data"].items() if name not in ("rule", "notes") and value}
    assert counts == {
        "queries": 4, "passages": 4, "judgements": 3, "min_grade": 1, "queries_without_positive": 1, "queries_missing": 1,
        "queries_missing_positives": 1, "positives_missing": 2, "queries_unjudged": 1, "rows_rejected": 3, "self_match": "id",
        "self_matches_removed": 1,
    }  # fmt: skip
    assert "trec_eval -c" in found.summary["data"]["rule"]
    assert "relevant passages that are not in the corpus, of 1 queries; they count as not found: 2" in found.summary["data"]["notes"]
    assert {row["query_id"]: row["recall@10"] for row in found.rows()} == {"p0": 1, "q1": pytest.approx(1 / 3), "q2": 0, "q0": 0}
    assert found.errors.read_text().count("\n") == 3


def test_a_grade_changes_what_is_counted(tmp_path, encoder):
    """min_grade 2: p0's only positive is none any more; it says so."""
    told = evaluate(inputs_of(tmp_path, WORLD), {"it": encoder}, settings=MiningConfig.of(min_grade=2)).summary["data"]
    assert (told["queries"], told["queries_without_positive"], told["positives_missing"], told["grades_below"]) == (4, 2, 1, 1)
    assert "a grade of 2 or more is relevant" in told["rule"]


@pytest.mark.parametrize("how", ["id", "text"])
def test_a_judged_passage_stays_though_it_is_the_query(tmp_path, encoder, how):
    """A judgement says more than a name; it is counted."""
    world = {**WORLD, "qrels": {("p0", "p0"): 1, ("q1", "p2"): 1}}
    found = evaluate(inputs_of(tmp_path, world), {"it": encoder}, EvaluateConfig.of(measures=("recall@1", "recall@10"), self_match=how))
    assert next(found.rows())["recall@1"] == 1
    assert found.summary["data"]["self_matches_judged"] == 1


def test_what_was_read_for_mining_says_what_it_left_out(tmp_path, encoder):
    """Its lost judgements are not known; that queries were left out is."""
    dataset = read(inputs_of(tmp_path, WORLD))
    told = evaluate(dataset, {"it": encoder}).summary["data"]
    assert (told["queries"], told["queries_left_out"], told["rows_rejected"]) == (2, 1, 3)


def test_what_is_lost_is_kept_on_disk(tmp_path):
    """A folder that is opened again counts as the dataset that was read."""
    made = read(inputs_of(tmp_path, WORLD), tmp_path / "into", complete=True)
    again = Dataset.open(tmp_path / "into")
    assert again.qrels.equals(made.qrels)
    assert count(again, "id") == count(made, "id")


def test_pairs_of_unknown_passages_count(tmp_path, encoder):
    """A row whose id is not in the corpus is skipped by mining, and its passage not found by an evaluation."""
    (tmp_path / "corpus.csv").write_text("id,text\np1,w1\np2,w2\n")
    (tmp_path / "pairs.jsonl").write_text(
        '{"query": "w1", "positive_id": ["p1", "p9"]}\n{"query": "w2", "positive_id": ["p8"]}\n{"query": "w1", "positive_id": ["p1"]}\n'
    )
    data = Inputs.of(pairs=str(tmp_path / "pairs.jsonl"), corpus=str(tmp_path / "corpus.csv"), on_error="skip")
    found = evaluate(data, {"it": encoder}, EvaluateConfig.of(measures=("recall@10",)))
    assert [row["recall@10"] for row in found.rows()] == [0.5, 0]
    assert len(read(data).queries) == 1


def test_nothing_relevant_is_refused(tmp_path):
    """As before: there is nothing to measure."""
    with pytest.raises(InputError, match="no query has a positive"):
        read(inputs_of(tmp_path, {**WORLD, "qrels": {("q1", "p1"): 0}}), complete=True)
