"""The size of a Parquet file's values, as its rows have them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from miner.io import parquet_files
from miner.io.parquet_files import decoded_bytes

TEXT = "x" * 10_000
COLUMNS = {
    "texts": [TEXT] * 500,
    "lists": [[TEXT]] * 500,
    "objects": [{"text": TEXT}] * 500,
    "categories": pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array([TEXT])),
    "lists of categories": pa.ListArray.from_arrays(
        pa.array(range(501), pa.int32()), pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array([TEXT]))
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_value_that_a_file_has_once_counts_for_each_row(tmp_path, name):
    """The metadata speak of the pages, which hold it once; the batches have it in every row."""
    pq.write_table(pa.table({"column": COLUMNS[name]}), tmp_path / "a.parquet", row_group_size=200)
    declared, *sizes = decoded_bytes(tmp_path / "a.parquet")
    assert len(TEXT) < declared < 6 * len(TEXT)
    assert 500 * len(TEXT) < sizes[-1] < 500 * (len(TEXT) + 20)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("limit", [2**18, 2**16, 1])
def test_a_batch_stays_within_its_limit(tmp_path, monkeypatch, limit):
    """By the first row, and by the pages of the widest column; one row at the least."""
    monkeypatch.setattr(parquet_files, "BATCH_BYTES", limit)
    pq.write_table(pa.table({f"column{number}": [TEXT] * 50 for number in range(10)}), tmp_path / "a.parquet")
    _, *sizes = decoded_bytes(tmp_path / "a.parquet")
    largest = max(later - earlier for earlier, later in zip([0, *sizes], sizes, strict=False))
    assert largest <= max(limit, 10 * (len(TEXT) + 20))
