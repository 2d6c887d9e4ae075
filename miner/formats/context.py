"""Passages as objects with title and text apart, as DPR and Tevatron nest them in a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from miner.formats.row_checks import Row, kind
from miner.formats.row_format import Passage
from miner.types import join_title


def passage_of(passage: Passage, id_name: str | None, columns: Collection[str]) -> dict[str, Any]:
    """Return the passage as an object, with the fields of `columns`."""
    fields: dict[str, Any] = {id_name: passage.id} if id_name else {}
    fields |= {"title": passage.title, "text": passage.body}
    for column, name in (("scores", "score"), ("ranks", "rank"), ("tiers", "tier"), ("sources", "sources")):
        if column in columns:
            fields[name] = getattr(passage, name)
    return fields


def read_contexts(row: Row, id_name: str, *sources: tuple[str, int]) -> dict[str, Any]:
    """Read the passages of several lists (name, label), with the fields that all of them have."""
    items = [(item, label) for name, label in sources if name in row for item in objects(row, name)]
    lists = scores_of([item for item, _ in items])
    ids = tuple(name for item, _ in items for name in item.ids(id_name))
    return {
        **lists,
        "passages": tuple(join_title(item.text("title") if "title" in item else None, item.text("text")) for item, _ in items),
        "labels": tuple(label for _, label in items),
        "ids": ids if len(ids) == len(items) else (),
    }


def scores_of(items: Sequence[Row]) -> dict[str, tuple[Any, ...]]:
    """Return scores, ranks and tiers of the objects, each empty unless all objects have it."""
    lists: dict[str, list[Any]] = {"scores": [], "ranks": [], "tiers": []}
    for item in items:
        lists["scores"] += item.numbers("score")
        lists["ranks"] += item.counts("rank")
        lists["tiers"] += item.counts("tier")
    return {name: tuple(values) if len(values) == len(items) else () for name, values in lists.items()}


def objects(row: Row, name: str) -> Iterator[Row]:
    """Yield the objects of a list, each with the location of its row."""
    for item in row.items(name, "objects"):
        if not isinstance(item, dict):
            row.fail(f"'{name}' holds {kind(item)}; objects are needed")
        yield row.within(item)
