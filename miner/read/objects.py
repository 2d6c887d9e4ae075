"""Objects in memory as rows: data frames, datasets, Arrow tables, dicts of columns, lists and generators of rows.

A row is what a line of a JSONL file would be: a dict by column name, with Python's own values. NaN, NA and NaT are missing values.
The libraries are not imported: an object of theirs can only be given by a program that has imported them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS
from miner.read.file_rows import TEXT_KINDS, RowStream
from miner.read.lines import NumberedRows, Row
from miner.read.rejects import OnError, Origin, Rejects
from miner.support.name_list import listed
from miner.support.value_types import type_name

BATCH_ROWS = 1024
TUPLE_COLUMNS = ("query", "positive", "negative")
"""Columns of a row that is a tuple."""
PAIRS = ("data", "pairs")
"""Names of objects that hold pairs; the others hold texts or judgements."""
PAIRS_FORM = 'pairs are rows, as [{"query": …, "positive": …}, …], or columns, as {"query": […], "positive": […]}'
LOOKED_AT = 100
"""Items of a list that decide whether it names files, or holds texts."""
MAX_NAME_CHARS = 255
READABLE_OBJECTS = (
    "a path, a pandas or polars DataFrame, a datasets.Dataset, an Arrow table, a dict of columns, "
    "or an iterable of dicts or of tuples (query, positive)"
)


@dataclasses.dataclass(frozen=True)
class MemoryRows:
    """The rows of an object in memory.

    name: what messages call it, as `pairs` in `pairs[3]: 'answer' is empty`.
    data: the object. An iterator is read once.
    split: of a DatasetDict, the split to read; None where it has one only.
    """

    name: str
    data: Any
    split: str | None = None

    def open(self, rejects: Rejects) -> RowStream:
        """Return the rows. Raises InputError for an object that holds no rows."""
        data = _select_split(self.data, self.split, self.name)
        origin = Origin(self.name, "{}[{}]")
        is_iterator = isinstance(data, Iterator)
        return RowStream(
            origin,
            _valid(_items(data, self.name), self.name, origin, rejects),
            lambda: () if is_iterator else enumerate(_items(data, self.name)),
        )


@dataclasses.dataclass(frozen=True)
class ObjectInputs:
    """Inputs of which at least one is an object in memory, read as `Inputs` names files.

    pairs, corpus: files, or MemoryRows; no corpus where it is empty.
    """

    pairs: Any
    corpus: Any = ()
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    on_error: OnError = "fail"
    data: str | None = None
    split: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    qrels: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()


def is_path(data: Any) -> bool:
    """Return whether `data` names a file, or is a list or tuple of such names."""
    if isinstance(data, list | tuple):
        return bool(data) and all(isinstance(item, str | Path) for item in data)
    return isinstance(data, str | Path)


def is_texts(data: Any) -> bool:
    """Return whether a list or tuple of strings holds texts: not each may be the name of a file, one word or known by its end."""
    if not isinstance(data, list | tuple) or not all(isinstance(item, str) for item in data):
        return False
    start = data[:LOOKED_AT]
    return not all(_may_be_name(item) for item in start) and not any(" " in item and _exists(item) for item in start)


def _may_be_name(item: str) -> bool:
    is_word = item.isascii() and not any(map(str.isspace, item))
    return is_word or Path(item).suffix.lower() in (".parquet", *TEXT_KINDS, *COMPRESSIONS) or _exists(item)


def _exists(item: str) -> bool:
    """Return whether a file has that name; none has one that is longer than names may be."""
    return len(item.encode("utf-8", "replace")) <= MAX_NAME_CHARS and "\0" not in item and Path(item).exists()


def has_items(data: Any) -> bool:
    """Return whether an argument is there: not None and no empty list of names."""
    return data is not None and not (isinstance(data, str | tuple | list) and not data)


def _valid(items: Iterable[Any], name: str, origin: Origin, rejects: Rejects) -> NumberedRows:
    needed = f"a row is needed: {PAIRS_FORM}" if name in PAIRS else f"{'a text or ' if name == 'corpus' else ''}a dict of columns is needed"
    for number, item in enumerate(items):
        row = {"text": item} if name == "corpus" and isinstance(item, str) else _row(item)
        if row is None:
            rejects.add(origin, number, f"{type_name(item)} where {needed}", item)
        else:
            yield number, row


def _row(item: Any) -> Row | None:
    """Return the row of an item of an iterable; None where it is no row."""
    if isinstance(item, Mapping):
        return {str(name): _plain(value) for name, value in item.items()}
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return _row(dataclasses.asdict(item))
    if isinstance(item, tuple) and hasattr(item, "_asdict"):
        return _row(item._asdict())
    if isinstance(item, tuple | list) and 2 <= len(item) <= len(TUPLE_COLUMNS):
        return _row(dict(zip(TUPLE_COLUMNS, item, strict=False)))
    return None


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: of numpy's types Python's own, for a missing value None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    # NaT and pandas.NA are the values that are not equal to themselves, or cannot say.
    return None if type(value).__name__ in {"NaTType", "NAType"} else value


def _items(data: Any, name: str) -> Iterable[Any]:
    """Return the items of an object, one for each row."""
    library = type(data).__module__.partition(".")[0]
    if library == "polars" and hasattr(data, "collect"):
        data = data.collect()
    if isinstance(data, Mapping):
        return _columns_or_ids(data, name)
    if _is_texts(data, library):
        return _text_rows(_column(data, name))
    if library == "datasets":
        return _dataset_rows(data)
    if library == "pandas":
        return _frame_rows(data, name)
    if hasattr(data, "__arrow_c_stream__"):
        return _arrow_rows(data, name)
    if isinstance(data, str | bytes | Path) or not isinstance(data, Iterable):
        raise InputError(f"{name} is {type_name(data)}; read are: {READABLE_OBJECTS}")
    # A set has the order of hashes, which differ from process to process.
    return sorted(data, key=repr) if isinstance(data, set | frozenset) else data


def _column(data: Any, name: str) -> Any:
    """Return a column of texts. Raises InputError where pairs are needed, and for an array of several dimensions."""
    if getattr(data, "ndim", 1) != 1:
        needed = PAIRS_FORM if name in PAIRS else "an array of texts has one dimension"
        raise InputError(f"{name} is an array of shape {data.shape}, which has no column names; {needed}")
    if name in PAIRS:
        raise InputError(f"{name} is one column; {PAIRS_FORM}")
    return data


def _columns_or_ids(data: Mapping[Any, Any], name: str) -> Iterable[Any]:
    """Yield the rows of a dict of columns, or of BEIR's dicts: {id: {"title", "text"}}, {id: text}, {query id: {passage id: grade}}."""
    values = list(data.values())
    if values and all(isinstance(value, str) for value in values):
        if name in PAIRS:
            raise InputError(f"{name} is a dict of strings; {PAIRS_FORM}")
        return ({"_id": key, "text": text} for key, text in data.items())
    if values and all(isinstance(value, Mapping) for value in values):
        if all(isinstance(grade, int) and not isinstance(grade, bool) for value in values for grade in value.values()):
            return (
                {"query-id": key, "corpus-id": passage, "score": grade} for key, value in data.items() for passage, grade in value.items()
            )
        return ({"_id": key, **value} for key, value in data.items())
    columns = {str(key): value for key, value in data.items()}
    for key, value in columns.items():
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__"):
            raise InputError(f"{name}['{key}'] is {type_name(value)}; a dict of columns has a list for each column")
    lengths = {key: len(value) for key, value in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{name} has columns of different lengths: {listed(f'{key} {length:,}' for key, length in lengths.items())}")
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def _dataset_rows(data: Any) -> Iterable[Any]:
    """Yield the rows of a datasets.Dataset or an IterableDataset."""
    if hasattr(data, "__len__"):
        return (row for table in data.with_format("arrow").iter(BATCH_ROWS) for row in table.to_pylist()) if len(data) else ()
    rows: Iterable[Any] = data.with_format(None)
    return rows


def _frame_rows(data: Any, name: str) -> Iterator[Row]:
    """Yield the rows of a pandas DataFrame; an index that has a name is a column."""
    names = [str(column) for column in data.columns]
    if data.columns.nlevels > 1 or len(set(names)) < len(names):
        raise InputError(f"{name} has columns of the same name, or of several levels: {listed(names)}")
    index = [level for level in data.index.names if level is not None and level not in data.columns]
    for start in range(0, len(data), BATCH_ROWS):
        part = data.iloc[start : start + BATCH_ROWS]
        part = part.reset_index(level=index) if index else part
        yield from ({str(column): value for column, value in row.items()} for row in part.to_dict("records"))


def _arrow_rows(data: Any, name: str) -> Iterator[Row]:
    """Yield the rows of anything that hands over Arrow batches: tables, polars, DuckDB …"""
    import pyarrow as pa

    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowException, TypeError) as error:
        raise InputError(f"{name} has no columns: {str(error).splitlines()[0]}") from None
    for batch in reader:
        yield from batch.to_pylist()


