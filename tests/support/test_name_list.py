"""Messages stay short however many columns a file has, and say where a header is missing, or the encoding is another."""

import pytest

from miner.errors import InputError
from miner.formats import recognise
from miner.formats.row_readers import read_rows
from miner.read import read_pairs
from miner.support.name_list import listed

ROW = "what is the number and how long is it{0}the number is a long passage of many words\n"
REMEDY = "iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"


def test_a_list_is_cut():
    """After twenty names, and each name where it is long."""
    assert listed(["a", "b"]) == "a, b"
    assert listed(map(str, range(22))).endswith("18, 19 and 2 more")
    assert listed(["x" * 100]) == "x" * 60 + "…"


@pytest.mark.parametrize("read", [read_pairs, recognise])
def test_a_table_of_many_columns(tmp_path, read):
    """The message is short, at each door."""
    path = tmp_path / "wide.csv"
    names = [f"column_{number}" for number in range(3000)]
    path.write_text(",".join(names) + "\n" + ",".join("x" * 3000) + "\n")
    with pytest.raises(InputError, match="column_19 and 2,980 more") as caught:
        read(str(path))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("read", [read_pairs, recognise])
def test_a_table_without_a_header(tmp_path, read):
    """Says so."""
    path = tmp_path / "bare.csv"
    path.write_text(ROW.format(",") * 3)
    with pytest.raises(InputError, match="the first line reads as a row: the file needs a header"):
        read(str(path))


FILES = {
    "a.csv": "query,positive\ncafé,crème\n",
    "a.tsv": "query\tpositive\ncafé\tcrème\n",
    "a.jsonl": '{"query": "café", "positive": "crème"}\n',
    "a.json": '[{"query": "café", "positive": "crème"}]\n',
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("read", [read_pairs, lambda path: list(read_rows(path))], ids=["data", "training file"])
def test_another_encoding(tmp_path, name, read):
    """Has its remedy."""
    path = tmp_path / name
    path.write_bytes(FILES[name].encode("cp1252"))
    with pytest.raises(InputError, match=f"invalid UTF-8.*{REMEDY}"):
        read(str(path))


def test_objects_over_several_lines(tmp_path):
    """Of a training file, too."""
    path = tmp_path / "a.json"
    path.write_text('{\n  "query": "a"\n}\n')
    with pytest.raises(InputError, match=r"a JSON object over several lines, .*`jq -c . OLD > NEW`"):
        list(read_rows(path))
