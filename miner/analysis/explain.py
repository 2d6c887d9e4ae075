"""Explains why a passage is a negative of a query, or is not: one query's candidates with scores, evidence and the filter that hit.

Reads only the block that holds the query and repeats pass 2 on it, so that the explanation agrees with the training file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from miner.analysis.find_id import row_of
from miner.config import MiningConfig
from miner.config.registry import Spec
from miner.errors import IntegrityError
from miner.page.explanation import ExplainedQuery
from miner.runs import manifest as manifests
from miner.runs.candidate_store import read_query
from miner.runs.rechoose import Choice, chooser
from miner.runs.run import Run
from miner.runs.variation_file import FILE as VARIATIONS
from miner.runs.variation_file import VariationRow, read_variations
from miner.types import Block, Candidates, Dataset, Filter

Number = int | float | bool | None
EvidenceValues = dict[str, Number]


class IdText(TypedDict):
    """A query or a passage."""

    id: str
    text: str


class PositiveFields(IdText):
    """A known positive; rank: 1-based, None where it was not retrieved."""

    score: Number
    rank: int | None


class CandidateFields(IdText):
    """A candidate.

    status: chosen, kept or dropped.
    rule, why: the filter that dropped it, as in the config, and the numbers that the filter compared.
    tier: the fallback level of a negative. place: 1-based, among the negatives.
    """

    rank: int
    score: Number
    margin: Number
    evidence: EvidenceValues
    status: str
    dropped_by: str | None
    rule: str | None
    why: str | None
    tier: int | None
    place: int | None


class CandidateCounts(TypedDict):
    """Candidates by outcome; dropped: by filter."""

    dropped: dict[str, int]
    kept: int
    chosen: int


class AnchorFields(TypedDict):
    """A query with the positives that set its reference score (`bar`)."""

    positives: list[PositiveFields]
    bar: Number
    background: Number
    ceilings: EvidenceValues
    counts: CandidateCounts
    candidates: list[CandidateFields]


class PassageFields(IdText):
    """The requested passage.

    stands_for_it: the id of the candidate with the same text, where it is another passage.
    score_at_most: an upper bound of the score where the passage was not retrieved.
    """

    rank: int | None
    grade: int | None
    stands_for_it: str | None
    retrieved: bool
    score_at_most: Number


class Explanation(TypedDict):
    """The result of `explain`, JSON-safe."""

    query: IdText
    setup: dict[str, Any]
    retrieved: int
    anchors: list[AnchorFields]
    passage: NotRequired[PassageFields]
    variations: NotRequired[list[VariationRow]]


def explain(run: Run | str | Path, query_id: str, passage_id: str | None = None) -> Explanation:
    """The candidates of one query with scores, evidence and outcome, JSON-safe; only `passage_id` where it is not None.

    run: a Run, or its folder. query_id, passage_id: an id, or the text: upper case, white space and marks at both ends do not matter.
    A notebook shows the result as tables.
    query, setup, retrieved: the query, the settings of pass 2, the number of candidates.
    anchors: one, or one per positive where each positive has its own reference score (`bar`). Each has its positives, bar, noise floor
        (`background`), ceilings and candidates, best first. A candidate's status is chosen, kept or dropped; `dropped_by` is the first
        filter that drops it under the strict rules, also where a fallback level chose it.
    passage: the rank and judgement of `passage_id`.
    variations: further negatives of the query's rows, with what each was made of; with a passage, those made of it. Absent where the run
        made none.
    InputError for what is neither an id nor a text of the run, with the most similar ids; and for a text of several, with their ids.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    config, dataset = run.config, run.dataset
    query = row_of(dataset.queries, query_id, "query")
    passage = None if passage_id is None else row_of(dataset.corpus, passage_id, "passage")
    path = run.candidates
    selector = chooser(path, dataset, config)
    (candidates,) = selector.lists_in_use(_read_block(path, dataset, query))
    choice = Choice(*selector.choose(candidates))
    names = _Names(dataset, candidates)
    explanation: Explanation = {
        "query": {"id": dataset.queries.ids([query])[0], "text": dataset.queries.texts([query])[0]},
        "setup": _setup(config),
        "retrieved": int(candidates.present.sum()),
        "anchors": [_anchor(choice, anchor, config, names) for anchor in range(len(choice.anchors))],
    }
    if config.variations:
        manifests.check(run.folder, run.manifest, (VARIATIONS,))
        explanation["variations"] = [row for row in read_variations(run.folder) if row["query_id"] == explanation["query"]["id"]]
    if passage is not None:
        _restrict_to_passage(explanation, passage, names, dataset, query)
    return cast("Explanation", ExplainedQuery(explanation))


def _read_block(path: Path, dataset: Dataset, query: int) -> Block:
    position = int(np.flatnonzero(dataset.queries.id_order == query)[0])
    block = read_query(path, position)
    if [row for part in block.within for row in part.queries.tolist()] != [query]:
        raise IntegrityError(f"{path} does not belong to the texts beside it: query {position + 1} in the order of ids is another one")
    return block


class _Names:
    """Ids and texts of a query's candidates and positives, read once."""

    def __init__(self, dataset: Dataset, candidates: Candidates) -> None:
        self.dataset = dataset
        self.rows: list[int] = candidates.rows[0][candidates.present[0]].tolist()
        positives: list[int] = candidates.positives[0][candidates.positives[0] >= 0].tolist()
        all_rows = self.rows + positives
        self._ids = dict(zip(all_rows, dataset.corpus.ids(all_rows), strict=True))
        self._texts = dict(zip(all_rows, dataset.corpus.texts(all_rows), strict=True))

    def identify(self, row: int) -> IdText:
        """Id and text of one passage."""
        return {"id": self._ids[row], "text": self._texts[row]}

    def column(self, row: int) -> int | None:
        """The column of a passage among the candidates, or of the passage with the same text; None where neither was retrieved."""
        if row in self.rows:
            return self.rows.index(row)
        text = self.dataset.corpus.texts([row])[0]
        return next((column for column, candidate in enumerate(self.rows) if self._texts[candidate] == text), None)


