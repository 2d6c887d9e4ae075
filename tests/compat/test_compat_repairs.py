"""Where the drop-in leaves the original on purpose: each with its switch, and what has none."""

import re

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from peer import GRID, Toy, ToyCross
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import mine_hard_negatives as original

from miner.compat import PARITY, Repairs, mine_hard_negatives, repairing, search, verbose
from miner.errors import ModelError

POOL = [f"p{i}" for i in range(20)]


@pytest.fixture
def pairs():
    """Query q0 with six positives, q1 to q4 with one."""
    return Dataset.from_dict({"query": ["q0"] * 6 + ["q1", "q2", "q3", "q4"], "answer": POOL[:6] + POOL[6:10]})


def toy(**changed):
    return Toy(**({"seed": 5, "passages": [*POOL, "q0", "q1", "q2", "q3", "q4"]} | changed))


def mined(pairs, model, repairs=None, **arguments):
    """Rows of ours, quietly."""
    with repairing(repairs or Repairs()):
        return mine_hard_negatives(pairs, model, **({"corpus": POOL, "verbose": False} | arguments)).to_list()


def test_min_score_counts_what_it_removed(pairs, capsys):
    """Candidates within depth, not positives, below the bound; the original counts positives and padding too."""
    for repairs in (Repairs(), PARITY):
        mined(pairs, toy(), repairs, min_score=0.2, verbose=True, range_max=4)
    counts = [int(count) for count in re.findall(r"Skipped (\d+) .* min_score", capsys.readouterr().out)]
    wanted, model = 0, toy()
    for query in ("q0", "q1", "q2", "q3", "q4"):
        own = {a for q, a in zip(pairs["query"], pairs["answer"], strict=True) if q == query}
        ranked = sorted(((model.row(query)[i], text) for i, text in enumerate(POOL)), reverse=True)[:10]
        wanted += sum(text not in own and score < 0.2 - GRID / 9 for score, text in ranked)
    assert counts[0] == wanted < counts[1]


def test_one_scale_for_an_object_that_measures_distance(pairs):
    """With FAISS the original ranks by products and judges by distances: with a margin nothing is left."""
    distant, wanted = toy(shift=3.0), {"use_faiss": True, "relative_margin": 0.05, "output_scores": True}
    assert mined(pairs, distant, PARITY, **wanted) == []
    repaired = mined(pairs, distant, **wanted)
    assert repaired == mined(pairs, distant, relative_margin=0.05, output_scores=True) != []


def test_scores_are_kept_with_positives_included(pairs):
    """The deprecated format asks for them; the original forgets."""
    wanted = {"include_positives": True, "output_format": "n-tuple-scores"}
    assert "scores" in mined(pairs, toy(), **wanted)[0]
    assert "scores" not in mined(pairs, toy(), PARITY, **wanted)[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"anchor_column_name": "question"}, "There is no column 'question' for the anchor; there are: query, answer."),
        ({"anchor_column_name": "answer"}, "Column 'answer' would be both the anchor and the positive; name the other one"),
        ({"num_negatives": "3"}, "num_negatives is '3': a whole number is needed"),
        ({"max_score": "0.9"}, "max_score is '0.9': a number is needed"),
        ({"num_negatives": True}, "num_negatives is True: a whole number is needed"),
        ({"sampling_strategy": "bogus"}, "Invalid sampling_strategy: bogus. Must be one of 'top' or 'random'."),
    ],
)
def test_what_is_refused(pairs, arguments, told):
    """At once, in a sentence."""
    with pytest.raises(ValueError, match=re.escape(told)):
        mined(pairs, toy(), **arguments)


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (pd.DataFrame({"query": ["a"]}), "dataset is of type DataFrame: a datasets.Dataset is needed, Dataset.from_pandas(dataset)"),
        ({"query": ["a"]}, "dataset is of type dict: a datasets.Dataset is needed, Dataset.from_dict(dataset)"),
        (None, "dataset is of type NoneType: a datasets.Dataset is needed"),
        (DatasetDict(a=Dataset.from_dict({"x": []})), "dataset has the splits a: give one of them, dataset['a']"),
    ],
)
def test_data_of_another_kind(dataset, told):
    """Says what is needed, and how to make it."""
    with pytest.raises(ValueError, match=re.escape(told)):
        mined(dataset, toy())


