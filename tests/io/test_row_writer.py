"""A file is there complete or not at all, says the same bytes for the same rows, and an error names it and the reason."""

import errno
import gzip
import os
import subprocess
import sys

import datasets
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.errors import ConfigError, InputError, StorageError
from miner.formats.row_readers import read_rows
from miner.io import arrow_files, atomic, row_writer
from miner.io.row_writer import KINDS, open_sink, sha256_of, write_bytes, write_json

NAMES = [f"rows{kind}" for kind in KINDS] + ["rows"]
names = pytest.mark.parametrize("name", NAMES)
ROWS = [{"anchor": f"é {i}", "scores": [0.5, i / 7], "rank": i, "note": None if i < 30 else "late"} for i in range(50)]
VALUES = st.fixed_dictionaries({"text": st.text(st.characters(exclude_categories=["Cs"])), "n": st.integers(-9, 9), "f": st.floats(-1, 1)})


def save(path, *parts):
    with open_sink(path) as sink:
        for part in parts:
            sink.write(iter(part))
    return sink


@names
def test_rows_come_back_with_their_hash_and_size(name, tmp_path):
    sink = save(tmp_path / name, ROWS)
    assert list(read_rows(tmp_path / name)) == ROWS
    assert sink.rows == len(ROWS)
    assert sink.sha256 == sha256_of(tmp_path / name)
    on_disk = [file for file in [tmp_path / name, *(tmp_path / name).glob("*")] if file.is_file()]
    assert sink.bytes == sum(file.stat().st_size for file in on_disk)


@names
@given(rows=st.lists(VALUES, max_size=12), cut=st.integers(0, 12))
@settings(max_examples=15, deadline=None)
def test_bytes_do_not_depend_on_the_cuts(name, rows, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_files, "BATCH_ROWS", 5)
        patch.setattr(row_writer, "COMPRESS_CHUNK_BYTES", 64)
        whole = save(folder / name, rows).sha256
        assert save(folder / f"again_{name}", rows[:cut], [], rows[cut:]).sha256 == whole
        assert list(read_rows(folder / name)) == rows


@names
def test_an_exception_leaves_nothing_and_keeps_what_was_there(name, tmp_path):
    before = save(tmp_path / name, ROWS[:3]).sha256
    with pytest.raises(ZeroDivisionError):
        save(tmp_path / name, ROWS, ({"a": 1 / zero} for zero in [0]))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sha256_of(tmp_path / name) == before