def _setup(config: MiningConfig) -> dict[str, Any]:
    names = ("depth", "max_depth", "anchor", "filters", "sampler", "negatives", "ladder", "fill", "seed")
    return {name: value for name, value in config.model_dump(mode="json").items() if name in names}


def _anchor(choice: Choice, anchor: int, config: MiningConfig, names: _Names) -> AnchorFields:
    anchors, dropped, negatives = choice
    rules = config.active_filters
    is_present = anchors.positives[anchor] >= 0
    scored = zip(anchors.positives[anchor][is_present].tolist(), anchors.positive_scores[anchor][is_present], strict=True)
    single = anchors.take(np.array([anchor]))
    ceilings = {name: rule.ceiling(single)[0] for name, rule in rules.items() if hasattr(rule, "ceiling")}
    places = {
        int(row): position
        for position, row in enumerate(negatives.rows[anchor].tolist())
        if row >= 0 and negatives.tiers[anchor][position] < 5
    }
    codes = dropped[anchor][anchors.present[anchor]]
    return {
        "positives": [{**names.identify(row), "score": number(score), "rank": _rank(names.column(row))} for row, score in scored],
        "bar": number(anchors.reference_scores[anchor]),
        "background": number(anchors.noise_floors[anchor]),
        "ceilings": {name: number(value) for name, value in ceilings.items()},
        "counts": {
            "dropped": {name: int((codes == code).sum()) for code, name in enumerate(rules, start=1)},
            "kept": int((codes == 0).sum()),
            "chosen": len(places),
        },
        "candidates": list(_candidates(single, codes.tolist(), config, names, places, negatives.tiers[anchor].tolist(), ceilings)),
    }  # fmt: skip


def _candidates(
    single: Candidates,
    codes: list[int],
    config: MiningConfig,
    names: _Names,
    places: Mapping[int, int],
    tiers: list[int],
    ceilings: Mapping[str, Any],
) -> Iterator[CandidateFields]:
    specs = {Spec.parse(spec).key: spec for spec in config.filters}
    rules = list(config.active_filters.items())
    for column, (row, code) in enumerate(zip(names.rows, codes, strict=True)):
        score = single.scores[0, column]
        evidence = {name: number(values[0, column]) for name, values in single.evidence.items()}
        evidence |= {f"judge:{name}": number(each.scores[0, column]) for name, each in single.judges.items()}
        dropped_by = rules[code - 1][0] if code else None
        position = places.get(row)
        yield {
            **names.identify(row),
            "rank": column + 1,
            "score": number(score),
            "margin": number(single.reference_scores[0] - score),
            "evidence": evidence,
            "status": "dropped" if position is None and code else "kept" if position is None else "chosen",
            "dropped_by": dropped_by,
            "rule": specs[dropped_by] if dropped_by else None,
            "why": _why(score, evidence, dropped_by, rules[code - 1][1], ceilings) if dropped_by else None,
            "tier": None if position is None else tiers[position],
            "place": None if position is None else position + 1,
        }


def _why(score: Any, evidence: EvidenceValues, name: str, rule: Filter, ceilings: Mapping[str, Any]) -> str:
    """The numbers that a filter compared: its evidence, where it has any, and its ceiling."""
    judge = getattr(rule, "by", None)
    if judge is not None:
        score = evidence[f"judge:{judge}"]
        if score is None:
            return f"not scored by {judge}"
    comparisons = [f"{need} {evidence[need]}" for need in rule.needs if evidence.get(need) and need != name and judge is None]
    by_source = [part for part in evidence if ":" in part and part.partition(":")[0] in rule.needs]
    comparisons += [f"{part} {evidence[part]}" for part in by_source if evidence[part] is not None]
    if name in ceilings:
        comparisons.append(f"{score:.4f} > {ceilings[name]:.4f}")
    return ", ".join(comparisons)


def _restrict_to_passage(explanation: Explanation, passage: int, names: _Names, dataset: Dataset, query: int) -> None:
    """Add the requested passage, and leave no other candidate in the anchors."""
    column, anchors = names.column(passage), explanation["anchors"]
    span = slice(int(dataset.qrels.indptr[query]), int(dataset.qrels.indptr[query + 1]))
    judgements = zip(dataset.qrels.rows[span], dataset.qrels.grades[span], strict=True)
    explanation["passage"] = {
        "id": dataset.corpus.ids([passage])[0],
        "text": dataset.corpus.texts([passage])[0],
        "rank": _rank(column),
        "grade": next((int(grade) for row, grade in judgements if row == passage), None),
        "stands_for_it": names.identify(names.rows[column])["id"] if column is not None and names.rows[column] != passage else None,
        "retrieved": column is not None,
        "score_at_most": anchors[0]["candidates"][-1]["score"] if column is None and explanation["retrieved"] else None,
    }
    if "variations" in explanation:
        origin = explanation["passage"]["stands_for_it"] or explanation["passage"]["id"]
        explanation["variations"] = [row for row in explanation["variations"] if row["passage_id"] == origin]
    for anchor in anchors:
        anchor["candidates"] = [] if column is None else [anchor["candidates"][column]]


def _rank(column: int | None) -> int | None:
    return None if column is None else column + 1


def number(value: Any) -> Number:
    """A numpy scalar as a JSON value: the shortest decimal of a float32; None where it is not finite."""
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return float(str(value)) if np.isfinite(value) else None
