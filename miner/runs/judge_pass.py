"""Second judges on disk: after the search, block by block, the pairs that a judge is asked about are scored and stored beside the others.

What is scored follows from the settings alone: scores that lie in the blocks already are not made again, and those that these settings do
not ask for are left out. `mine` searches deeper for queries that a judge's rules left short, and asks about those lists too; an export has
no source, and stays with the lists that are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from miner.config import MiningConfig
from miner.core.choosing import Chooser
from miner.core.judging import may_deepen, short_of
from miner.core.second_judges import PairChoice, unscored
from miner.errors import IntegrityError
from miner.evidence.passage_vectors import stored
from miner.runs.candidate_store import CandidateWriter, blocks, positive_scores, read_block
from miner.runs.rechoose import populations
from miner.runs.run_context import RunContext
from miner.runs.verdict_files import load_verdicts
from miner.types import Block, Bools, Candidates, Dataset, Floats, Ints, JudgeDescription, JudgeScores, Rows

Deepen = Callable[[Candidates, Ints], Candidates]
"""The deep lists of some queries of a part."""


class JudgePass:
    """Scores the pairs of a run whose candidates lie in `candidates`.

    known: what the judges are.
    """

    def __init__(self, dataset: Dataset, context: RunContext, candidates: Path, writer: CandidateWriter) -> None:
        self._dataset, self._context, self._candidates, self._writer = dataset, context, candidates, writer
        self._config: MiningConfig = context.config
        self._depth = self._config.depth
        self.known: dict[str, JudgeDescription] = {}

    def run(self, deepen: Deepen | None = None) -> dict[str, JudgeDescription]:
        """Score, and write the blocks that changed; what the judges are. deepen: see `Deepen`; None where nothing can be searched."""
        files = blocks(self._candidates)
        for number, file in enumerate(files):
            self._judge_positives(number, file)
        chooser = self._chooser()
        for number, file in enumerate(files):
            block = read_block(file, self._depth)
            after = self._judge_block(block, chooser, deepen)
            if after is not block:
                self._writer.write(number, after)
            self._context.progress("judge candidates", number + 1, len(files))
        return dict(self.known)

    def _chooser(self) -> Chooser:
        tables = {**stored(self._candidates.parent), **load_verdicts(self._candidates.parent, self._dataset)}
        return Chooser(
            self._dataset,
            self._config,
            positive_scores(self._candidates),
            {**tables, **populations(self._candidates, self._config)},
        )

    def _judge_positives(self, number: int, file: Path) -> None:
        """Score the known positives of a block by the judges that have not scored them yet."""
        block = read_block(file, self._depth)
        names = [name for name in self._config.active_judges if not self._is_stored(name, block)]
        if not names and set(block.judges) <= set(self._config.active_judges):
            return
        within, deep = ([self._with_positives(part, names) for part in parts] for parts in (block.within, block.deep))
        self._writer.write(number, replace(block, within=within, deep=deep, judges=dict(self.known)))

    def _is_stored(self, name: str, block: Block) -> bool:
        """Whether the block holds this judge's scores; what they say of it is noted. IntegrityError where blocks differ."""
        entry, opened = block.judges.get(name), self._context.judges.get(name)
        is_other = opened is not None and entry is not None and opened.describe()["fingerprint"] != entry["fingerprint"]
        if entry is None or is_other or entry["judge"] != self._config.active_judges[name].identity:
            self.known.setdefault(name, self._context.judge(name).describe())
            return False
        self._note(name, entry)
        return True

    def _note(self, name: str, entry: JudgeDescription) -> None:
        if self.known.setdefault(name, entry)["fingerprint"] != entry["fingerprint"]:
            raise IntegrityError(
                f"the model of judge '{name}' is not the one that scored these candidates ({entry['judge']}): "
                "restore it, or mine again, where a judge whose model has changed scores anew"
            )

    def _with_positives(self, part: Candidates, names: list[str]) -> Candidates:
        judges = {name: each for name, each in part.judges.items() if name in self._config.active_judges and name not in names}
        for name in names:
            anchors, columns = np.nonzero(part.positives >= 0)
            scores = unscored(part)
            scores.positive_scores[anchors, columns] = self._score(name, part.queries[anchors], part.positives[anchors, columns])
            judges[name] = scores
        return replace(part, judges={name: judges[name] for name in self._config.active_judges})

    def _judge_block(self, block: Block, chooser: Chooser, deepen: Deepen | None) -> Block:
        """The block with the scores that these settings ask for, and no other; the same object where it has just these."""
        near, levels = chooser.levels[:2], chooser.levels
        within = [self._judge_part(_without_scores(part), part, chooser, near) for part in block.within]
        short = [self._short(part, chooser) for part in within]
        deep = [*block.deep, *(self._deepened(block, within, short, deepen) if deepen else [])]
        used = np.intersect1d(_joined(short), _joined([part.queries for part in deep]))  # queries whose deep list is used
        within = [
            self._judge_part(part, old, chooser, levels, ~np.isin(part.queries, used))
            for part, old in zip(within, block.within, strict=True)
        ]
        after = [self._judge_part(_without_scores(part), part, chooser, levels, np.isin(part.queries, used)) for part in deep]
        is_longer = len(deep) > len(block.deep)
        if not is_longer and all(map(_has_equal_scores, (*within, *after), (*block.within, *deep))):
            return block
        return Block(within, after, None if is_longer else block.deepened_for, dict(self.known))

    def _deepened(self, block: Block, within: list[Candidates], short: list[Ints], deepen: Deepen) -> list[Candidates]:
        """The deep lists that short queries do not have yet."""
        have = _joined([part.queries for part in block.deep])
        new = [np.setdiff1d(queries, have) for queries in short]
        return [deepen(part, queries) for part, queries in zip(within, new, strict=True) if len(queries)]

    def _short(self, part: Candidates, chooser: Chooser) -> Ints:
        """Queries that are short within `depth` and may be searched deeper."""
        complete = chooser.completed(part)
        if not may_deepen(complete, self._config):
            return np.empty(0, dtype=np.int64)
        return part.queries[short_of(complete, self._config)]

    def _judge_part(
        self, part: Candidates, before: Candidates, chooser: Chooser, levels: list[int], wanted: Bools | None = None
    ) -> Candidates:
        """The part with the scores that the wanted queries (B,) need. before: the part as stored, whose scores are not made again."""
        anchors = np.ones(len(part), dtype=bool) if wanted is None else wanted
        for name in self._config.active_judges if anchors.any() else ():
            choice = PairChoice.of(chooser, self._config, name)
            pairs = choice.first(part) & anchors[:, None]
            while pairs.any():
                part = self._with_scores(part, before, name, pairs)
                pairs = choice.further(part, levels) & anchors[:, None]
        return part

    def _with_scores(self, part: Candidates, before: Candidates, name: str, pairs: Bools) -> Candidates:
        scores: Floats = np.where(pairs, before.judges[name].scores, part.judges[name].scores)
        anchors, columns = np.nonzero(pairs & np.isnan(scores))
        if len(anchors):
            scores[anchors, columns] = self._score(name, part.queries[anchors], part.rows[anchors, columns])
        return replace(part, judges={**part.judges, name: JudgeScores(scores, part.judges[name].positive_scores)})

    def _score(self, name: str, queries: Ints, rows: Ints | Rows) -> Floats:
        judge = self._context.judge(name)
        self._note(name, judge.describe())
        return judge.scores(self._dataset, queries.astype(np.int64), rows.astype(np.int64))


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _without_scores(part: Candidates) -> Candidates:
    """The part as if no candidate were scored; the scores of positives stay."""
    empty = np.full(part.rows.shape, np.nan, dtype=np.float32)
    return replace(part, judges={name: JudgeScores(empty, each.positive_scores) for name, each in part.judges.items()})


def _has_equal_scores(left: Candidates, right: Candidates) -> bool:
    return all(np.array_equal(each.scores, right.judges[name].scores, equal_nan=True) for name, each in left.judges.items())
