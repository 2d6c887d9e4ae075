"""The report of a run: the content of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

from miner.report.cases import ExampleRow, ShortQueries, SuspiciousPositives
from miner.report.distribution import RankSpread, Spread
from miner.report.judge_tally import JudgeStatistics
from miner.report.statistics import Hardness, Hubs, ReportCounts
from miner.types import RetrievalSection


class Setup(TypedDict):
    """The settings that a reader of the numbers must know.

    depth: candidates per query before any deeper search.
    firm, relaxable: ceilings and windows that hold on every fallback level, and those that may be relaxed.
    ladder: the highest fallback level. fill: what fills rows that are still short.
    fits_fill: whether the format has a column for their levels.
    """

    filters: list[str]
    negatives: int
    depth: int
    similarity: str
    output_format: NotRequired[str]
    max_depth: NotRequired[int]
    firm: NotRequired[list[str]]
    relaxable: NotRequired[list[str]]
    ladder: NotRequired[int]
    fill: NotRequired[str]
    fits_fill: NotRequired[bool]


class ScoreSpreads(TypedDict):
    """The scores of positives and of negatives, and the margins between them."""

    positive: Spread
    negative: Spread
    margin: Spread


class Statistics(TypedDict):
    """The numbers of a tally. coverage: share of the pairs with all, any and no negatives. starved: short queries."""

    setup: Setup
    counts: ReportCounts
    scores: ScoreSpreads
    ranks: RankSpread
    hardness: Hardness
    coverage: dict[str, float | None]
    hubs: Hubs
    starved: ShortQueries
    suspicious: SuspiciousPositives
    examples: list[ExampleRow]


class VariationCounts(TypedDict):
    """Variations of one kind. dropped: by reason, `unchanged`, `same_text`, `nearer` or a filter."""

    tried: int
    kept: int
    dropped: dict[str, int]


class LeftOutCounts(TypedDict):
    """(query, positive) pairs without a row in the training file."""

    pairs: int


class ReportData(Statistics):
    """The report of a run.

    reading: what the reader dropped and merged, by name. columns: {file: {column: role}}.
    asked_in: queries that other judgements ask too. verdicts: number of verdicts by what they say.
    not_deepened: queries that a run with these settings would have searched deeper. variations: by kind.
    judges: what second judges did, by name.
    notes: one sentence for what is unusual.
    """

    rows_written: int
    rows_repeated: int
    reading: dict[str, int]
    left_out: LeftOutCounts
    columns: dict[str, Mapping[str, str]]
    asked_in: NotRequired[dict[str, Mapping[str, object]]]
    verdicts: NotRequired[dict[str, int]]
    variations: NotRequired[dict[str, VariationCounts]]
    retrieval: NotRequired[RetrievalSection]
    not_deepened: NotRequired[int]
    judges: NotRequired[dict[str, JudgeStatistics]]
    notes: NotRequired[list[str]]
