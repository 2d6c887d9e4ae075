"""Variations of the negatives of a run: made from their texts, scored, checked, counted, written beside the training file.

A variation becomes a further negative of its row only where
    its text is neither its origin's nor that of the query, a positive or another negative of the row,
    its cosine to every known positive of the query is at most its origin's,
    the filters of its origin's fallback level keep it with its own score.
Negatives are tried in their order until a row has `count` of a kind. Text and random numbers follow from (seed, query id, passage id,
kind), vectors from the order of blocks, so that threads, batches and input order do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from miner.config import MiningConfig
from miner.core.choosing import Chooser
from miner.core.ladder import REPEATED
from miner.io.plain_files import create_file
from miner.report import VariationCounts
from miner.runs.rechoose import Choice
from miner.runs.variation_file import FILE, line
from miner.runs.variation_rows import FurtherNegative, extend, variation_id
from miner.runs.variation_scores import VariationScorer
from miner.support.noise import generator
from miner.support.normalize import plain_key
from miner.types import Dataset, ExtendedTexts, MemoryTexts, Vectors

UNCHANGED, SAME_TEXT, NEARER = "unchanged", "same_text", "nearer"
"""Reasons beside the names of filters: no other text; a text that the row has; nearer to a positive than the origin."""


@dataclass(frozen=True)
class RowVariation:
    """One that passed every check. anchor: in its block's part; slot: of its origin among the anchor's negatives."""

    anchor: int
    slot: int
    kind: str
    text: str
    score: float
    cosines: dict[int, tuple[float, float]]


@dataclass
class _Part:
    """The anchors of one choice while their variations are made.

    names: ids and texts by row; positives: rows of all known positives, by anchor; keys: of the texts that a row has, by anchor.
    """

    choice: Choice
    query_ids: list[str]
    passage_ids: dict[int, str]
    texts: dict[int, str]
    positives: list[list[int]]
    keys: list[set[int]]
    variations: list[list[RowVariation]] = field(default_factory=list)


class VariationMaker:
    """Called with the choices of a block, it returns them with their variations as further negatives. A context manager of its file.

    counts: by kind, how many were tried, kept, and dropped by which reason.
    """

    def __init__(
        self, folder: Path, dataset: Dataset, config: MiningConfig, vectors: Vectors, paraphrase: Callable[[str], str] | None
    ) -> None:
        self._dataset, self._config, self._scorer = dataset, config, VariationScorer(dataset, vectors)
        self._path = folder / FILE
        self._changes = {name: part.open(dataset.corpus, paraphrase) for name, part in config.active_variations.items()}
        self.counts: dict[str, VariationCounts] = {name: {"tried": 0, "kept": 0, "dropped": {}} for name in self._changes}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = create_file(self._path)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file:
            self._file.close()

    def __call__(self, choices: Sequence[Choice], chooser: Chooser) -> tuple[list[Choice], Dataset]:
        """Return the choices with further negatives, and the dataset with their texts behind those of the corpus."""
        parts = [self._part(choice) for choice in choices]
        for part in parts:
            for kind, variation in self._config.active_variations.items():
                for slot in range(part.choice.negatives.rows.shape[1]):
                    self._try(part, kind, slot, variation.count, chooser)
        self._write(parts)
        ids, texts, extended = list[str](), list[str](), list[Choice]()
        kinds, width = self._config.active_variations, self._config.variations_per_row
        for part in parts:
            first, further = len(self._dataset.corpus) + len(texts), _further(part)
            extended.append(part.choice._replace(negatives=extend(part.choice.negatives, further, first, kinds, width)))
            ids += [one.id for of_anchor in further for one in of_anchor]
            texts += [one.text for of_anchor in further for one in of_anchor]
        return extended, replace(self._dataset, corpus=ExtendedTexts(self._dataset.corpus, MemoryTexts(ids, texts)))

    def _part(self, choice: Choice) -> _Part:
        negatives, queries = choice.negatives, choice.negatives.queries
        known: dict[int, dict[int, None]] = {
            int(query): dict.fromkeys(self._dataset.qrels.relevant(int(query)).tolist()) for query in queries
        }
        for query, rows in zip(queries.tolist(), negatives.positives.tolist(), strict=True):
            known[query] |= dict.fromkeys(row for row in rows if row >= 0)  # with a positive of a verdict
        positives = [list(known[query]) for query in queries.tolist()]
        rows = np.unique([row for row in negatives.rows.ravel().tolist() if row >= 0] + [row for each in positives for row in each])
        rows = rows.astype(np.int64)
        corpus, row_list = self._dataset.corpus, rows.tolist()
        ids, texts = dict(zip(row_list, corpus.ids(rows), strict=True)), dict(zip(row_list, corpus.texts(rows), strict=True))
        keys = {row: plain_key(text) for row, text in texts.items()}
        query_keys = map(plain_key, self._dataset.queries.texts(queries))
        of_rows = zip(query_keys, positives, negatives.rows.tolist(), strict=True)
        taken = [{key, *(keys[row] for row in (*known_rows, *own) if row >= 0)} for key, known_rows, own in of_rows]
        return _Part(choice, self._dataset.queries.ids(queries), ids, texts, positives, taken, [[] for _ in positives])

    def _try(self, part: _Part, kind: str, slot: int, count: int, chooser: Chooser) -> None:
        """Make a variation of the negative at `slot` for every anchor that has too few of a kind; check it."""
        negatives = part.choice.negatives
        origins, tiers = negatives.rows[:, slot].tolist(), negatives.tiers[:, slot].tolist()
        tried = list[tuple[int, str]]()
        for anchor, (origin, tier) in enumerate(zip(origins, tiers, strict=True)):
            if origin < 0 or tier == REPEATED or sum(variation.kind == kind for variation in part.variations[anchor]) >= count:
                continue
            names = ("variation", kind, part.query_ids[anchor], part.passage_ids[origin])
            text = self._changes[kind](part.texts[origin], generator(self._config.seed, *names)).strip()
            self.counts[kind]["tried"] += 1
            if reason := _text_reason(text, part.texts[origin], part.keys[anchor]):
                self._drop(kind, reason)
            else:
                tried.append((anchor, text))
        if tried:
            self._check(part, kind, slot, tried, chooser)

    def _check(self, part: _Part, kind: str, slot: int, tried: Sequence[tuple[int, str]], chooser: Chooser) -> None:
        """Score variations, at most one of each anchor, and keep those that are no nearer to a positive and pass the filters."""
        negatives, at = part.choice.negatives, np.array([anchor for anchor, _ in tried])
        origins, positives = negatives.rows[at, slot].astype(np.int64), [part.positives[anchor] for anchor, _ in tried]
        ids = [f"{part.passage_ids[int(row)]}~{kind}" for row in origins]
        scored = self._scorer(negatives.queries[at], origins, positives, MemoryTexts(ids, [text for _, text in tried]))
        columns = negatives.ranks[at, slot].astype(np.int64) - 1
        reasons = chooser.drops(part.choice.anchors.take(at), columns, scored.scores, negatives.tiers[at, slot])
        for place, (anchor, text) in enumerate(tried):
            if reason := NEARER if scored.is_nearer[place] else reasons[place]:
                self._drop(kind, reason)
                continue
            pairs = zip(scored.cosines[place].tolist(), scored.origin_cosines[place].tolist(), strict=True)
            cosines = dict(zip(positives[place], pairs, strict=False))
            part.variations[anchor].append(RowVariation(anchor, slot, kind, text, float(scored.scores[place]), cosines))
            part.keys[anchor].add(plain_key(text))
            self.counts[kind]["kept"] += 1

    def _drop(self, kind: str, reason: str) -> None:
        dropped = self.counts[kind]["dropped"]
        dropped[reason] = dropped.get(reason, 0) + 1

    def _write(self, parts: Sequence[_Part]) -> None:
        """Write the variations of a block, by query id."""
        assert self._file is not None, "the file is open while variations are made"
        order = sorted(
            (int(self._dataset.queries.id_rank[part.choice.negatives.queries[anchor]]), number, anchor)
            for number, part in enumerate(parts)
            for anchor, variations in enumerate(part.variations)
            if variations
        )
        for _, number, anchor in order:
            self._file.writelines(_line(parts[number], variation) for variation in parts[number].variations[anchor])


def _text_reason(text: str, origin: str, keys: set[int]) -> str:
    if not text or text == origin.strip() or plain_key(text) == plain_key(origin):
        return UNCHANGED
    return SAME_TEXT if plain_key(text) in keys else ""


def _further(part: _Part) -> list[list[FurtherNegative]]:
    """The variations of each anchor of a part as negatives."""
    negatives = part.choice.negatives
    further: list[list[FurtherNegative]] = [[] for _ in part.variations]
    for anchor, variations in enumerate(part.variations):
        for one in variations:
            name = variation_id(part.passage_ids[int(negatives.rows[anchor, one.slot])], one.kind, part.query_ids[anchor])
            origin = (int(negatives.ranks[anchor, one.slot]), int(negatives.tiers[anchor, one.slot]))
            further[anchor].append(FurtherNegative(name, one.kind, one.text, one.score, *origin))
    return further


def _line(part: _Part, variation: RowVariation) -> bytes:
    negatives, anchor, slot = part.choice.negatives, variation.anchor, variation.slot
    ids = part.passage_ids
    return line(
        {
            "query_id": part.query_ids[anchor],
            "passage_id": ids[int(negatives.rows[anchor, slot])],
            "kind": variation.kind,
            "text": variation.text,
            "score": _shortest(variation.score),
            "origin_score": _shortest(negatives.scores[anchor, slot]),
            "rank": int(negatives.ranks[anchor, slot]),
            "tier": int(negatives.tiers[anchor, slot]),
            "positive_ids": [ids[row] for row in negatives.positives[anchor].tolist() if row >= 0],
            "cosines": {ids[row]: [_shortest(cosine) for cosine in pair] for row, pair in variation.cosines.items()},
        }
    )


def _shortest(value: float) -> float:
    """A float32 as the shortest decimal of its value."""
    return float(str(np.float32(value)))
