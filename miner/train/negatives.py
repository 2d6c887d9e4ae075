"""The negatives of one round: what the notebook holds after its entries were scored and filtered again, and what the model gets wrong now.

`keep` says what trains:

    notebook   active entries of all rounds, and up to `negatives` new errors of each anchor; a row that has fewer is filled with the next
               hardest. The number is capped for each anchor and in the whole.
    share      `retain` of a row's negatives from the last round, where they still pass, and new ones.
    last       this round's negatives only.

Whatever the rule, every entry ever written down is scored and judged in every round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from miner.config import MiningConfig
from miner.core.hub_cap import NegativeAllocator
from miner.core.verdicts import rows_of
from miner.runs.rechoose import Choice, choices
from miner.support.noise import generator
from miner.train.anchor_candidates import AnchorCandidates, BlockIds, Pick
from miner.train.config import LoopConfig
from miner.train.notebook import ACTIVE, BEYOND, EASY, LEFT_OUT, REFUSED, AnchorKey, Entry, Notebook, active_of
from miner.types import Dataset, Floats, Ints, Negatives, Rows

PairScores = Callable[[Ints, Rows], Floats]
"""Query rows (B,) and corpus rows (B, P), -1 padded → scores (B, P) of the current model."""
COUNTS = ("retained", "refreshed", "returned", "evicted", "refused", "missing")


class AnchorResult(NamedTuple):
    """The result of a round for one anchor.

    negatives: passage ids, the highest score first.
    rank: 1-based rank of its weakest positive among the candidates.
    gap: reference score minus the mean score of the negatives.
    mass: share of the softmax on the negatives (gradient mass).
    """

    negatives: tuple[str, ...]
    rank: int
    gap: float
    mass: float


@dataclass
class Round:
    """The result of a round: blocks for a training file, anchors by key, counts."""

    blocks: list[Negatives] = field(default_factory=list)
    anchors: dict[AnchorKey, AnchorResult] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))


class _Anchor(NamedTuple):
    """What is left of an anchor until the caps have been applied."""

    key: AnchorKey
    picks: list[Pick]
    rank: int
    reference_score: float


@dataclass
class Assembly:
    """What the negatives of one round follow from.

    notebook: as the round before left it; it is changed.
    scores: of pairs that are no candidates, under the current model; None where they cannot be scored.
    """

    dataset: Dataset
    mining: MiningConfig
    rules: LoopConfig
    round_number: int
    notebook: Notebook
    scores: PairScores | None = None

    def assemble(self, candidates: Path) -> Round:
        """Choose the negatives of the round, and write them down in the notebook."""
        result = Round()
        listed = choices(candidates, self.dataset, self._preferring())
        blocks = [(choice.negatives, self._block(choice, result)) for choice in listed]
        result.counts["forgotten"] = self.notebook.cap(*self._caps(sum(int((negatives.positives >= 0).sum()) for negatives, _ in blocks)))
        for negatives, anchors in blocks:
            result.blocks.append(self._finish(negatives, anchors, result))
        return result

    def _caps(self, pairs: int) -> tuple[float, float, float]:
        """Entries of an anchor, entries in all, and uses of a passage."""
        per_passage = NegativeAllocator(self.dataset, self.mining).cap if self.mining.hub_cap is not None else math.inf
        if self.rules.keep != "notebook":
            return math.inf, math.inf, per_passage
        return self.rules.notebook, int(self.rules.notebook_ratio * pairs), per_passage

    def _preferring(self) -> MiningConfig:
        """The config that lists candidates in order of preference, beyond those that may be in the notebook already."""
        if self.rules.keep != "notebook" or self.mining.hub_cap is not None:
            return self.mining  # a hub cap counts every use, and a longer list would use passages up
        return self.mining.model_copy(update={"negatives": self.mining.negatives + self.rules.notebook})

    def _block(self, choice: Choice, result: Round) -> list[_Anchor]:
        ids = BlockIds(self.dataset, choice)
        reasons = ["", *self.mining.active_filters]
        keys = list(ids.keys(self.mining.anchor == "own"))
        anchors = [AnchorCandidates(choice, position, ids, reasons, self.rules) for position in range(len(keys))]
        beyond = self._scores_beyond(choice.anchors.queries, keys, anchors)
        return [self._anchor(*values, result) for values in zip(keys, anchors, beyond, strict=True)]

    def _anchor(self, key: AnchorKey, candidates: AnchorCandidates, beyond: dict[str, float], result: Round) -> _Anchor:
        picks = [candidates.pick(column) for column in self._columns(key, candidates, beyond, result)]
        return _Anchor(key, picks, candidates.positive_rank(), candidates.reference_score)

    def _scores_beyond(self, queries: Ints, keys: Sequence[AnchorKey], anchors: Sequence[AnchorCandidates]) -> list[dict[str, float]]:
        """The scores of each anchor's entries that are no candidates any more, by passage id; NaN where they cannot be scored."""
        absent = [[p for p in self.notebook.page(key) if anchor.column(p) is None] for key, anchor in zip(keys, anchors, strict=True)]
        width = max(map(len, absent), default=0)
        if not width:
            return [{} for _ in absent]
        rows = np.full((len(absent), width), -1, dtype=np.int32)
        flat = [passage for passages in absent for passage in passages]
        corpus_rows = iter(rows_of(self.dataset.corpus, flat).tolist())
        for position, passages in enumerate(absent):
            rows[position, : len(passages)] = [next(corpus_rows) for _ in passages]
        scores = np.full(rows.shape, np.nan, dtype=np.float32) if self.scores is None else self.scores(queries, rows)
        return [dict(zip(passages, line, strict=False)) for passages, line in zip(absent, scores.tolist(), strict=True)]

    def _columns(self, key: AnchorKey, candidates: AnchorCandidates, beyond: dict[str, float], result: Round) -> list[int]:
        """Return the columns of an anchor's negatives in this round, before the caps; write down what became of every entry."""
        page = self.notebook.page(key)
        before = {passage for passage, entry in page.items() if entry.last_round == self.round_number - 1}
        for passage, entry in page.items():
            self._judge(passage, entry, candidates, beyond, result)
        columns = sorted({"notebook": self._accumulate, "share": self._share, "last": self._last}[self.rules.keep](key, candidates, before))
        if not columns:  # an anchor whose every negative is easy keeps its hardest: no row vanishes
            columns = candidates.selection[:1]
        self._write_down(page, candidates, columns)
        names = {candidates.name(column) for column in columns}
        result.counts["returned"] += sum(page[name].first_round < self.round_number for name in names - before)
        return columns

    def _judge(self, passage: str, entry: Entry, candidates: AnchorCandidates, beyond: dict[str, float], result: Round) -> None:
        """Score and filter an entry again."""
        column = candidates.column(passage)
        score = beyond.get(passage, float("nan")) if column is None else candidates.score(column)
        is_wrong = candidates.is_wrong(score)
        if column is not None and (reason := candidates.reason(column)):
            status = f"{REFUSED}:{reason}"
        elif candidates.is_easy(score):
            status = EASY
        elif column is None:
            status = BEYOND
        else:
            status = ACTIVE if entry.status == ACTIVE else LEFT_OUT
        if entry.status == ACTIVE and status != ACTIVE:
            result.counts["refused" if status.startswith(REFUSED) else "evicted"] += 1
        entry.record(self.round_number, score, candidates.relative_gap(score), status, wrong=is_wrong)

    def _accumulate(self, key: AnchorKey, candidates: AnchorCandidates, before: set[str]) -> list[int]:
        """The active entries and this round's errors; the next hardest where that is too little."""
        width = self.mining.negatives
        there = [column for passage in active_of(self.notebook.page(key)) if (column := candidates.column(passage)) is not None]
        active = candidates.unlike([], sorted(there), self.mining.distinct)  # the model changed, and with it what is alike
        # The rest of a long list may come from a fallback level that a list of `negatives` would not have reached.
        others = [c for place, c in enumerate(candidates.selection) if c not in there and (place < width or not candidates.tier(c))]
        others = candidates.unlike(active, others, self.mining.distinct)
        is_first = self.round_number == 1 and not self.rules.only_wrong  # the first negatives are those of mining, errors or not
        errors = [] if is_first else [column for column in others if candidates.is_wrong(candidates.score(column))][:width]
        missing = 0 if self.rules.only_wrong else max(0, width - len(active) - len(errors))
        return [*active, *errors, *[column for column in others if column not in errors][:missing]]

    def _share(self, key: AnchorKey, candidates: AnchorCandidates, before: set[str]) -> list[int]:
        """`retain` of the row from the last round, the hardest first, and new ones. Half of three is one or two, drawn for each anchor."""
        width = self.mining.negatives
        page = self.notebook.page(key)
        passing = [c for p in before if page[p].status == ACTIVE and (c := candidates.column(p)) is not None]
        quota = int(self.rules.retain * width + generator(self.mining.seed, "retained", *key).random())
        retained = candidates.unlike([], sorted(passing), self.mining.distinct)[:quota]
        others = [column for column in self._last(key, candidates, before) if column not in retained]
        return [*retained, *candidates.unlike(retained, others, self.mining.distinct)][:width]

    def _last(self, key: AnchorKey, candidates: AnchorCandidates, before: set[str]) -> list[int]:
        """The negatives of this round."""
        return [c for c in candidates.selection if not self.rules.only_wrong or candidates.is_wrong(candidates.score(c))]

    def _write_down(self, page: dict[str, Entry], candidates: AnchorCandidates, columns: Sequence[int]) -> None:
        """Make the entries of `columns` active, and no other."""
        for passage in active_of(page):
            if candidates.column(passage) not in columns:
                page[passage].set_status(LEFT_OUT)
        for column in columns:
            name, score = candidates.name(column), candidates.score(column)
            if name in page:
                page[name].set_status(ACTIVE)
                continue
            page[name] = Entry(self.round_number)
            page[name].record(self.round_number, score, candidates.relative_gap(score), ACTIVE, wrong=candidates.is_wrong(score))

    def _finish(self, negatives: Negatives, anchors: Sequence[_Anchor], result: Round) -> Negatives:
        """Drop what the caps took out, count, and return the block."""
        rows = []
        for anchor in anchors:
            page = self.notebook.page(anchor.key)
            picks = [pick for pick in anchor.picks if page[pick.passage].status == ACTIVE]
            entries = [page[pick.passage] for pick in picks]
            retained = sum(entry.last_round == self.round_number - 1 > 0 for entry in entries)
            result.counts["retained"] += retained
            result.counts["refreshed"] += len(picks) - retained
            result.counts["missing"] += max(0, self.mining.negatives - len(picks))
            for entry in entries:
                entry.last_round = self.round_number
            result.anchors[anchor.key] = _result(anchor, picks)
            rows.append(picks)
        return _filled(negatives, rows)


def _result(anchor: _Anchor, picks: Sequence[Pick]) -> AnchorResult:
    scores = np.array([pick.score for pick in picks], dtype=np.float64)
    logits = np.exp(20 * (scores - anchor.reference_score)).sum()
    gap = float(anchor.reference_score - scores.mean()) if len(scores) else 0.0
    return AnchorResult(tuple(pick.passage for pick in picks), anchor.rank, gap, float(logits / (1 + logits)))


def _filled(negatives: Negatives, rows: Sequence[Sequence[Pick]]) -> Negatives:
    """A block with the picks of each anchor, as wide as its longest row."""
    shape = (len(rows), max([1, *map(len, rows)]))
    block = replace(
        negatives,
        rows=np.full(shape, -1, dtype=np.int32),
        scores=np.full(shape, np.nan, dtype=np.float32),
        ranks=np.zeros(shape, dtype=np.int32),
        tiers=np.zeros(shape, dtype=np.uint8),
        sources={},
    )
    for position, picks in enumerate(rows):
        for name, array in (("row", block.rows), ("score", block.scores), ("rank", block.ranks), ("tier", block.tiers)):
            array[position, : len(picks)] = [getattr(pick, name) for pick in picks]
    return block
