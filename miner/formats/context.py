"""Passages as objects with title and text apart, as DPR and Tevatron nest them in a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from miner.formats.row_checks import Row, kind
from miner.formats.row_format import Passage
from miner.types import join_title


def passage_of(passage: Passage, id_name: str | None, columns: Collection[str]) -> dict[str, Any]:
    """The passage as an object; score, rank and tier where they are asked for."""
    found: dict[str, Any] = {id_name: passage.id} if id_name else {}
    found |= {"title": passage.title, "text": passage.body}
    for column, name in (("scores", "score"), ("ranks", "rank"), ("tiers", "tier"), ("sources", "sources")):
        if column in columns:
            found[name] = getattr(passage, name)
    return found


def read_contexts(row: Row, id_name: str, *lists: tuple[str, int]) -> dict[str, Any]:
    """The passages of some lists (name, label), one after the other, with what every one of them has."""
    found = [(item, label) for name, label in lists if name in row for item in objects(row, name)]
    told = told_of([item for item, _ in found])
    ids = tuple(name for item, _ in found for name in item.ids(id_name))
    return {
        **told,
        "passages": tuple(join_title(item.text("title") if "title" in item else None, item.text("text")) for item, _ in found),
        "labels": tuple(label for _, label in found),
        "ids": ids if len(ids) == len(found) else (),
    }


def told_of(items: Sequence[Row]) -> dict[str, tuple[Any, ...]]:
    """Scores, ranks and tiers of some objects, each where all of them have it."""
    told: dict[str, list[Any]] = {"scores": [], "ranks": [], "tiers": []}
    for item in items:
        told["scores"] += item.numbers("score")
        told["ranks"] += item.counts("rank")
        told["tiers"] += item.counts("tier")
    return {name: tuple(values) if len(values) == len(items) else () for name, values in told.items()}


def objects(row: Row, name: str) -> Iterator[Row]:
    """The objects of a list, each at the place of its row."""
    for item in row.items(name, "objects"):
        if not isinstance(item, dict):
            row.fail(f"'{name}' holds {kind(item)}; objects are needed")
        yield row.within(item)
