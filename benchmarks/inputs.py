"""What a benchmark measures on: a BEIR folder and a model, or the data set and the model that the repository brings.

The data set is the demo's: docstrings of Python's standard library, with all positives known. The model is the packaged all-MiniLM-L6-v2.
"""

from __future__ import annotations

import argparse
import json
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


def add_piece(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `piece`."""
    parser.add_argument("--split", default="train")
    parser.add_argument("--passages", type=int, help="a piece of the data: so many passages")
    parser.add_argument("--queries", type=int, help="a piece of the data: so many queries")


@contextmanager
def data_folder(folder: Path | None) -> Iterator[Path]:
    """Yield the folder, or one with the demo's data set."""
    if folder:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="hardneg-bench-") as scratch:
        build(Path(scratch) / "demo")
        yield Path(scratch) / "demo"


@contextmanager
def piece(args: argparse.Namespace) -> Iterator[Path]:
    """Yield the folder of the data, or one with a piece of it."""
    with data_folder(args.data) as folder, tempfile.TemporaryDirectory(prefix="hardneg-bench-") as scratch:
        smaller = args.passages or args.queries
        yield subset(folder, Path(scratch) / "data", args.split, args.passages, args.queries) if smaller else folder


def subset(data: Path, into: Path, split: str, passages: int | None, queries: int | None) -> Path:
    """A BEIR folder with the first queries, their judged passages and as many others as there is room for."""
    header, *judged = (data / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    wanted = set(list(dict.fromkeys(line.split("\t")[0] for line in judged))[:queries])
    judged = [line for line in judged if line.split("\t")[0] in wanted]
    known = {line.split("\t")[1] for line in judged}
    corpus = (data / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [line for line in corpus if json.loads(line)["_id"] in known]
    others = [line for line in corpus if json.loads(line)["_id"] not in known]
    asked = [line for line in (data / "queries.jsonl").read_text(encoding="utf-8").splitlines() if json.loads(line)["_id"] in wanted]
    (into / "qrels").mkdir(parents=True)
    room = None if passages is None else max(0, passages - len(kept))
    for name, lines in (("corpus.jsonl", kept + others[:room]), ("queries.jsonl", asked), (f"qrels/{split}.tsv", [header, *judged])):
        (into / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return into


def model_folder(model: str | None) -> str:
    """Return the model, or the folder of the packaged one."""
    return model or packaged_model()


def names(data: Path | None, model: str | None) -> dict[str, str]:
    """Return the names of both, for a result."""
    return {"data": data.name if data else "demo", "model": Path(model).name if model else MINILM}
