"""FAISS indexes by factory string: their search settings count, and a string FAISS does not know is refused in one sentence."""

import numpy as np
import pytest

from miner.errors import ConfigError
from miner.indexes import Exact, Factory
from miner.indexes import faiss_factory as module

SIMILARITIES = ("cosine", "dot", "euclidean")


@pytest.fixture(scope="module")
def vectors():
    """3,000 passages in 40 heaps."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((40, 16))[rng.integers(0, 40, 3000)] + 0.3 * rng.standard_normal((3000, 16))).astype(np.float32)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_an_approximate_answer_is_taken_as_it_is(vectors, similarity):
    """Best first, by the model's similarity; nothing is promised about what was left out."""
    positions, outside = Factory(vectors, similarity, "Flat").search(vectors[:5], 7)
    assert np.array_equal(positions, Exact(vectors, similarity).nearest(vectors[:5], 7)[1])
    assert np.isneginf(outside).all()


def test_an_index_is_filled_in_pieces(vectors, monkeypatch):
    """The same index, however many rows are added at once."""
    whole = Factory(vectors, "dot", "Flat").search(vectors[:5], 9)
    monkeypatch.setattr(module, "ADD_ROWS", 700)
    assert np.array_equal(whole[0], Factory(vectors, "dot", "Flat").search(vectors[:5], 9)[0])


def test_a_setting_counts(vectors):
    """More lists find more, all lists what exact search finds; FAISS' default is one list."""
    right = Exact(vectors, "dot").nearest(vectors[:20], 50)[1]
    found = [Factory(vectors, "dot", f"IVF16,Flat{text}").search(vectors[:20], 50)[0] for text in ("", ":nprobe=1", ":nprobe=16")]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(np.sort(found[2]), np.sort(right))
    assert not np.array_equal(np.sort(found[1]), np.sort(right))


def test_what_faiss_cannot_search_is_told(vectors):
    """Some settings are for one similarity only, which FAISS says when it searches."""
    with pytest.raises(ConfigError, match="FAISS cannot search index 'PQ4x4:ht=3'"):
        Factory(vectors, "dot", "PQ4x4:ht=3").search(vectors[:2], 5)


@pytest.mark.parametrize("factory", ["", "Nonsense", "IVF4000,Flat", "IVF8,PQ7", "IVF16"])
def test_what_faiss_cannot_build_is_refused(vectors, factory):
    """The message has the string, the corpus and FAISS' reason."""
    with pytest.raises(ConfigError, match=f"FAISS cannot build index '{factory}' over 3000 vectors of 16 dims: .") as caught:
        Factory(vectors, "dot", factory)
    assert "\n" not in str(caught.value)


REASONS = {
    "LSH": "it compares by Euclidean distance alone, and the similarity is dot",
    "Nonsense": "it is written otherwise than an index of FAISS",
    "IVF4000,Flat": "it makes 4000 clusters of them, and needs as many vectors at least",
    "IVF8,PQ7": "the number after PQ has to divide the number of dims",
}


@pytest.mark.parametrize(("factory", "reason"), REASONS.items())
def test_common_reasons_are_plain_words(vectors, factory, reason):
    """Not the conditions in FAISS' source."""
    with pytest.raises(ConfigError, match=f"{reason}$"):
        Factory(vectors, "dot", factory)


def test_codes_are_trained_for_the_setting_that_needs_it(vectors):
    """`ht` alone; it takes most of the time, and the search without it finds the same."""
    plain, needed = Factory(vectors, "euclidean", "PQ4x4"), Factory(vectors, "euclidean", "PQ4x4:ht=16")
    assert (plain._index.do_polysemous_training, needed._index.do_polysemous_training) == (False, True)
    assert np.array_equal(np.sort(plain.search(vectors[:9], 20)[0]), np.sort(needed.search(vectors[:9], 20)[0]))


@pytest.mark.parametrize("factory", ["IVF40,Flat", "PQ4x4", "IVF40,PQ4x4"])
def test_nothing_but_us_speaks_while_an_index_is_trained(vectors, factory, capfd):
    """FAISS's own advice goes past logging, straight to stderr."""
    Factory(vectors[:60], "cosine", factory)
    assert capfd.readouterr() == ("", "")
