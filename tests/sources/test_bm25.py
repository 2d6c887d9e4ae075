"""BM25 equals its formula, its order depends on nothing but score and id, and a pair has one score."""

import json
import math
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import dataset_of, make

from miner.config import Inputs
from miner.read import read, read_inline
from miner.sources import BM25, postings
from miner.sources.tokens import terms

DATA = Path(os.environ.get("HARDNEG_TEST_DATA", "no-data-sets"))
"""A folder of data sets, where one is at hand."""


def plain(passages: list[str], query: str, k1: float, b: float) -> list[float]:
    """The formula, one passage at a time."""
    counted = [Counter(terms(text)) for text in passages]
    lengths = [sum(words.values()) for words in counted]
    mean, scores = sum(lengths) / len(lengths), []
    for words, length in zip(counted, lengths, strict=True):
        score = 0.0
        for term, times in Counter(terms(query)).items():
            having = sum(term in other for other in counted)
            idf = math.log(1 + (len(passages) - having + 0.5) / (having + 0.5))
            score += times * idf * words[term] / (words[term] + k1 * (1 - b + b * length / mean)) if words[term] else 0
        scores.append(score)
    return scores


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), k1=st.sampled_from([0, 0.9, 2]), b=st.sampled_from([0, 0.4, 1]), order=st.integers(0, 5), frequent=st.sampled_from([1, 4, 100]))  # fmt: skip
def test_scores_are_the_formula_and_ties_go_by_id(tmp_path_factory, seed, k1, b, order, frequent):
    """Every passage that shares a term, best first; equal texts once; the input order and the full rows do not show."""
    world, folder = make(seed, passages=40, queries=4), tmp_path_factory.mktemp("bm25")
    dataset = dataset_of(world, into=folder / "dataset", order=order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "FREQUENT", frequent)
        source = BM25(dataset, folder, k1, b)
    texts = {world.passages[name]: name for name in reversed(oracle.by_id(world.passages))}
    names = oracle.by_id(texts.values())
    rows, scores, _ = source.retrieve(np.arange(4), 25)
    for place, query in enumerate(dataset.queries.texts(range(4))):
        wanted = plain([world.passages[name] for name in names], query, k1, b)
        found = dataset.corpus.ids(rows[place][rows[place] >= 0])
        exact = source.score(np.array([place]), source.passage_rows[None])[0]
        assert np.allclose(exact, wanted, rtol=1e-5)
        assert found == [names[i] for i in sorted(range(len(names)), key=lambda i: (-exact[i], i)) if wanted[i] > 0][:25]
        assert scores[place][: len(found)].tolist() == source.score(np.array([place]), rows[place][None])[0][: len(found)].tolist()
        assert np.isnan(scores[place][len(found) :]).all()


@settings(max_examples=100)
@given(scores=st.lists(st.sampled_from([0, 0, 0, 0.5, 1, 1.5, 2, 3]), min_size=1, max_size=400), depth=st.integers(1, 60), seed=st.integers(0, 99))  # fmt: skip
def test_the_best_are_the_best(scores, depth, seed):
    """However many are equal, and however wrong the guess of the threshold is."""
    drawn = np.array(scores, dtype=np.float32) * np.random.default_rng(seed).choice([0, 1, 1.5], len(scores)).astype(np.float32)
    wanted = sorted((i for i in range(len(drawn)) if drawn[i] > 0), key=lambda i: (-drawn[i], i))[:depth]
    assert postings.best(drawn, depth).tolist() == wanted


def test_threads_share_it(tmp_path):
    """The same answers from eight threads as from one."""
    dataset = dataset_of(make(3, passages=60, queries=40), into=tmp_path / "dataset")
    source = BM25(dataset, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda query: source.retrieve(np.array([query]), 20), range(40)))
    assert np.array_equal(np.concatenate([part.scores for part in parts]), source.retrieve(np.arange(40), 20).scores, equal_nan=True)


def test_above_counts_what_outscores_the_bar(tmp_path):
    """In a corpus no larger than the sample the count is right; in a larger one it is near."""
    words = [f"w{i % 7} w{i % 11} w{i % 13}" for i in range(5000)]
    passages = [{"id": f"{i:04}", "text": f"{text} x{i}"} for i, text in enumerate(words)]
    dataset = read_inline([{"id": "q", "text": "w1 w2 w3", "positives": ["0001"]}], passages, tmp_path / "dataset")
    (tmp_path / "work").mkdir()
    source = BM25(dataset, tmp_path / "work")
    scores = source.retrieve(np.array([0]), 5000).scores[0]
    bar = scores[1000]
    assert source.above(np.array([0]), np.array([bar])) == pytest.approx((scores > bar).sum(), rel=0.2)


@pytest.mark.parametrize("texts", [["...", "!"], ["", "?"]])
def test_a_corpus_without_words_has_no_candidates(tmp_path, texts):
    """Nothing is shared, so everything scores 0 and nothing is proposed."""
    passages = [{"id": f"p{i}", "text": text or "-"} for i, text in enumerate(texts)]
    dataset = read_inline([{"id": "q", "text": "word", "positives": ["p0"]}], passages, tmp_path / "dataset")
    source = BM25(dataset, tmp_path)
    assert (source.retrieve(np.array([0]), 2).rows == -1).all()
    assert source.score(np.array([0]), np.array([[0, -1]])).tolist()[0][0] == 0.0


def test_the_manifest_tells_contents_apart(tmp_path):
    """Another text or another knob is another hash."""
    told = set()
    for place, (word, k1) in enumerate([("one", 0.9), ("two", 0.9), ("one", 1.2)]):
        passages = [{"id": "p", "text": f"{word} egg egg"}, {"id": "r", "text": "three"}]
        dataset = read_inline([{"id": "q", "text": "egg", "positives": ["p"]}], passages, tmp_path / f"{place}")
        told.add(BM25(dataset, tmp_path, k1).describe()[0]["content"])
    assert len(told) == 3


@pytest.mark.parametrize(("name", "language", "least"), [("drcd", "", 0.99), ("debian-multi", "ja:", 0.9), ("xquad", "th:", 0.99)])
def test_positives_are_found_without_spaces(tmp_path, name, language, least):
    """Chinese, Japanese and Thai: the positive is among the first hundred."""
    if not (DATA / name).is_dir():
        pytest.skip(f"{name} is not at hand")
    split = "test" if name == "xquad" else "train"
    lines = (DATA / name / "qrels" / f"{split}.tsv").read_text().splitlines()
    (tmp_path / "qrels.tsv").write_text("\n".join([lines[0], *[line for line in lines[1:] if line.startswith(language)][:300]]) + "\n")
    corpus = [line for line in (DATA / name / "corpus.jsonl").read_text().splitlines() if json.loads(line)["_id"].startswith(language)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(corpus))
    files = {
        "corpus": str(tmp_path / "corpus.jsonl"),
        "queries": str(DATA / name / "queries.jsonl"),
        "qrels": (str(tmp_path / "qrels.tsv"),),
    }
    dataset = read(Inputs.of(**files), tmp_path / "dataset", 1)
    source = BM25(dataset, tmp_path)
    found = source.retrieve(np.arange(len(dataset.queries)), 100).rows
    positives = np.array([dataset.qrels.positives(query)[0] for query in range(len(dataset.queries))])
    assert (found == positives[:, None]).any(axis=1).mean() >= least
