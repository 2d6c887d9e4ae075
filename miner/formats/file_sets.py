"""Formats of several files: a folder under a fixed set of names, there complete or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import orjson

from miner.errors import InputError
from miner.formats.row_format import Format, Layout
from miner.io.arrow_files import Parquet
from miner.io.atomic import folder_part, sha256_of
from miner.io.row_files import LINES, Frame, Lines, Sink, open_sink
from miner.types import Dataset

TAB, BLANK = re.compile(r"[\t\r\n]"), re.compile(r"\s|^$")


def open_training(path: str | Path, shape: Format, dataset: Dataset) -> Sink:
    """The sink a format's rows go to: one file of any kind, or its folder."""
    return FolderSink(Path(path), shape.layout, dataset) if shape.layout else open_sink(path)


class FolderSink:
    """Rows on their way into the files of a folder; what follows from the dataset is written at the end. `rows` counts the main file's."""

    def __init__(self, path: Path, layout: Layout, dataset: Dataset) -> None:
        self.bytes, self.sha256 = 0, ""
        self._path, self._layout, self._dataset = path, layout, dataset
        self._sinks: dict[str, Sink] = {}
        self._exit = ExitStack()

    @property
    def rows(self) -> int:
        """Rows of the main file."""
        return self._sinks[self._layout.main].rows

    def write(self, rows: Iterable[tuple[str, Any]]) -> None:
        """Append rows, each to the file it names."""
        for name, row in rows:
            self._sink(name).write((row,))

    def __enter__(self) -> Self:
        self._folder = self._exit.enter_context(folder_part(self._path, self._layout.main))
        for name in (self._layout.main, *self._layout.also):
            self._sink(name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            self._exit.__exit__(kind, *rest)
            return
        with self._exit:
            for name, rows in self._layout.beside(self._dataset):
                self._sink(name).write(rows)
        files = [file for file in self._path.rglob("*") if file.is_file()]
        self.bytes, self.sha256 = sum(file.stat().st_size for file in files), sha256_of(self._path)

    def _sink(self, name: str) -> Sink:
        if name not in self._sinks:
            self._sinks[name] = self._exit.enter_context(_opened(self._folder / name, self._layout.ends.get(name)))
        return self._sinks[name]


def _opened(path: Path, ends: tuple[bytes, bytes] | None) -> Sink:
    if path.suffix == ".parquet":
        return Parquet(path)
    if path.suffix == ".json":
        return Lines(path, ".json", Frame(orjson.dumps, ends[0], b",\n", ends[1]) if ends else WHOLE)
    frame = {".tsv": TABBED, ".trec": SPACED}.get(path.suffix, LINES)
    return Lines(path, path.suffix, frame._replace(head=ends[0], tail=ends[1]) if ends else frame)


def flat(text: str) -> str:
    """A text that fits between tabs: line ends and tabs become blanks."""
    return TAB.sub(" ", text)


def _tabbed(cells: Iterable[Any]) -> bytes:
    return _joined(cells, "\t", TAB, "a tab or a line end, which a file of tab-separated values")


def _spaced(cells: Iterable[Any]) -> bytes:
    return _joined(cells, " ", BLANK, "white space (or nothing), which a TREC file")


def _joined(cells: Iterable[Any], between: str, bad: re.Pattern[str], why: str) -> bytes:
    words = [str(cell) for cell in cells]
    for word in words:
        if bad.search(word):
            raise InputError(f"{word!r} holds {why} cannot say; choose another output format, or other ids")
    return (between.join(words) + "\n").encode()


TABBED, SPACED = Frame(_tabbed), Frame(_spaced)
WHOLE = Frame(lambda row: orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
