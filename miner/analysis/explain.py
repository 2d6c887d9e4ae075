"""Why a passage is a negative of a query, or is not: one query's candidates with their scores, evidence and the rule that hit.

Reads the one block that holds the query and chooses again from it; what it tells is what was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from miner.config import MiningConfig
from miner.core.pipeline import Block
from miner.errors import InputError, IntegrityError
from miner.runs.candidate_store import read_query
from miner.runs.rechoose import Choice, chooser
from miner.runs.run import Run
from miner.types import Candidates, Dataset, Filter, Texts

SIMILAR = 3
"""Ids that are proposed for one that is not there."""

MOST_COMPARED = 20_000

Told = dict[str, Any]


def explain(run: Run, query_id: str, passage_id: str | None = None) -> Told:
    """Everything known about the candidates of one query, JSON-safe; of `passage_id` alone if it is given.

    query, setup, retrieved; anchors: one, or one per positive where each has its own bar, each with its positives, bar, background,
    ceilings and candidates, best first. A candidate's status is chosen, kept or dropped; `dropped_by` is the strict rules' verdict,
    also of one that a later rung chose. passage: where it stands, for one that was asked for.
    InputError for an id that is not there, with those that are most like it.
    """
    config, dataset = run.config, run.dataset
    query = row_of(dataset.queries, query_id, "query")
    passage = None if passage_id is None else row_of(dataset.corpus, passage_id, "passage")
    path = run.candidates
    chosen = chooser(path, dataset, config)
    (found,) = chosen.searched(_stored(path, dataset, query))
    choice = Choice(*chosen.choose(found))
    names = _Names(dataset, found)
    told: Told = {
        "query": {"id": query_id, "text": dataset.queries.texts([query])[0]},
        "setup": _setup(config),
        "retrieved": int(found.present.sum()),
        "anchors": [_anchor(choice, place, config, names) for place in range(len(choice.anchors))],
    }
    return told if passage is None else told | _about_passage(told, passage, names, dataset, query)


def row_of(texts: Texts, name: str, kind: str) -> int:
    """The row of an id. InputError with close matches where there is none."""
    start = 0
    for batch in texts.batches():
        at = pc.index(batch.column("id"), name).as_py()
        if at >= 0:
            return int(start + at)
        start += batch.num_rows
    close = get_close_matches(name, _alike(texts, name), n=SIMILAR, cutoff=0.6)
    near = (
        f"; the nearest ids: {', '.join(close)}"
        if close
        else f"; there are {start:,}, such as {', '.join(texts.ids(range(min(SIMILAR, start))))}"
    )
    raise InputError(f"there is no {kind} '{name}' in this run{near}")


def _alike(texts: Texts, name: str) -> list[str]:
    """Ids of about the same length that begin or end as `name` does: of a large corpus not all can be compared letter by letter."""
    few = len(texts) <= MOST_COMPARED
    found: list[str] = []
    for batch in texts.batches():
        ids = batch.column("id").to_pylist()
        found += (
            other for other in ids if few or (abs(len(other) - len(name)) <= SIMILAR and (other[:2] == name[:2] or other[-2:] == name[-2:]))
        )
        if len(found) > MOST_COMPARED:
            break
    return found


def _stored(path: Path, dataset: Dataset, query: int) -> Block:
    place = int(np.flatnonzero(dataset.queries.id_order == query)[0])
    found = read_query(path, place)
    if [each for part in found.within for each in part.queries.tolist()] != [query]:
        raise IntegrityError(f"{path} does not belong to the texts beside it: query {place + 1} in the order of ids is another one")
    return found


class _Names:
    """Ids and texts of a query's candidates and positives, fetched once."""

    def __init__(self, dataset: Dataset, found: Candidates) -> None:
        self.dataset = dataset
        self.rows: list[int] = found.rows[0][found.present[0]].tolist()
        positives: list[int] = found.positives[0][found.positives[0] >= 0].tolist()
        both = self.rows + positives
        self._ids = dict(zip(both, dataset.corpus.ids(both), strict=True))
        self._texts = dict(zip(both, dataset.corpus.texts(both), strict=True))

    def told(self, row: int) -> Told:
        """Id and text."""
        return {"id": self._ids[row], "text": self._texts[row]}

    def column(self, row: int) -> int | None:
        """Where a passage, or the one that stands for its very text, is among the candidates; None where it was not retrieved."""
        if row in self.rows:
            return self.rows.index(row)
        text = self.dataset.corpus.texts([row])[0]
        return next((place for place, other in enumerate(self.rows) if self._texts[other] == text), None)


def _setup(config: MiningConfig) -> Told:
    names = ("depth", "max_depth", "anchor", "filters", "sampler", "negatives", "ladder", "fill", "seed")
    return {name: value for name, value in config.model_dump(mode="json").items() if name in names}


