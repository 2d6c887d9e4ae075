"""Every sign can be written, whatever the output's encoding; a pipe that nobody reads is no finding and no bug."""

import io
import json
import os
import subprocess
import sys

import pytest

from miner.cli.output_encoding import degrade


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