@names
@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [("write", errno.ENOSPC, "the disk is full"), ("fsync", errno.EIO, "the disk reports an error"), ("fsync", errno.EDQUOT, "quota")],
)
def test_a_disk_that_fails_is_named_and_leaves_nothing(name, call, code, reason, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(StorageError, match=rf"rows.*: .*{reason}"):
        save(tmp_path / name, ROWS)
    assert list(tmp_path.iterdir()) == []


@names
def test_a_folder_that_cannot_be_written_is_said(name, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        save(tmp_path / "file" / name, ROWS)


@names
def test_a_second_file_takes_the_place_of_the_first_even_through_a_link(name, tmp_path):
    save(tmp_path / name, ROWS)
    link = tmp_path / f"link_{name}"
    link.symlink_to(tmp_path / name)
    save(link, ROWS[:2])
    assert link.is_symlink()
    assert list(read_rows(tmp_path / name)) == ROWS[:2]


def test_something_of_the_users_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years")
    (tmp_path / "notes").write_text("days")
    for name in ("thesis", "notes"):
        with pytest.raises(StorageError, match="something else is there"):
            save(tmp_path / name, ROWS)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years"
    with pytest.raises(StorageError, match="it is a folder"):
        write_bytes(tmp_path / "thesis", b"")


def test_datasets_opens_the_folder(tmp_path):
    save(tmp_path / "set", ROWS)
    loaded = datasets.load_from_disk(str(tmp_path / "set"))
    assert loaded.to_list() == ROWS


def test_compressed_files_open_with_the_usual_tools_and_carry_no_time_or_name(tmp_path):
    save(tmp_path / "a.jsonl", ROWS), save(tmp_path / "a.jsonl.gz", ROWS), save(tmp_path / "a.jsonl.zst", ROWS)
    plain = (tmp_path / "a.jsonl").read_bytes()
    packed = (tmp_path / "a.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == plain
    assert packed[3:8] == b"\0" * 5  # no flags, hence no name; time 0
    assert zstandard.ZstdDecompressor().stream_reader((tmp_path / "a.jsonl.zst").read_bytes()).read() == plain


def test_a_column_may_begin_with_nulls_and_turn_from_whole_to_broken_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_files, "BATCH_ROWS", 2)
    rows = [{"a": None, "b": 1, "c": []}, {"a": None, "b": 2, "c": []}, {"a": "x", "b": 0.5, "c": [1]}, {"d": "new"}]
    save(tmp_path / "a.parquet", rows)
    assert list(read_rows(tmp_path / "a.parquet")) == [{name: row.get(name) for name in "abcd"} for row in rows]


@pytest.mark.parametrize("bad", [[{"a": 1}, {"a": "x"}], [{"a": {}}], [{"a": 2**70}]])
def test_values_a_column_cannot_hold_are_said_in_one_sentence(bad, tmp_path):
    with pytest.raises(InputError, match=r"a\.parquet wants one type per column"):
        save(tmp_path / "a.parquet", bad)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl.bz2", ""])
def test_a_name_that_says_nothing_is_refused_with_what_would_be_right(name):
    with pytest.raises(ConfigError, match=r"\.jsonl, \.jsonl\.gz, \.jsonl\.zst, \.json, \.parquet"):
        open_sink(name)


def test_no_rows_give_a_file_with_the_columns_that_were_named(tmp_path):
    with open_sink(tmp_path / "a.parquet", ["anchor", "label"]):
        pass
    assert arrow_files.pq.read_schema(tmp_path / "a.parquet").names == ["anchor", "label"]


def test_a_dash_is_standard_output(capfdbinary):
    sink = save("-", ROWS[:1])
    out = capfdbinary.readouterr().out
    assert out.endswith(b'"note":null}\n')
    assert sink.bytes == len(out)


SCRIPT = "from miner.io.row_writer import open_sink\nwith open_sink('-') as s: s.write({'a': 'x' * 999} for _ in range(9999))"


@pytest.mark.parametrize(
    ("target", "error"), [("/dev/full", "StorageError: cannot write standard output: the disk is full"), (None, "BrokenPipeError")]
)
def test_standard_output_that_is_full_or_closed(target, error):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(os.open(target, os.O_WRONLY) if target else write, "wb") as out:
        done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    if target:
        os.close(write)
    assert error in done.stderr


def flushed(content, end=True):
    """A zstd stream of blocks that each end with a row: cut between two, it looks like a shorter file."""
    packer = zstandard.ZstdCompressor().compressobj()
    for line in content.splitlines(keepends=True):
        yield packer.compress(line) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    if end:
        yield packer.flush()


def test_a_stream_of_several_frames_is_read_whole(tmp_path):
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(flushed(b'{"a":1}\n' * 9)) * 2)
    assert len(list(read_rows(tmp_path / "a.jsonl.zst"))) == 18


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.jsonl", b'{"a":1}\n\n{"a":\n', InputError, r"a\.jsonl:3: this is not JSON"),
        ("a.jsonl", b"[1]\n", InputError, r"a\.jsonl:1: each line is one JSON object"),
        ("a.jsonl.gz", gzip.compress(b'{"a":1}\n' * 999, mtime=0)[:-20], StorageError, "compressed data is broken"),
        ("a.jsonl.zst", b"".join(flushed(b'{"a":1}\n' * 9, end=False)), StorageError, "compressed data is broken, or ends too early"),
        ("a.jsonl.zst", b"not zstandard", StorageError, "compressed data is broken"),
        ("a.parquet", b"PAR1", StorageError, "cannot read"),
        ("b.jsonl", None, StorageError, "cannot read .*no such file"),
        ("b", None, StorageError, "cannot read .*no such file"),
    ],
)
def test_a_broken_file_is_named_with_its_line(name, content, error, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        list(read_rows(tmp_path / name))


def test_small_files_are_written_by_the_same_means(tmp_path):
    assert write_json(tmp_path / "new" / "a.json", {"b": [1.5], "a": None}) == sha256_of(tmp_path / "new" / "a.json")
    assert (tmp_path / "new" / "a.json").read_text() == '{\n  "b": [\n    1.5\n  ],\n  "a": null\n}\n'