@pytest.mark.parametrize(
    ("name", "output_format", "scores"),
    [("negative", "triplet", False), ("negative_2", "n-tuple", False), ("score", "labeled-pair", True), ("labels", "labeled-list", False)],
)
def test_a_column_that_the_output_adds(pairs, name, output_format, scores):
    """The original loses the dataset's, or fails when all is mined."""
    with pytest.raises(ValueError, match=f"The output adds a column '{name}' of its own"):
        mined(pairs.rename_column("query", name), toy(), output_format=output_format, output_scores=scores)


def test_the_querys_own_text(pairs):
    """For parity it may be a negative; with the repair it never is, and the next one takes its place."""
    corpus = [*POOL, "q1", "q2", "q3"]
    rows, without = (mined(pairs, toy(seed=1), repairs, corpus=corpus, num_negatives=9) for repairs in (None, Repairs(without_anchor=True)))
    assert any(row["query"] == row["negative"] for row in rows)
    assert not any(row["query"] == row["negative"] for row in without)
    assert len(rows) == len(without)


def test_depth_of_its_own(pairs):
    """The cross-encoder is asked as if each query's number of positives were the most; a call with equal numbers does not change."""
    asked = {}
    for repairs in (Repairs(), Repairs(own_depth=True)):
        cross = ToyCross(9, [*POOL, "q0"], "float32")
        mined(pairs, toy(), repairs, cross_encoder=cross, max_score=0.5, num_negatives=1, corpus=POOL * 3)
        asked[repairs.own_depth] = [sum(query == name for query, _ in cross.asked) for name in ("q0", "q1")]
    assert asked[False] == [20, 20]
    assert asked[True] == [20, 12]
    even = Dataset.from_dict({"query": ["q0", "q1"], "answer": POOL[:2]})
    assert mined(even, toy(), Repairs(own_depth=True), max_score=0.5) == mined(even, toy(), max_score=0.5)


def test_the_cross_encoder_is_not_asked_in_vain(pairs):
    """Neither about padding nor about known positives among the candidates; many queries in a call."""
    crosses = []
    for function in (original, mine_hard_negatives):
        crosses.append(ToyCross(9, [*POOL, "q0"], "float32"))
        function(pairs, toy(), corpus=POOL, cross_encoder=crosses[-1], max_score=0.5, verbose=False)
    assert len(set(crosses[1].asked)) == len(crosses[1].asked) == 5 * 20
    assert len(crosses[0].asked) > 2 * len(crosses[1].asked)
    assert len(crosses[1].calls) == 2


def test_nan_is_refused(pairs):
    """The original takes it for the highest score and exports it as a negative."""

    class Broken(Toy):
        def row(self, text, prompt=""):
            return super().row(text, prompt) + (np.nan if text == "q3" else 0)

    broken = Broken(5, [*POOL, "q3"])
    for use_faiss, told in ((False, "similarity gives NaN"), (True, "NaN or infinity for query 3")):
        with pytest.raises(ModelError, match=told):
            mined(pairs, broken, use_faiss=use_faiss)
    cross = ToyCross(9, [*POOL], "float32")
    cross.toy = broken
    with pytest.raises(ModelError, match="cross-encoder gives NaN for query 'q3'"):
        mined(pairs, toy(), cross_encoder=cross, max_score=0.5)


def test_processes_are_stopped_when_encoding_fails(pairs):
    """Whatever goes wrong."""

    class Dies(Toy):
        def encode_query(self, texts, **rest):
            raise RuntimeError("out of memory")

    model = Dies(5, POOL)
    with pytest.raises(RuntimeError, match="out of memory"):
        mined(pairs, model, use_multi_process=True)
    assert [call[0] for call in model.calls] == ["start", "document", "stop"]