def _anchor(choice: Choice, place: int, config: MiningConfig, names: _Names) -> Told:
    anchors, dropped, negatives = choice
    rules = config.active_filters
    there = anchors.positives[place] >= 0
    known = zip(anchors.positives[place][there].tolist(), anchors.positive_scores[place][there], strict=True)
    one = anchors.take(np.array([place]))
    ceilings = {name: rule.ceiling(one)[0] for name, rule in rules.items() if hasattr(rule, "ceiling")}
    chosen = {int(row): at for at, row in enumerate(negatives.rows[place].tolist()) if row >= 0 and negatives.tiers[place][at] < 5}
    codes = dropped[place][anchors.present[place]]
    return {
        "positives": [names.told(row) | {"score": number(score), "rank": _rank(names.column(row))} for row, score in known],
        "bar": number(anchors.bar[place]),
        "background": number(anchors.background[place]),
        "ceilings": {name: number(value) for name, value in ceilings.items()},
        "counts": {
            "dropped": {name: int((codes == code).sum()) for code, name in enumerate(rules, start=1)},
            "kept": int((codes == 0).sum()),
            "chosen": len(chosen),
        },
        "candidates": list(_candidates(one, codes.tolist(), config, names, chosen, negatives.tiers[place].tolist(), ceilings)),
    }  # fmt: skip


def _candidates(
    one: Candidates, codes: list[int], config: MiningConfig, names: _Names, chosen: Mapping[int, int], tiers: list[int], ceilings: Told
) -> Iterator[Told]:
    specs = {spec.partition(":")[0]: spec for spec in config.filters}
    rules = list(config.active_filters.items())
    for column, (row, code) in enumerate(zip(names.rows, codes, strict=True)):
        score = one.scores[0, column]
        evidence = {name: number(values[0, column]) for name, values in one.evidence.items()}
        dropped_by = rules[code - 1][0] if code else None
        place = chosen.get(row)
        yield names.told(row) | {
            "rank": column + 1,
            "score": number(score),
            "margin": number(one.bar[0] - score),
            "evidence": evidence,
            "status": "dropped" if place is None and code else "kept" if place is None else "chosen",
            "dropped_by": dropped_by,
            "rule": specs[dropped_by] if dropped_by else None,
            "why": _why(score, evidence, dropped_by, rules[code - 1][1], ceilings) if dropped_by else None,
            "tier": None if place is None else tiers[place],
            "place": None if place is None else place + 1,
        }


def _why(score: Any, evidence: Told, name: str, rule: Filter, ceilings: Told) -> str:
    """The numbers that a rule looked at: its evidence where there is any, and the ceiling it set."""
    told = [f"{need} {evidence[need]}" for need in rule.needs if evidence.get(need) and need != name]
    by_source = [one for one in evidence if ":" in one and one.partition(":")[0] in rule.needs]
    told += [f"{one} {evidence[one]}" for one in by_source if evidence[one] is not None]
    if name in ceilings:
        told.append(f"{score:.4f} > {ceilings[name]:.4f}")
    return ", ".join(told)


def _about_passage(told: Told, passage: int, names: _Names, dataset: Dataset, query: int) -> Told:
    """The passage that was asked for, and the anchors with its row alone."""
    column = names.column(passage)
    about = {"id": dataset.corpus.ids([passage])[0], "text": dataset.corpus.texts([passage])[0], "rank": _rank(column)}
    judged = dataset.qrels.rows[int(dataset.qrels.indptr[query]) : int(dataset.qrels.indptr[query + 1])]
    about["grade"] = next((int(grade) for row, grade in zip(judged, _grades(dataset, query), strict=True) if row == passage), None)
    about["stands_for_it"] = names.told(names.rows[column])["id"] if column is not None and names.rows[column] != passage else None
    anchors = [
        anchor | {"candidates": [] if column is None else [anchor["candidates"][column]]}
        for anchor in told["anchors"]
    ]  # fmt: skip
    last = told["anchors"][0]["candidates"][-1]["score"] if column is None and told["retrieved"] else None
    return {"passage": about | {"retrieved": column is not None, "score_at_most": last}, "anchors": anchors}


def _grades(dataset: Dataset, query: int) -> Any:
    return dataset.qrels.grades[int(dataset.qrels.indptr[query]) : int(dataset.qrels.indptr[query + 1])]


def _rank(column: int | None) -> int | None:
    return None if column is None else column + 1


def number(value: Any) -> int | float | bool | None:
    """A numpy scalar as JSON has it: the shortest decimal of a float32, None for what is not finite."""
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return float(str(value)) if np.isfinite(value) else None
