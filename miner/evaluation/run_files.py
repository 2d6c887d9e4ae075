"""Rankings of other systems: TREC run files, so that any retriever is measured by the same rules.

A line is `query-id Q0 passage-id rank score name`. As in trec_eval the score orders and the rank is not read; ties go by passage id, as
everywhere here (trec_eval takes the larger id first).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from miner.errors import InputError
from miner.evaluation.ranking import SelfMatch, self_matches
from miner.io.input_files import InputHashes, open_input
from miner.types import Dataset, Rows

FIELDS = 6


@dataclass(frozen=True)
class RunFile:
    """A TREC run file, plain or compressed."""

    path: Path

    def rows(self, dataset: Dataset, depth: int, self_match: SelfMatch = "id") -> Rows:
        """Shape (Q, depth), -1 padded: the best passages of every query; a query that the file lacks has none.

        Queries that are not in the data are passed over. InputError names the line of a passage that is not in the corpus, of a pair that
        comes twice, and of a score that is no number.
        """
        row_of_query = {name: row for row, name in enumerate(dataset.queries.ids(np.arange(len(dataset.queries))))}
        row_of_passage = {name: row for row, name in enumerate(dataset.corpus.ids(np.arange(len(dataset.corpus))))}
        scores: dict[int, dict[int, float]] = {}
        for where, query, passage, score in self._lines():
            if query not in row_of_query:
                continue
            if passage not in row_of_passage:
                raise InputError(f"passage '{passage}' is not in the corpus", where)
            ranked, row = scores.setdefault(row_of_query[query], {}), row_of_passage[passage]
            if row in ranked:
                raise InputError(f"passage '{passage}' comes twice for query '{query}'", where)
            ranked[row] = score
        matches = self_matches(dataset, self_match).rows
        rows = np.full((len(dataset.queries), depth), -1, dtype=np.int32)
        for query_row, ranked in scores.items():
            for passage_row in matches.get(query_row, ()):
                ranked.pop(int(passage_row), None)
            order = sorted(ranked, key=lambda row: (-ranked[row], dataset.corpus.id_rank[row]))[:depth]
            rows[query_row, : len(order)] = order
        return rows

    def missing(self, dataset: Dataset) -> int:
        """The number of judged queries that the file lacks."""
        names = {query for _, query, _, _ in self._lines()}
        return sum(name not in names for name in dataset.queries.ids(np.arange(len(dataset.queries))))

    def _lines(self) -> Iterator[tuple[str, str, str, float]]:
        """(place, query id, passage id, score) of every line."""
        hashes: InputHashes = {}
        with open_input(str(self.path), hashes) as file:
            for number, line in enumerate(file, 1):
                fields = line.decode(errors="replace").split()
                where = f"{self.path}, line {number}"
                if not fields:
                    continue
                if len(fields) != FIELDS:
                    raise InputError(f"a line of a run is 'query-id Q0 passage-id rank score name', this has {len(fields)} fields", where)
                yield where, fields[0], fields[2], _score(fields[4], where)


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if math.isnan(score):
        raise InputError(f"the score '{text}' is no number", where)
    return score
