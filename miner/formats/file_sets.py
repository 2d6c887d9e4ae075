"""Formats of several files: a folder with fixed file names, complete or absent."""

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
from miner.io.row_writer import LINES, Frame, Lines, Sink, open_sink
from miner.types import Dataset

TAB, BLANK = re.compile(r"[\t\r\n]"), re.compile(r"\s|^$")


def open_training(path: str | Path, shape: Format, dataset: Dataset) -> Sink:
    """Open the sink of a format's rows: one file of any kind, or a folder."""
    return FolderSink(Path(path), shape.layout, dataset) if shape.layout else open_sink(path)


class FolderSink:
    """Writes rows to the files of a folder; the files that follow from the dataset are written at the end."""

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
        """Append (file name, row) pairs."""
        for name, row in rows:
            self._sink(name).write((row,))

    def __enter__(self) -> Self:
        self._folder = self._exit.enter_context(folder_part(self._path, self._layout.main))
        for name in (self._layout.main, *self._layout.also):
            self._sink(name)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: Any) -> None:
        if kind is not None:
            self._exit.__exit__(kind, *exception)
            return
        with self._exit:
            for name, rows in self._layout.companions(self._dataset):
                self._sink(name).write(rows)
        files = [file for file in self._path.rglob("*") if file.is_file()]
        self.bytes, self.sha256 = sum(file.stat().st_size for file in files), sha256_of(self._path)

    def _sink(self, name: str) -> Sink:
        if name not in self._sinks:
            self._sinks[name] = self._exit.enter_context(_open_sink(self._folder / name, self._layout.ends.get(name)))
        return self._sinks[name]


def _open_sink(path: Path, ends: tuple[bytes, bytes] | None) -> Sink:
    if path.suffix == ".parquet":
        return Parquet(path)
    if path.suffix == ".json":
        return Lines(path, ".json", Frame(orjson.dumps, ends[0], b",\n", ends[1]) if ends else ONE_OBJECT)
    frame = {".tsv": TAB_SEPARATED, ".trec": BLANK_SEPARATED}.get(path.suffix, LINES)
    return Lines(path, path.suffix, frame._replace(head=ends[0], tail=ends[1]) if ends else frame)


def flat(text: str) -> str:
    """Replace line ends and tabs by blanks."""
    return TAB.sub(" ", text)


def _join_by_tab(cells: Iterable[Any]) -> bytes:
    return _join(cells, "\t", TAB, "a tab or a line end, which a file of tab-separated values")


def _join_by_blank(cells: Iterable[Any]) -> bytes:
    return _join(cells, " ", BLANK, "white space (or nothing), which a TREC file")


def _join(values: Iterable[Any], separator: str, forbidden: re.Pattern[str], reason: str) -> bytes:
    cells = [str(cell) for cell in values]
    for cell in cells:
        if forbidden.search(cell):
            raise InputError(f"{cell!r} holds {reason} cannot hold; choose another output format, or other ids")
    return (separator.join(cells) + "\n").encode()


TAB_SEPARATED, BLANK_SEPARATED = Frame(_join_by_tab), Frame(_join_by_blank)
ONE_OBJECT = Frame(lambda row: orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
