"""What a benchmark measures on: a BEIR folder and a model, or the data set and the model that the repository brings.

The data set is the demo's: docstrings of Python's standard library, with all positives known. The model is the packaged all-MiniLM-L6-v2.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miner.cli.demo import packaged_model
from miner.read.docstrings import build

MINILM = "all-MiniLM-L6-v2"


def arguments(description: str | None, *, data: bool = True, model: bool = True) -> argparse.ArgumentParser:
    """Return a parser with --out, and with --data and --model where a script takes them."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        parser.add_argument("--data", type=Path, help="a BEIR folder [the demo's data set]")
    if model:
        parser.add_argument("--model", help="a model folder [the packaged all-MiniLM-L6-v2]")
    parser.add_argument("--out", type=Path, help="write the result there, as JSON")
    return parser


@contextmanager
def data_folder(folder: Path | None) -> Iterator[Path]:
    """Yield the folder, or one with the demo's data set."""
    if folder:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="hardneg-bench-") as scratch:
        build(Path(scratch) / "demo")
        yield Path(scratch) / "demo"


def model_folder(model: str | None) -> str:
    """Return the model, or the folder of the packaged one."""
    return model or packaged_model()


def names(data: Path | None, model: str | None) -> dict[str, str]:
    """Return the names of both, for a result."""
    return {"data": data.name if data else "demo", "model": Path(model).name if model else MINILM}
