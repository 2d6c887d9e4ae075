"""Examples of what a round did to the notebook, with their texts: entries added, evicted, refused and forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypedDict

from miner.core.verdicts import rows_of
from miner.train.notebook import ACTIVE, BEYOND, EASY, OVER_CAP, REFUSED, AnchorKey, Entry, Notebook
from miner.types import Dataset, Texts

MAX_EXAMPLES = 3
"""Examples of each kind."""

Kind = Literal["added", "evicted", "refused", "forgotten"]


class RoundExample(TypedDict):
    """One entry of the notebook that a round changed. status: as in the notebook; score: under the model that mined the round."""

    change: Kind
    query_id: str
    query: str
    passage_id: str
    passage: str
    score: float | None
    status: str


class _Case(NamedTuple):
    kind: Kind
    key: AnchorKey
    passage: str
    entry: Entry


def round_examples(notebook: Notebook, round_number: int, dataset: Dataset) -> list[RoundExample]:
    """Return up to three entries of each kind: added and refused ones with the highest scores, evicted ones with the lowest."""
    cases: dict[Kind, list[_Case]] = {"added": [], "evicted": [], "refused": [], "forgotten": []}
    for key, passage, entry in notebook.entries():
        if (kind := _kind(entry, round_number)) is not None:
            cases[kind].append(_Case(kind, key, passage, entry))
    chosen = [case for found in cases.values() for case in sorted(found, key=_order)[:MAX_EXAMPLES]]
    queries = _texts(dataset.queries, [case.key[0] for case in chosen])
    passages = _texts(dataset.corpus, [case.passage for case in chosen])
    return [_example(case, query, passage) for case, query, passage in zip(chosen, queries, passages, strict=True)]


def _kind(entry: Entry, round_number: int) -> Kind | None:
    """What this round did to an entry; None where it did nothing."""
    if not entry.history or entry.history[-1].round != round_number:
        return None
    if entry.status == OVER_CAP:
        return "forgotten"
    if entry.first_round == round_number:
        return "added" if entry.status == ACTIVE else None
    trained = len(entry.history) > 1 and entry.history[-2].status == ACTIVE
    if trained and entry.status in (EASY, BEYOND):
        return "evicted"
    return "refused" if trained and entry.status.startswith(REFUSED) else None


def _order(case: _Case) -> tuple[float, AnchorKey, str]:
    score = case.entry.last_score
    if score != score:
        return float("inf"), case.key, case.passage
    return (score if case.kind == "evicted" else -score), case.key, case.passage


def _texts(texts: Texts, ids: Sequence[str]) -> Iterable[str]:
    """The text of each id, "" where there is none."""
    rows = rows_of(texts, ids)
    known = dict(zip((row for row in rows.tolist() if row >= 0), texts.texts(rows[rows >= 0]), strict=True))
    return [known.get(row, "") for row in rows.tolist()]


def _example(case: _Case, query: str, passage: str) -> RoundExample:
    score = case.entry.last_score
    return {
        "change": case.kind,
        "query_id": case.key[0],
        "query": query,
        "passage_id": case.passage,
        "passage": passage,
        "score": None if score != score else score,
        "status": case.entry.status,
    }
