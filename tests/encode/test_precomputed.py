"""Vectors the user made before are found by id, and every fault of their files is told."""

import numpy as np
import pytest

from miner.encode import Precomputed
from miner.errors import InputError
from miner.read import read_inline

IDS = ["b", "a", "é", "10", "9"]


@pytest.fixture
def dataset(tmp_path):
    """Five passages and one query."""
    passages = [{"id": name, "text": f"text {name}"} for name in IDS]
    return read_inline([{"id": "q", "text": "query", "positives": ["a"]}], passages, tmp_path / "dataset")


def save(folder, name, matrix, ids):
    np.save(folder / f"{name}.npy", matrix)
    (folder / f"{name}.ids").write_text("".join(f"{text}\n" for text in ids), encoding="utf-8")
    return str(folder / f"{name}.npy")


def opened(folder, matrix=None, ids=None, queries=None):
    matrix = np.arange(15, dtype=np.float32).reshape(5, 3) if matrix is None else matrix
    ids = IDS[::-1] if ids is None else ids
    queries = np.ones((1, 3), dtype=np.float32) if queries is None else queries
    return Precomputed(save(folder, "q", queries, ["q"]), save(folder, "p", matrix, ids))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_rows_are_found_by_id(tmp_path, dataset, kind):
    """Whatever the order in the file; out comes float32."""
    vectors = opened(tmp_path, np.arange(15, dtype=kind).reshape(5, 3), [*IDS[::-1]])
    rows = [dataset.corpus.ids(range(5)).index(name) for name in ("a", "é", "b")]
    found = vectors.vectors(dataset.corpus, rows, "passage")
    assert found.tolist() == [[9, 10, 11], [6, 7, 8], [12, 13, 14]]
    assert found.dtype == np.float32
    out = np.empty((3, 3), dtype=np.float32)
    vectors.fill(out, dataset.corpus, np.array(rows), "passage")
    assert np.array_equal(out, found)
    assert (vectors.dim, vectors.similarity) == (3, "cosine")
    assert vectors.describe()["shapes"] == {"query": [1, 3], "passage": [5, 3]}


def test_ids_that_nobody_asks_for_do_no_harm(tmp_path, dataset):
    """The files may hold more than the dataset."""
    vectors = opened(tmp_path, np.eye(6, 3, dtype=np.float32), [*IDS, "zz"])
    assert vectors.vectors(dataset.corpus, range(5), "passage").shape == (5, 3)


@pytest.mark.parametrize(
    "ids", [["b", "a", "é", "10", "8"], ["b", "a", "é", "10", "zzz"], ["b", "a", "é", "10", "9 "], ["b", "a", "é", "10", "0"]]
)
def test_a_missing_id_is_named(tmp_path, dataset, ids):
    """The side, the id and the file."""
    with pytest.raises(InputError, match=r"p\.npy: there is no vector for passage '9'"):
        opened(tmp_path, ids=ids).vectors(dataset.corpus, range(5), "passage")


def test_a_duplicate_id_is_named(tmp_path):
    """With the line where it stands again."""
    with pytest.raises(InputError, match=r"p\.ids:4: duplicate id 'a'"):
        opened(tmp_path, ids=["b", "a", "c", "a", "d"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_named(tmp_path, dataset, value):
    """Only when it is used."""
    matrix = np.zeros((5, 3), dtype=np.float32)
    matrix[4, 1] = value
    vectors = opened(tmp_path, matrix)
    with pytest.raises(InputError, match="the vector of passage 'b' is not finite"):
        vectors.vectors(dataset.corpus, range(5), "passage")
    assert vectors.vectors(dataset.corpus, [dataset.corpus.ids(range(5)).index("a")], "passage").shape == (1, 3)


def test_vectors_whose_products_are_no_numbers_are_refused(tmp_path, dataset):
    """Finite, and too long: their scores would be infinite."""
    vectors = opened(tmp_path, np.full((5, 3), 1e30, dtype=np.float32))
    with pytest.raises(InputError, match=r"a component is 1e\+30; above 1e\+15 products are no numbers any more"):
        vectors.vectors(dataset.corpus, [dataset.corpus.ids(range(5)).index("a")], "passage")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ids": IDS[:4]}, r"p\.ids: holds 4 ids, p\.npy holds 5 vectors"),
        ({"matrix": np.zeros(5, dtype=np.float32)}, r"holds float32 of shape \(5,\); a matrix of floats \(n, D\) is wanted"),
        ({"matrix": np.zeros((5, 3), dtype=np.int32)}, r"holds int32 of shape \(5, 3\)"),
        ({"matrix": np.zeros((0, 3), dtype=np.float32), "ids": []}, r"of shape \(0, 3\)"),
        ({"matrix": np.zeros((5, 0), dtype=np.float32), "queries": np.zeros((1, 0), dtype=np.float32)}, r"of shape \(\d, 0\)"),
        ({"queries": np.zeros((1, 4), dtype=np.float32)}, "query vectors have 4 dims, passage vectors 3"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, given, message):
    """Counts, shapes and types are checked when the files are opened."""
    with pytest.raises(InputError, match=message):
        opened(tmp_path, **given)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    """Missing, without ids, torn, or pickled."""
    good = save(tmp_path, "q", np.ones((1, 3), dtype=np.float32), ["q"])
    with pytest.raises(InputError, match="cannot be read as a numpy matrix"):
        Precomputed(good, str(tmp_path / "nowhere.npy"))
    np.save(tmp_path / "alone.npy", np.ones((1, 3), dtype=np.float32))
    with pytest.raises(InputError, match=r"there is no alone\.ids beside it"):
        Precomputed(good, str(tmp_path / "alone.npy"))
    (tmp_path / "torn.npy").write_bytes((tmp_path / "q.npy").read_bytes()[:-4])
    with pytest.raises(InputError, match="cannot be read as a numpy matrix"):
        Precomputed(good, str(tmp_path / "torn.npy"))
    np.save(tmp_path / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read as a numpy matrix"):
        Precomputed(good, str(tmp_path / "pickled.npy"))
