"""Files as other programs write them are read as those programs read them, or one sentence says what they are and what to do."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import datasets
import pandas as pd
import pytest

from miner.config import Inputs
from miner.errors import ConfigError, InputError
from miner.formats import read_training
from miner.io import standard_input as pipe
from miner.read import read, read_files, read_pairs

FRAME = pd.DataFrame({"query": ["what is ü?", "and b?"], "positive": ["the first, one", "the second"], "n": [1, 2]})
TEXTS = FRAME["positive"].tolist()
CSV = FRAME.to_csv(index=False)
LINES = FRAME.to_json(orient="records", lines=True)
PASSAGES = pd.DataFrame({"_id": ["d0", "d1", "d2"], "text": ["one", "two", "three"]})
QUERIES = pd.DataFrame({"_id": ["q0"], "text": ["which?"]})
QRELS = pd.DataFrame({"query-id": ["q0"], "corpus-id": ["d1"], "score": [1]})


def positives(*files: object, **options: object) -> list[str]:
    """The texts of the positives, in the order of the file."""
    dataset = read_pairs(*files, **options)  # type: ignore[arg-type]
    return dataset.corpus.texts(dataset.qrels.rows)


READ = {
    "utf16.csv": CSV.encode("utf-16"),
    "big-endian.csv": b"\xfe\xff" + CSV.encode("utf-16-be"),
    "utf32.csv": CSV.encode("utf-32"),
    "utf16.jsonl": LINES.encode("utf-16"),
    "utf16.csv.gz": gzip.compress(CSV.encode("utf-16")),
    "excel.csv": ("sep=;\n" + FRAME.to_csv(index=False, sep=";")).encode("utf-16"),
    "pairs.csv.bz2": bz2.compress(CSV.encode()),
    "pairs.jsonl.xz": lzma.compress(LINES.encode()),
    "UPPER.CSV": CSV.encode(),
    "list.jsonl": FRAME.to_json(orient="records", indent=2).encode(),
    "list.json.gz": gzip.compress(FRAME.to_json(orient="records").encode()),
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_whatever_its_encoding_and_compression(tmp_path: Path, name: str) -> None:
    """By mining and by the reader of training files alike; sizes and hashes are those of the bytes on disk."""
    (tmp_path / name).write_bytes(READ[name])
    dataset = read_pairs(tmp_path / name)
    assert dataset.corpus.texts(dataset.qrels.rows) == TEXTS
    assert dataset.inputs[str(tmp_path / name)]["sha256"] == sha256(READ[name]).hexdigest()
    training = pd.read_csv(io.StringIO(CSV)).assign(negative="x").rename(columns={"query": "anchor"})
    assert [row.passages[0] for row in read_training(_rewritten(tmp_path / f"t-{name}", READ[name], training))] == TEXTS


def _rewritten(path: Path, like: bytes, table: pd.DataFrame) -> Path:
    """The table as a training file in the form of `path`'s kind and `like`'s encoding."""
    unpack, pack = {
        ".gz": (gzip.decompress, gzip.compress),
        ".bz2": (bz2.decompress, bz2.compress),
        ".xz": (lzma.decompress, lzma.compress),
    }.get(path.suffix, (bytes, bytes))
    encoding = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}.get(unpack(like)[:2], "utf-8")
    if "json" in path.name:
        text = table.to_json(orient="records", lines=b"[" not in unpack(like)[:4])
    else:
        text = "sep=;\n" + table.to_csv(index=False, sep=";") if "excel" in path.name else table.to_csv(index=False)
    path.write_bytes(pack(text.encode(encoding)))
    return path


REFUSED = [
    *(
        (f"{orient}.json", FRAME.to_json(orient=orient).encode(), f"'{orient}'.*orient='records', lines=True")
        for orient in ("columns", "split")
    ),
    *(
        (f"{orient}.json", FRAME.to_json(orient=orient, indent=2).encode(), f"'{orient}'.*lines=True")
        for orient in ("index", "table", "values")
    ),
    ("wrapped.json", json.dumps({"data": FRAME.to_dict("records")}).encode(), r"key 'data' holds a list.*`jq '.data' OLD > NEW`"),
    ("indented.json", b'{\n "query": "a",\n "positive": "b"\n}\n', r"over several lines.*`jq -c . OLD > NEW`"),
    ("a.csv.zip", b"PK\x03\x04", r"'.zip'; unpack it: `unzip NAME`"),
    ("a.pkl", b"x", r"a pickle runs code .* `df.to_parquet`"),
    ("a.xlsx", b"PK", r"save the sheet as 'CSV UTF-8'"),
    ("a.tar.gz", b"x", r"`tar -xf NAME`"),
    ("lines.csv", b'{"query": "a"}\n', r"JSON, not CSV or TSV: call it .jsonl"),
    ("table.jsonl", b"query,positive\na,b\n", r"is this CSV or TSV\? call it .csv or .tsv"),
    ("packed.jsonl", gzip.compress(b"{}", mtime=0), r"compressed by gzip; add .gz to its name"),
    ("columns.jsonl", b"PAR1\x15\x04", r"the file is Parquet; call it .parquet"),
    ("book.csv", b"PK\x03\x04\x14\x00", r"a zip archive \(.zip, .xlsx\)"),
    ("bare.csv", CSV.encode("utf-16-le"), r"UTF-16 without a byte order mark"),
    ("odd.csv", b"\xff\xfea", r"odd.csv: invalid UTF-16"),
    ("cut.csv.xz", lzma.compress(CSV.encode())[:-9], r"ends too early: its xz stream is cut off"),
    ("cut.csv.bz2", b"no bzip2", r"is not bz2, or it is damaged"),
]


@pytest.mark.parametrize(("name", "content", "reason"), REFUSED)
def test_what_is_not_read_is_named_with_what_to_do(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_pairs(tmp_path / name)


def test_triples_have_no_header(tmp_path: Path) -> None:
    """As MS MARCO publishes them: texts are read, ids are judgements, and a header is no triple."""
    table = FRAME.assign(negative=["the third, one", "a fourth text"])[["query", "positive", "negative"]].replace(
        "the second", "the second one"
    )
    table.to_csv(tmp_path / "triples.train.small.tsv", sep="\t", header=False, index=False)
    dataset = read_pairs(tmp_path / "triples.train.small.tsv")
    expected = pd.read_csv(tmp_path / "triples.train.small.tsv", sep="\t", names=["q", "p", "n"])
    assert dataset.queries.texts([0, 1]) == expected["q"].tolist()
    assert sorted(dataset.corpus.texts(range(4))) == sorted([*expected["p"], *expected["n"]])
    (tmp_path / "ids.tsv").write_text("1\t7\t800\n")
    with pytest.raises(InputError, match=r"MS MARCO's triples .*`cut -f1,2 TRIPLES") as refused:
        read_pairs(tmp_path / "ids.tsv")
    assert "--queries queries.tsv --qrels qrels.tsv" in refused.value.with_flags
    (tmp_path / "named.tsv").write_text("Frage\tgute Antwort\tschlechte Antwort\na\tb\tc\n")
    with pytest.raises(InputError, match=r"no column for 'query'"):
        read_pairs(tmp_path / "named.tsv")
    _tables(tmp_path, ".parquet")
    with pytest.raises(InputError, match=r"ids.tsv:1: 800 is no grade: three ids a line are MS MARCO's triples"):
        read_files(tmp_path / "corpus.parquet", tmp_path / "queries.parquet", tmp_path / "ids.tsv")


def _tables(folder: Path, suffix: str, qrels: str = "qrels") -> None:
    """Corpus, queries and judgements, each a file by name."""
    for name, table in (("corpus", PASSAGES), ("queries", QUERIES), (qrels, QRELS)):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path) if suffix.endswith("parquet") else table.to_json(path, orient="records", lines=True)


LAYOUTS = {
    "hub": ["corpus/corpus-00000-of-00001.parquet", "queries/queries-00000-of-00001.parquet", "qrels/test-00000-of-00001.parquet"],
    "mteb": ["corpus/corpus-00000-of-00001.parquet", "queries/queries-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"],
    "default": ["corpus/test-00000-of-00001.parquet", "queries/test-00000-of-00001.parquet", "default/test-00000-of-00001.parquet"],
    "flat": ["corpus.parquet", "queries.parquet", "qrels.parquet"],
    "old": ["corpus.jsonl.gz", "queries.jsonl.gz", "test.jsonl"],
    "bz2": ["corpus.jsonl.bz2", "queries.jsonl.xz", "qrels/test.jsonl"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_beir_folder_may_be_laid_out_as_the_hub_does(tmp_path: Path, layout: str) -> None:
    for name, table in zip(LAYOUTS[layout], (PASSAGES, QUERIES, QRELS), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        table.to_parquet(tmp_path / name) if name.endswith("parquet") else table.to_json(tmp_path / name, orient="records", lines=True)
    splits = () if layout == "flat" else ("test",)
    dataset = read(Inputs(data=str(tmp_path), split=splits))
    assert dataset.corpus.ids(dataset.qrels.rows) == QRELS["corpus-id"].tolist()
    assert dataset.queries.texts([0]) == QUERIES["text"].tolist()
    kind, suffix = ("parquet", "parquet") if layout in ("hub", "mteb", "default", "flat") else ("json", LAYOUTS[layout][0].split("/")[-1])
    if kind == "parquet":
        files = {"train": str(tmp_path / LAYOUTS[layout][0])}
        public = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
        assert dataset.corpus.texts(range(3)) == list(public["text"]), suffix


def test_pieces_of_a_split_are_one_split_and_all_must_be_there(tmp_path: Path) -> None:
    _tables(tmp_path, ".parquet", "qrels/train-00000-of-00002")
    with pytest.raises(InputError, match=r"holds 1 of 2 pieces"):
        read(Inputs(data=str(tmp_path)))
    QRELS.replace("d1", "d2").to_parquet(tmp_path / "qrels" / "train-00001-of-00002.parquet")
    dataset = read(Inputs(data=str(tmp_path), split=("train",)))
    assert dataset.corpus.ids(dataset.qrels.rows) == ["d1", "d2"]


def test_a_pattern_names_files_and_a_folder_its_only_sub_folder(tmp_path: Path) -> None:
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for place in (0, 1):
        FRAME[place : place + 1].to_parquet(tmp_path / "hub" / "data" / f"train-0000{place}-of-00002.parquet")
    assert positives(str(tmp_path / "hub" / "data" / "*.parquet")) == TEXTS
    assert positives(tmp_path / "hub") == TEXTS
    with pytest.raises(InputError, match=r"no file matches .*none\*\.jsonl"):
        read_pairs(str(tmp_path / "none*.jsonl"))
    (tmp_path / "hub" / "[1].csv").write_text(CSV, encoding="utf-8")
    assert positives(str(tmp_path / "hub" / "[1].csv")) == TEXTS
    (tmp_path / "hub" / "more").mkdir()
    (tmp_path / "hub" / "[1].csv").rename(tmp_path / "hub" / "more" / "a.csv")
    with pytest.raises(InputError, match=r"several sub-folders \(data, more\): name one"):
        read_pairs(tmp_path / "hub")


def test_a_folder_that_spark_wrote_is_one_table(tmp_path: Path) -> None:
    for place in (0, 1):
        FRAME[place : place + 1].to_parquet(tmp_path / f"part-0000{place}-6f3a-c000.snappy.parquet")
    (tmp_path / "_SUCCESS").touch()
    assert positives(tmp_path) == TEXTS


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        FRAME.to_json(orient="records", indent=1).encode(),
        CSV.encode(),
        gzip.compress(CSV.encode(), mtime=0),
        CSV.encode("utf-16"),
    ],
)
def test_standard_input_is_read_once_and_hashed(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "open_standard_input", lambda: io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    pipe.standard_input.cache_clear()
    try:
        dataset = read(Inputs(pairs="-"))
    finally:
        pipe.standard_input.cache_clear()
    assert dataset.corpus.texts(dataset.qrels.rows) == TEXTS
    assert dataset.inputs == {"-": {"bytes": len(content), "sha256": sha256(content).hexdigest()}}
    assert [*dataset.columns] == ["-"]


def test_a_second_standard_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="standard input, which is read once"):
        Inputs(pairs="-", corpus="-")


def test_a_pipe_is_standard_input() -> None:
    program = "from miner.read import read_pairs; d = read_pairs('-'); print(len(d.queries), [*d.inputs])"
    done = subprocess.run([sys.executable, "-c", program], input=LINES, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "['-']"]


@pytest.mark.parametrize("number", [7, -3, 2**53 + 1, 2**63 - 1, 2**64 - 1])
def test_whole_numbers_are_ids_where_they_are_exact(tmp_path: Path, number: int) -> None:
    table = pd.DataFrame({"_id": [number], "text": ["x"]})
    table.to_parquet(tmp_path / "corpus.parquet")
    table.to_json(tmp_path / "corpus.jsonl", orient="records", lines=True)
    QUERIES.to_parquet(tmp_path / "queries.parquet")
    QRELS.assign(**{"corpus-id": [number]}).to_parquet(tmp_path / "qrels.parquet")
    for name in ("corpus.parquet", "corpus.jsonl"):
        dataset = read_files(tmp_path / name, tmp_path / "queries.parquet", tmp_path / "qrels.parquet")
        assert dataset.corpus.ids(dataset.qrels.rows) == [str(number)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("fields", [{}, {"query": "query", "positive": "positive", "grade": "n"}])
def test_a_name_of_a_column_is_the_same_in_any_case(tmp_path: Path, suffix: str, fields: dict[str, str]) -> None:
    table = FRAME.rename(columns={"query": "Query", "positive": "POSITIVE", "n": "N"})
    write = {".csv": lambda path: table.to_csv(path, index=False), ".parquet": table.to_parquet}
    write.get(suffix, lambda path: table.to_json(path, orient="records", lines=True))(tmp_path / f"pairs{suffix}")
    assert positives(tmp_path / f"pairs{suffix}", fields=fields) == TEXTS


@pytest.mark.parametrize(("name", "joint"), [("u16.csv", ","), ("u16.tsv", "\t")])
def test_a_wrong_row_of_another_encoding_says_how_it_was_read(tmp_path, name, joint):
    """The reader may be wrong about the encoding, so the message names it."""
    (tmp_path / name).write_bytes(f"query{joint}answer\nq{joint}a{joint}b\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"3 fields where the header has 2; the file is read as UTF-16$"):
        read_pairs(tmp_path / name)
