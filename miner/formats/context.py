"""Passages as objects with title and text apart, as DPR and Tevatron nest them in a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TypedDict

from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import JsonRow, Passage
from miner.support.value_types import type_name
from miner.types import join_title


class ScoreLists(TypedDict):
    """Scores, ranks and tiers of passages, each empty unless all passages have it."""

    scores: tuple[float | None, ...]
    ranks: tuple[int, ...]
    tiers: tuple[int, ...]


class PassageLists(ScoreLists):
    """Texts, labels and ids of passages, with their scores, ranks and tiers."""

    passages: tuple[str, ...]
    labels: tuple[int, ...]
    ids: tuple[str, ...]


def passage_of(passage: Passage, id_name: str | None, columns: Collection[str]) -> JsonRow:
    """Return the passage as an object, with the fields of `columns`."""
    fields: JsonRow = {id_name: passage.id} if id_name else {}
    fields |= {"title": passage.title, "text": passage.body}
    for column, name in (("scores", "score"), ("ranks", "rank"), ("tiers", "tier"), ("sources", "sources")):
        if column in columns:
            fields[name] = getattr(passage, name)
    return fields


def read_contexts(row: ParsedRow, id_name: str, *sources: tuple[str, int]) -> PassageLists:
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


def scores_of(items: Sequence[ParsedRow]) -> ScoreLists:
    """Return scores, ranks and tiers of the objects, each empty unless all objects have it."""
    scores, ranks, tiers = list[float | None](), list[int](), list[int]()
    for item in items:
        scores += item.numbers("score")
        ranks += item.counts("rank")
        tiers += item.counts("tier")
    count = len(items)
    return {
        "scores": tuple(scores) if len(scores) == count else (),
        "ranks": tuple(ranks) if len(ranks) == count else (),
        "tiers": tuple(tiers) if len(tiers) == count else (),
    }


def objects(row: ParsedRow, name: str) -> Iterator[ParsedRow]:
    """Yield the objects of a list, each with the location of its row."""
    for item in row.items(name, "objects"):
        if not isinstance(item, dict):
            row.fail(f"'{name}' holds {type_name(item)}; objects are needed")
        yield row.within(item)