def _is_texts(data: Any, library: str) -> bool:
    """Return whether an object is one column: a Series, an array, a Column of datasets."""
    if library == "datasets":
        return not hasattr(data, "with_format")
    return (library in {"pandas", "polars"} and not hasattr(data, "columns")) or (
        library in {"numpy", "pyarrow"} and not hasattr(data, "column_names") and not hasattr(data, "schema")
    )


def _text_rows(data: Any) -> Iterator[Row]:
    """Yield a row for each text of a column. The label of an index with a name is its id."""
    index = getattr(data, "index", None)
    ids = index if getattr(index, "name", None) is not None else None
    texts = data.to_pylist() if hasattr(data, "to_pylist") else data
    for position, text in enumerate(texts):
        yield {"text": text} if ids is None else {"_id": str(ids[position]), "text": text}


def _select_split(data: Any, split: str | None, name: str) -> Any:
    """Return one split of a DatasetDict, or of a dict of tables; any other object as it is."""
    is_splits = isinstance(data, Mapping) and bool(data) and all(map(_is_table, data.values()))
    if not is_splits:
        if split is not None:
            raise InputError(f"{name} has no splits, and split '{split}' is named")
        return data
    chosen = split or (next(iter(data)) if len(data) == 1 else None)
    if chosen not in data:
        names, first = listed(data), next(iter(data))
        advice = f"name one: split={str(first)!r}" if name == "data" else f"give one of them, as {name}[{first!r}]"
        raise InputError(f"{name} has " + (f"no split '{chosen}'" if chosen else "several splits") + f": {names}; {advice}")
    return data[chosen]


def _is_table(data: Any) -> bool:
    """Return whether an object is a dataset, a data frame or an Arrow table."""
    return any(hasattr(type(data), name) for name in ("with_format", "columns", "column_names"))
