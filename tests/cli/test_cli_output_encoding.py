"""Every sign can be written, whatever the output's encoding; a pipe that nobody reads is no finding and no bug."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from disk import on_disk
from worlds import make

from app.cli import main
from miner.cli.output_encoding import degrade
from miner.config import MiningConfig
from miner.runs.run import Run, mine


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_text_can_be_written(encoding):
    """Bars and dashes as ASCII, the user's own signs so that a line of JSON stays the same JSON; a name that is no text too."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    degrade(stream)
    value = {"text": "Köln 漢字 😀 “so”", "path": os.fsdecode(b"\xff")}
    stream.write(json.dumps(value, ensure_ascii=False) + "\n█▌ – …")
    stream.flush()
    line, bar = raw.getvalue().decode(encoding).split("\n")
    assert json.loads(line) == value
    assert bar.encode(encoding)
    assert encoding != "ascii" or bar == "## - ."


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_verbs_end_well_in_any_encoding(tmp_path, encoding):
    """A line on stdout and an error with signs that the encoding lacks."""
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    for words, code in ((["cache", "ls", "--cache", str(tmp_path / "█漢")], 0), (["report", str(tmp_path / "█漢")], 3)):
        done = subprocess.run([sys.executable, "-m", "hardneg", *words], env=environ, capture_output=True)
        assert done.returncode == code, done.stderr


def test_a_reader_that_goes_away_is_told_by_the_code_of_its_signal(tmp_path):
    """Not 1, which says that something was found."""
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "hardneg", "cache", "ls", "--cache", str(tmp_path)]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.fixture(scope="module")
def run_and_file(tmp_path_factory):
    """A run whose texts have signs that few encodings have, and a training file with a fault."""
    folder = tmp_path_factory.mktemp("signs")
    world = make(7, passages=40, queries=4, style="normal")
    renamed = replace(world, queries={name: f"{text} 漢字 – Köln" for name, text in world.queries.items()})
    vectors = {renamed.queries[name]: world.query_vectors[text] for name, text in world.queries.items()}
    inputs = on_disk(replace(renamed, query_vectors=vectors), folder / "data")
    mine(inputs, MiningConfig.of(depth=12, max_depth=16, negatives=3), out=folder / "run")
    (folder / "bad.jsonl").write_text('{"query": "漢字 – Köln", "pos": ["b漢"], "neg": ["B漢.", "c"]}\n', encoding="utf-8")
    return folder


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(("verb", "code"), [("explain", 0), ("report", 0), ("lint", 1)])
def test_what_a_verb_shows_is_written_in_any_encoding(run_and_file, monkeypatch, encoding, verb, code):
    """Of a run with signs that the encoding lacks, and as JSON the same values."""
    query = Run(run_and_file / "run").dataset.queries.ids([0])[0]
    words = {"explain": ("run", query), "report": ("run",), "lint": ("bad.jsonl",)}[verb]
    monkeypatch.chdir(run_and_file)
    outputs = []
    for more in ((), ("--json",)):
        streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, "argv", ["hardneg", verb, *words, *more])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == code
        streams["stdout"].flush()
        outputs.append(streams["stdout"].buffer.getvalue().decode(encoding))
    assert outputs[0].strip()
    assert {"explain": "漢", "report": "漢", "lint": "B漢"}[verb] in json.dumps(json.loads(outputs[1]), ensure_ascii=False)
    assert encoding != "ascii" or outputs[1].isascii()
