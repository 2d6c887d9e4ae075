"""Shared shingles, near texts and containment equal plain sets, on texts made to be copies, excerpts and edits of each other."""

import numpy as np
import oracle
import pytest
from worlds import anchors_of

from miner.evidence.containment import Containment
from miner.evidence.near_text import NearText, near_groups
from miner.evidence.shingles import shingles, words
from miner.read import read_inline

VOCABULARY = [f"w{i}" for i in range(30)]


def corpus(texts, folder):
    passages = [{"id": f"p{i:04d}", "text": text} for i, text in enumerate(texts)]
    return read_inline([{"id": "q", "text": "?", "positives": ["p0000"]}], passages, folder)


def edited(seed, count=150):
    """A few texts of ten to forty words, and copies of them with words cut off, changed or put in."""
    rng = np.random.default_rng(seed)
    bases = [list(rng.choice(VOCABULARY, rng.integers(10, 40))) for _ in range(8)]
    for _ in range(count):
        found = list(bases[rng.integers(len(bases))])
        found = found[rng.integers(0, 3) : len(found) - rng.integers(0, 5)]
        if rng.random() < 0.5:
            found[rng.integers(len(found))] = str(rng.choice(VOCABULARY))
        yield " ".join(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("C++ (and C#)", ["c++", "(and", "c#)"]),
        ("北京是首都。", ["北", "京", "是", "首", "都", "。"]),
        ("abc カナ", ["abc", "カ", "ナ"]),
        (" . ! ", []),
        ("", []),
    ],
)
def test_words(text, found):
    """Normalised, without sentence marks; a character is a word where there are no spaces."""
    assert words(text) == found


@pytest.mark.parametrize("seed", range(4))
def test_common_shingles_are_counted_exactly(tmp_path, seed):
    """For all pairs: as many as the sets have in common; sizes are those of the sets."""
    texts = list(edited(seed, 60))
    found = shingles(corpus(texts, tmp_path).corpus)
    sets = [oracle.shingles(text) for text in texts]
    assert found.sizes.tolist() == [len(one) for one in sets]
    left, right = np.triu_indices(len(texts), 1)
    assert found.in_common(left, right).tolist() == [len(sets[a] & sets[b]) for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_near_texts_are_all_found_and_no_others(tmp_path, seed):
    """The groups are the components of the graph of all pairs with a Jaccard similarity of 0.8 or more."""
    texts = list(edited(seed))
    groups = near_groups(shingles(corpus(texts, tmp_path).corpus))
    world = oracle.World(dict(enumerate(texts)), {}, {}, {}, {}, "cosine", {})
    near = oracle.near_texts(world)
    assert {len(others) for others in near.values()} > {1}
    for one, others in near.items():
        assert set(np.flatnonzero(groups == groups[one]).tolist()) == others


def test_a_group_of_many_copies_is_one(tmp_path):
    """More copies than neighbours are compared, each with a word of its own at the end."""
    base = " ".join(VOCABULARY)
    texts = [f"{base} x{i}" for i in range(300)] + ["something else that is in no way like it"]
    groups = near_groups(shingles(corpus(texts, tmp_path).corpus))
    assert len(set(groups[:300].tolist())) == 1
    assert groups[300] != groups[0]


def test_an_excerpt_is_contained_and_a_title_is_not(tmp_path):
    """Either way round; of the smaller text; below one half nothing; shorter than five words never; without words never."""
    text = " ".join(VOCABULARY[:20])
    excerpt, half = " ".join(VOCABULARY[3:12]), " ".join([*VOCABULARY[:9], *VOCABULARY[20:24]])
    texts = [text, excerpt, text + " and more of it", half, "w0 w1 w2", "...", " ".join(VOCABULARY[20:30])]
    dataset = corpus(texts, tmp_path)
    candidates = anchors_of([range(7), [*range(1, 7), -1]], positives=[[0], [1]], positive_scores=[[0.0], [0.0]])
    share = Containment(dataset, None)(candidates)
    assert share[0] == pytest.approx([1, 1, 1, 5 / 9, 0, 0, 0])
    assert share[1] == pytest.approx([1, 1, 0, 0, 0, 0, 0])


def test_near_text_marks_copies_of_positives_and_of_better_candidates(tmp_path):
    """Bit 1 and bit 4; padding is neither; the first of several copies is no copy."""
    base, other = " ".join(VOCABULARY[:20]), " ".join(VOCABULARY[5:25][::-1])
    dataset = corpus([base, base + " x", other, other + " y", "w1"], tmp_path)
    candidates = anchors_of([[1, 2, 3, 4, -1], [3, 1, 0, 2, 4]], positives=[[0], [4]], positive_scores=[[0.0], [0.0]])
    assert NearText(dataset, None)(candidates).tolist() == [[1, 0, 4, 0, 0], [0, 0, 4, 4, 1]]