def test_equal_scores_go_by_place_in_the_corpus(pairs, monkeypatch):
    """Whatever the batch and the slices, with and without FAISS; the original leaves it open."""

    class Level(Toy):
        def row(self, text, prompt=""):
            return np.floor(super().row(text, prompt) * 2) / 2

    rows = [
        mined(pairs, Level(5, POOL), use_faiss=use_faiss, faiss_batch_size=batch) for use_faiss in (False, True) for batch in (1, 3, 99)
    ]
    monkeypatch.setattr(search, "MAX_SCORE_CELLS", 24)
    rows += [mined(pairs, Level(5, POOL), faiss_batch_size=batch) for batch in (1, 3, 99)]
    assert all(one == rows[0] for one in rows)
    monkeypatch.setattr(search, "Exact", None)  # the objects above were not searched by the index unless FAISS was asked for
    assert mined(pairs, Level(5, POOL)) == rows[0]


def test_no_matrix_of_queries_and_corpus(pairs, monkeypatch):
    """An object is asked for blocks that fit, however large the batch may be."""
    sizes = []

    class Counts(Toy):
        def similarity(self, queries, passages):
            found = super().similarity(queries, passages)
            sizes.append(found.numel())
            return found

    monkeypatch.setattr(search, "MAX_SCORE_CELLS", 40)
    mined(pairs, Counts(5, POOL))
    assert max(sizes) <= 40
    assert sum(sizes) == 5 * 20


def test_the_cache_encodes_what_is_new(tmp_path, tiny_model, monkeypatch, capsys):
    """A second run encodes nothing, a grown corpus its new texts; other prompts are other vectors."""
    model, encoded = SentenceTransformer(str(tiny_model), device="cpu"), []
    for name in ("encode_query", "encode_document"):
        as_is = getattr(SentenceTransformer, name)
        counts = lambda self, texts, _as_is=as_is, **rest: encoded.append(len(texts)) or _as_is(self, texts, **rest)  # noqa: E731
        monkeypatch.setattr(SentenceTransformer, name, counts)
    data = Dataset.from_dict({"query": ["w1 w2", "w3"], "answer": ["w4", "w5 w6"]})
    corpus = [f"w{i} w{i + 1}" for i in range(10)]
    runs = [
        mined(data, model, corpus=some, cache_folder=str(tmp_path), **more)
        for some, more in ((corpus, {}), (corpus, {}), ([*corpus, "w30", "w31"], {}), (corpus, {"query_prompt": "w9 "}))
    ]
    assert encoded == [11, 2, 2, 2]
    assert runs[0] == runs[1]


def test_more_scores_than_torch_takes_a_quantile_of(pairs, monkeypatch, capsys):
    """The original fails after all the work; ours prints the same numbers as for fewer."""
    mined(pairs, toy(), verbose=True)
    monkeypatch.setattr(verbose, "MAX_QUANTILE_VALUES", 3)
    mined(pairs, toy(), verbose=True)
    first, _, second = capsys.readouterr().out.partition("Setting range_max")[2].partition("Setting range_max")
    assert first == second


@pytest.mark.parametrize("use_faiss", [False, True])
@pytest.mark.parametrize("number", ["float16", "bfloat16"])
def test_scores_of_a_model_in_half_precision_are_cosines(tiny_model, number, use_faiss):
    """Its unit rows are not of length one; with FAISS the original takes them for such."""
    import torch

    model = SentenceTransformer(str(tiny_model), device="cpu").to(getattr(torch, number))
    texts = [f"w{i} w{i + 1}" for i in range(30)]
    pairs = Dataset.from_dict({"query": texts[:10], "answer": texts[10:20]})
    rows = mined(pairs, model, corpus=texts, use_faiss=use_faiss, num_negatives=3, output_scores=True, output_format="n-tuple")
    vectors = model.encode(texts, normalize_embeddings=True).astype(np.float64)
    found = {text: vector / np.linalg.norm(vector) for text, vector in zip(texts, vectors, strict=True)}
    assert len(rows) == 10
    for row in rows:
        told = [found[row["query"]] @ found[row[name]] for name in ("answer", "negative_1", "negative_2", "negative_3")]
        assert row["scores"] == pytest.approx(told, abs=1e-6)
