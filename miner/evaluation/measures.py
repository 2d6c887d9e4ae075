"""Measures of a ranking, per query, by trec_eval's code (ir_measures over pytrec_eval); F1 from its precision and recall.

nDCG has linear gain (trec_eval; 2^grade - 1 is another measure), MAP divides by the number of positives, MRR is cut at k.
The library sees ranks, not scores: ties were settled by passage id before, and trec_eval would settle them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError
from miner.types import Qrels, Rows

MEASURES: Mapping[str, str] = {
    "ndcg": "nDCG",
    "mrr": "RR",
    "map": "AP",
    "recall": "R",
    "precision": "P",
    "f1": "",
    "judged": "Judged",
}
"""Our names, and the library's. `judged` is the share of the top k that has a judgement: where it is low, the others mean little."""

DEFAULT = ("ndcg@10", "mrr@10", "map@100", "recall@10", "recall@100", "precision@10", "f1@10")
BLOCK = 1024

Values = NDArray[np.float64]


def parse(text: str) -> tuple[str, int]:
    """`ndcg@10` → ("ndcg", 10); ConfigError lists what there is."""
    name, _, cut = text.strip().lower().partition("@")
    if name not in MEASURES or not cut.isdigit() or int(cut) < 1:
        raise ConfigError(f"there is no measure '{text}'; write one of {', '.join(MEASURES)} with a cut, as in ndcg@10")
    return name, int(cut)


def deepest(names: Sequence[str]) -> int:
    """Ranks that the measures look at."""
    return max(parse(name)[1] for name in names)


def measure(qrels: Qrels, rows: Rows, names: Sequence[str] = DEFAULT) -> dict[str, Values]:
    """Each measure of every query, float64 (Q,). rows int32 (Q, k): the ranking, -1 padded, at least as deep as the measures look.

    Grades below qrels.min_grade count as not relevant. A query without a positive gives 0. A positive that is not in the corpus
    (`qrels.lost`) counts among the relevant ones, which no ranking can hold.
    """
    import ir_measures

    wanted = [parse(name) for name in names]
    library = {f"{name}@{cut}": _library(name, cut) for name, cut in _needed(wanted)}
    back = {measured: name for name, measured in library.items()}
    values = {name: np.zeros(len(rows)) for name in library}
    lost = _lost(qrels)
    for start in range(0, len(rows), BLOCK):
        queries = range(start, min(start + BLOCK, len(rows)))
        run = {str(query): {str(row): -float(place) for place, row in enumerate(rows[query].tolist()) if row >= 0} for query in queries}
        known = {str(query): _grades(qrels, query) | lost.get(query, {}) for query in queries}
        for found in ir_measures.iter_calc(list(library.values()), known, {query: ranked for query, ranked in run.items() if ranked}):
            values[back[found.measure]][int(found.query_id)] = found.value
    for name, cut in wanted:
        if name == "f1":
            values[f"f1@{cut}"] = _f1(values[f"precision@{cut}"], values[f"recall@{cut}"])
    return {f"{name}@{cut}": values[f"{name}@{cut}"] for name, cut in wanted}


def _needed(wanted: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    plain = {(name, cut) for name, cut in wanted if name != "f1"}
    return plain | {(part, cut) for name, cut in wanted if name == "f1" for part in ("precision", "recall")}


def _library(name: str, cut: int) -> object:
    import ir_measures

    return getattr(ir_measures, MEASURES[name]) @ cut


def _grades(qrels: Qrels, query: int) -> dict[str, int]:
    span = slice(int(qrels.indptr[query]), int(qrels.indptr[query + 1]))
    told = zip(qrels.rows[span].tolist(), qrels.grades[span].tolist(), strict=True)
    return {str(row): grade if grade >= qrels.min_grade else 0 for row, grade in told}


def _lost(qrels: Qrels) -> dict[int, dict[str, int]]:
    """{query: {a name that no row has: grade}}."""
    found: dict[int, dict[str, int]] = {}
    if qrels.lost is not None:
        for place, (query, grade) in enumerate(zip(qrels.lost.rows.tolist(), qrels.lost.grades.tolist(), strict=True)):
            found.setdefault(query, {})[f"lost {place}"] = grade if grade >= qrels.min_grade else 0
    return found


def _f1(precision: Values, recall: Values) -> Values:
    both = precision + recall
    f1: Values = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return f1
