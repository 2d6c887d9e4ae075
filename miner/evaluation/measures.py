"""Measures of a ranking, per query, by trec_eval's code (ir_measures over pytrec_eval); F1 from its precision and recall.

nDCG has linear gain as in trec_eval (2^grade - 1 is another measure), MAP divides by the number of positives, MRR is cut at k.
The library receives ranks instead of scores, because ties are already ordered by passage id and trec_eval would order them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name
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
"""Names of the measures here and in ir_measures. `judged`: the share of the top k with a judgement; if low, the others are unreliable."""

DEFAULT = ("ndcg@10", "mrr@10", "map@100", "recall@10", "recall@100", "precision@10", "f1@10")
QUERY_BLOCK = 1024

Values = NDArray[np.float64]


def parse(text: str) -> tuple[str, int]:
    """`ndcg@10` → ("ndcg", 10). ConfigError for an unknown measure."""
    name, _, cut = text.strip().lower().partition("@")
    if name not in MEASURES or not cut.isdigit() or int(cut) < 1:
        raise ConfigError(f"{unknown_name('measure', text, MEASURES)}, each with a cut, as in ndcg@10")
    return name, int(cut)


def deepest(names: Sequence[str]) -> int:
    """The largest cut of the measures."""
    return max(parse(name)[1] for name in names)


def measure(qrels: Qrels, rows: Rows, names: Sequence[str] = DEFAULT) -> dict[str, Values]:
    """Each measure of every query, float64 (Q,).

    rows: int32 (Q, k), the ranking, -1 padded; k is at least the largest cut.
    Grades below qrels.min_grade count as not relevant. A query without a positive has 0. A positive that is not in the corpus
    (`qrels.lost`) counts as relevant and not retrieved.
    """
    import ir_measures

    cuts = [parse(name) for name in names]
    library = {f"{name}@{cut}": _library(name, cut) for name, cut in _needed(cuts)}
    name_of = {library_measure: name for name, library_measure in library.items()}
    values = {name: np.zeros(len(rows)) for name in library}
    missing = _missing_positives(qrels)
    for start in range(0, len(rows), QUERY_BLOCK):
        query_rows = range(start, min(start + QUERY_BLOCK, len(rows)))
        run = {str(query): {str(row): -float(rank) for rank, row in enumerate(rows[query].tolist()) if row >= 0} for query in query_rows}
        judgements = {str(query): _grades(qrels, query) | missing.get(query, {}) for query in query_rows}
        for value in ir_measures.iter_calc(list(library.values()), judgements, {query: ranked for query, ranked in run.items() if ranked}):
            values[name_of[value.measure]][int(value.query_id)] = value.value
    for name, cut in cuts:
        if name == "f1":
            values[f"f1@{cut}"] = _f1(values[f"precision@{cut}"], values[f"recall@{cut}"])
    return {f"{name}@{cut}": values[f"{name}@{cut}"] for name, cut in cuts}


def _needed(cuts: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    without_f1 = {(name, cut) for name, cut in cuts if name != "f1"}
    return without_f1 | {(part, cut) for name, cut in cuts if name == "f1" for part in ("precision", "recall")}


def _library(name: str, cut: int) -> object:
    import ir_measures

    return getattr(ir_measures, MEASURES[name]) @ cut


def _grades(qrels: Qrels, query: int) -> dict[str, int]:
    span = slice(int(qrels.indptr[query]), int(qrels.indptr[query + 1]))
    judgements = zip(qrels.rows[span].tolist(), qrels.grades[span].tolist(), strict=True)
    return {str(row): grade if grade >= qrels.min_grade else 0 for row, grade in judgements}


def _missing_positives(qrels: Qrels) -> dict[int, dict[str, int]]:
    """Grades of positives that are not in the corpus: {query row: {a name unlike any row number: grade}}."""
    grades: dict[int, dict[str, int]] = {}
    if qrels.lost is not None:
        for number, (query, grade) in enumerate(zip(qrels.lost.rows.tolist(), qrels.lost.grades.tolist(), strict=True)):
            grades.setdefault(query, {})[f"lost {number}"] = grade if grade >= qrels.min_grade else 0
    return grades


def _f1(precision: Values, recall: Values) -> Values:
    total = precision + recall
    f1: Values = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return f1
