"""Vectors through the store: the same text gives the same bits, whatever was asked before and in whatever order."""

import numpy as np
import pytest

from miner.config import MiningConfig, Runtime
from miner.encode import StoredVectors, load_encoder, stored_vectors
from miner.encode.stored_vectors import cut_blocks
from miner.errors import ModelError
from miner.read import read_inline

SIDES = ("query", "passage")


@pytest.fixture
def encoder(tiny_model):
    """The static model, with a list of every batch it was given."""
    encoder = load_encoder(MiningConfig.of(model=str(tiny_model)), Runtime.of(device="cpu"))
    plain, encoder.batches = encoder.encode, []
    encoder.encode = lambda texts, side: (encoder.batches.append((side, list(texts))), plain(texts, side))[1]
    return encoder


def dataset_of(folder, passages, order=None):
    items = [{"id": f"p{i}", "text": text} for i, text in enumerate(passages)]
    items = items if order is None else [items[i] for i in np.random.default_rng(order).permutation(len(items))]
    return read_inline([{"id": "q", "text": "w0 w1", "positives": ["p0"]}], items, folder)


TEXTS = [f"w{i % 60} w{i * 7 % 60}" + " w3" * (i % 5) for i in range(40)]


def test_a_vector_is_the_models_own(encoder, tmp_path):
    """What comes out of the store is what the model gives for the text alone."""
    dataset = dataset_of(tmp_path / "d", TEXTS)
    vectors = StoredVectors(encoder, tmp_path).vectors(dataset.corpus, np.arange(40), "passage")
    right = encoder.model.encode(dataset.corpus.texts(range(40)), show_progress_bar=False)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, right, atol=1e-6)


def test_a_grown_corpus_encodes_only_what_is_new(encoder, tmp_path):
    """Known texts are read, and keep their bits."""
    few, many = dataset_of(tmp_path / "few", TEXTS[:10]), dataset_of(tmp_path / "many", TEXTS)
    before = StoredVectors(encoder, tmp_path).vectors(few.corpus, np.arange(10), "passage")
    encoder.batches.clear()
    again = StoredVectors(encoder, tmp_path)
    assert again.missing(many) == len(set(TEXTS) - set(TEXTS[:10])) + 1
    after = again.vectors(many.corpus, np.arange(40), "passage")
    assert sorted(text for _, batch in encoder.batches for text in batch) == sorted(set(TEXTS) - set(TEXTS[:10]))
    assert again.encoded == len(set(TEXTS) - set(TEXTS[:10]))
    places = [many.corpus.ids(range(40)).index(name) for name in few.corpus.ids(range(10))]
    assert np.array_equal(after[places], before)
    assert again.missing(many) == 1


def test_equal_texts_are_encoded_once(encoder, tmp_path):
    """A text under many ids costs one encoding and one place."""
    dataset = dataset_of(tmp_path / "d", ["w1 w2", "w3", "w1 w2", "w1 w2", "w3"])
    vectors = StoredVectors(encoder, tmp_path)
    found = vectors.vectors(dataset.corpus, np.arange(5), "passage")
    assert encoder.batches == [("passage", ["w1 w2", "w3"])]
    assert len({row.tobytes() for row in found}) == 2


def test_blocks_do_not_depend_on_the_order_of_the_input(encoder, tmp_path, monkeypatch):
    """The same texts make the same blocks, longest first, so a resumed or reordered run stores the same bytes."""
    monkeypatch.setattr(stored_vectors, "BLOCK_TEXTS", 7)
    files = []
    for order in range(3):
        encoder.batches.clear()
        dataset = dataset_of(tmp_path / f"d{order}", TEXTS, order)
        StoredVectors(encoder, tmp_path / f"c{order}").vectors(dataset.corpus, np.arange(40), "passage")
        folder = tmp_path / f"c{order}" / "vectors" / encoder.fingerprint("passage")
        files.append(((folder / "keys.bin").read_bytes(), (folder / "vectors.bin").read_bytes(), list(encoder.batches)))
    assert files[0] == files[1] == files[2]
    lengths = [len(text) for _, batch in files[0][2] for text in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert max(len(batch) for _, batch in files[0][2]) == 7


def test_blocks_are_cut_by_texts_and_by_characters():
    """A block ends at so many texts, or with the text that reaches so many characters; every text is in one block."""
    lengths = np.array([1, 1, 1, 1, 12, 4, 6, 2])
    assert [block.tolist() for block in cut_blocks(np.array([4, 6, 5, 7, 0, 1, 2, 3]), lengths, 3, 10)] == [[4], [6, 5], [7, 0, 1], [2, 3]]
    assert cut_blocks(np.empty(0, dtype=np.int64), lengths, 3, 10) == []


def test_a_stopped_run_goes_on_where_it_was(encoder, tmp_path, monkeypatch):
    """What was committed before a crash is not encoded again."""
    monkeypatch.setattr(stored_vectors, "BLOCK_TEXTS", 5)
    dataset, whole = dataset_of(tmp_path / "d", TEXTS), encoder.encode

    def broken(texts, side):
        if len(encoder.batches) == 3:
            raise KeyboardInterrupt
        return whole(texts, side)

    encoder.encode = broken
    with pytest.raises(KeyboardInterrupt):
        StoredVectors(encoder, tmp_path).vectors(dataset.corpus, np.arange(40), "passage")
    encoder.encode = whole
    resumed = StoredVectors(encoder, tmp_path)
    resumed.vectors(dataset.corpus, np.arange(40), "passage")
    assert resumed.encoded == len(set(TEXTS)) - 15


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused(encoder, tmp_path, value):
    """ModelError names the text's id; nothing of the block is stored."""
    dataset, whole = dataset_of(tmp_path / "d", TEXTS[:5]), encoder.encode

    def broken(texts, side):
        vectors = whole(texts, side).copy()
        vectors[list(texts).index(TEXTS[3]), 2] = value
        return vectors

    encoder.encode = broken
    vectors = StoredVectors(encoder, tmp_path)
    with pytest.raises(ModelError, match="gives NaN or infinity for passage 'p3'"):
        vectors.vectors(dataset.corpus, np.arange(5), "passage")
    assert vectors.missing(dataset) == len(set(TEXTS[:5])) + 1


def test_fill_writes_the_same_rows(encoder, tmp_path, monkeypatch):
    """In pieces, into an array of the caller's."""
    monkeypatch.setattr(stored_vectors, "READ_ROWS", 7)
    dataset, vectors = dataset_of(tmp_path / "d", TEXTS), StoredVectors(encoder, tmp_path)
    rows = np.array([5, 3, 39, 0, 5, 20, 21, 22, 23, 24])
    out = np.empty((10, vectors.dim), dtype=np.float32)
    vectors.fill(out, dataset.corpus, rows, "passage")
    assert np.array_equal(out, vectors.vectors(dataset.corpus, rows, "passage"))
    assert vectors.vectors(dataset.corpus, rows[:0], "passage").shape == (0, vectors.dim)


def test_progress_counts_texts(encoder, tmp_path, monkeypatch):
    """One call a block: how many of the new texts are done."""
    monkeypatch.setattr(stored_vectors, "BLOCK_TEXTS", 4)
    seen, dataset = [], dataset_of(tmp_path / "d", [f"w{i}" for i in range(10)])
    StoredVectors(encoder, tmp_path, lambda *told: seen.append(told)).vectors(dataset.corpus, np.arange(10), "passage")
    assert seen == [("encode passages", done, 10) for done in (4, 8, 10)]
