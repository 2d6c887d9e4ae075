"""The slow, plain twin of both passes: lists, dicts and loops, one candidate at a time. The vectorised pipeline must equal it exactly.

Read it from `mine` downwards. Only the score of one pair comes from the code under test, so that both compare the same float32 numbers;
`test_scoring.py` checks that function against plain arithmetic.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xxhash

from miner.config import MiningConfig
from miner.sources.scoring import pair_scores

TINY = float(np.finfo(np.float32).tiny)
RANDOM, REPEATED = 4, 5
MASK = 2**64 - 1


@dataclass(frozen=True, eq=False)
class World:
    """A corpus and queries by id, grades by query and passage id, and a vector for every text of either side."""

    passages: dict[str, str]
    queries: dict[str, str]
    grades: dict[str, dict[str, int]]
    passage_vectors: dict[str, list[float]]
    query_vectors: dict[str, list[float]]
    similarity: str


@dataclass(frozen=True)
class Candidate:
    """A retrieved passage with its evidence. rank counts everything retrieved, from 1."""

    id: str
    rank: int
    score: float
    known: bool
    like_positive: bool
    like_query: bool
    like_better: bool
    same_id: bool
    near: float


@dataclass(frozen=True)
class Row:
    """What becomes of one anchor: dropped_by has a filter's name or None for each candidate; a negative is (id, score, rank, tier)."""

    query: str
    positives: list[str]
    candidates: list[tuple[str, float]]
    dropped_by: list[str | None]
    negatives: list[tuple[str, float, int, int]]


def mine(world: World, config: MiningConfig) -> list[Row]:
    """Every row, queries in the order of their ids."""
    positives = {query: by_id(p for p, grade in world.grades[query].items() if grade >= config.min_grade) for query in world.queries}
    known = [score(world, query, passage) for query in world.queries for passage in positives[query]]
    quartile = float(np.float32(lower_quartile(known)))
    rows = []
    for query in by_id(world.queries):
        everything = ranked(world, query, positives[query])
        groups = [[one] for one in positives[query]] if config.anchor == "own" else [positives[query]]
        bars = [min(score(world, query, one) for one in group) for group in groups]
        seen = everything[: config.depth]
        short = any(judge(seen, config.active_filters, bar, config.depth).count(None) < config.negatives for bar in bars)
        if short and config.ladder >= 1:
            seen = everything[: max(config.depth, config.max_depth)]
        for group, bar in zip(groups, bars, strict=True):
            reasons = judge(seen, config.active_filters, bar, config.depth)
            chosen = climb(world, config, query, seen, bar, quartile)
            rows.append(Row(query, group, [(c.id, c.score) for c in seen], reasons, chosen))
    return rows


# ---------------------------------------------------------------- what is retrieved


def by_id(ids):
    """Sorted as bytes of UTF-8."""
    return sorted(ids, key=lambda text: text.encode())


def ranked(world: World, query: str, positives: list[str]) -> list[Candidate]:
    """All distinct passages, best first, ties by id; of passages with the same text the one with the smallest id."""
    stands_for: dict[str, str] = {}
    for passage in by_id(world.passages):
        stands_for.setdefault(world.passages[passage], passage)
    scored = [(score(world, query, passage), passage) for passage in by_id(stands_for.values())]
    scored.sort(key=lambda pair: -pair[0])
    found: list[Candidate] = []
    seen: set[str] = set()
    for rank, (value, passage) in enumerate(scored, 1):
        text, plain = world.passages[passage], normalise(world.passages[passage])
        found.append(
            Candidate(
                passage,
                rank,
                value,
                known=any(world.passages[one] == text for one in positives),
                like_positive=any(normalise(world.passages[one]) == plain for one in positives),
                like_query=normalise(world.queries[query]) == plain,
                like_better=plain in seen,
                same_id=passage == query,
                near=max(cosine(world, one, passage) for one in positives),
            )
        )
        seen.add(plain)
    return found


@lru_cache(100_000)
def normalise(text: str) -> str:
    """Compatibility forms, case and white space made equal, sentence marks at both ends removed unless nothing else is there."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.strip(" .,;:!?…\"'“”‘’") or folded


@lru_cache(100_000)
def vector(world: World, side: str, text: str) -> np.ndarray:
    """Shape (1, D) float32, of length one where the similarity is cosine; a zero vector stays zero."""
    values = [float(np.float32(x)) for x in getattr(world, f"{side}_vectors")[text]]
    if world.similarity == "cosine":
        length = max(math.sqrt(sum(x * x for x in values)), TINY)
        values = [x / length for x in values]
    return np.array([values], dtype=np.float32)


@lru_cache(100_000)
def score(world: World, query: str, passage: str) -> float:
    """One pair."""
    left, right = vector(world, "query", world.queries[query]), vector(world, "passage", world.passages[passage])
    return float(pair_scores(left, right, np.array([[0]]), world.similarity)[0, 0])


@lru_cache(100_000)
def cosine(world: World, positive: str, passage: str) -> np.float32:
    """Of the vectors of two passages; unit rows need no division."""
    one, other = (vector(world, "passage", world.passages[name]) for name in (positive, passage))
    product = pair_scores(one, other, np.array([[0]]), "dot")[0, 0]
    if world.similarity == "cosine":
        return product
    lengths = [np.float32(math.sqrt(sum(float(x) ** 2 for x in v[0]))) for v in (one, other)]
    return product / max(lengths[0] * lengths[1], np.float32(TINY))


# ---------------------------------------------------------------- what is judged


def judge(candidates: list[Candidate], rules: dict, bar: float, depth: int) -> list[str | None]:
    """The name of the first rule that drops each candidate, None where all keep it."""
    counted = dict.fromkeys(rules, 0)
    reasons = []
    ceiling = ceiling_of(rules["margin"], candidates, bar, depth) if "margin" in rules and candidates else math.inf
    for candidate in candidates:
        reason = None
        for name, rule in rules.items():
            counted[name] += reason is None or getattr(rule, "of", None) == "raw"
            if reason is None and drops(name.removesuffix("*"), rule, candidate, ceiling, counted[name]):
                reason = name
        reasons.append(reason)
    return reasons


def ceiling_of(margin, candidates: list[Candidate], bar: float, depth: int) -> float:
    """The highest score a negative may have: under the bar, and well under it where the bar stands out from the background."""
    under_bar = bar - abs(bar) * margin.relative - margin.absolute
    height = max(bar - candidates[:depth][-1].score, 0.0)
    return min(under_bar, bar - margin.background * height) if margin.background else under_bar


def drops(name: str, rule, candidate: Candidate, ceiling: float, place: int) -> bool:
    """One rule on one candidate; `place` is its place among those the rule counts, from 1."""
    if name == "ranks":
        return place <= rule.skip or (rule.last is not None and place > rule.last)
    return {
        "known_positive": lambda: candidate.known,
        "self_match": lambda: candidate.like_query or (rule.ids and candidate.same_id),
        "same_text": lambda: candidate.like_positive or candidate.like_better,
        "near_positive": lambda: candidate.near >= np.float32(rule.cosine),
        "margin": lambda: candidate.score > ceiling,
        "max_score": lambda: candidate.score > rule.score,
        "min_score": lambda: candidate.score < rule.score,
    }[name]()


# ---------------------------------------------------------------- what is chosen


@dataclass(frozen=True)
class Window:
    """Ranks skip + 1 to last, counted over everything retrieved."""

    skip: int
    last: int
    of: str = "raw"


def climb(world: World, config: MiningConfig, query: str, seen: list[Candidate], bar: float, quartile: float) -> list[tuple]:
    """The negatives of one row, rung by rung, until there are enough."""
    taken: list[tuple[Candidate, int]] = []
    for tier in [*range(config.ladder + 1), *([RANDOM] if config.fill == "random" else [])]:
        reasons = judge(seen, rules_of(tier, config, len(world.passages)), max(bar, quartile) if tier == 2 else bar, config.depth)
        chosen = [candidate for candidate, _ in taken]
        kept = [candidate for candidate, reason in zip(seen, reasons, strict=True) if reason is None and candidate not in chosen]
        if tier == 0:
            kept = [candidate for candidate in kept if candidate.rank <= config.depth]
        order = sorted(kept, key=lambda candidate: -priority(config, query, candidate, kept, tier))
        taken += [(candidate, tier) for candidate in order[: config.negatives - len(taken)]]
    if config.fill == "repeat" and taken:
        own = list(taken)
        taken += [(own[place % len(own)][0], REPEATED) for place in range(len(own), config.negatives)]
    return [(candidate.id, candidate.score, candidate.rank, tier) for candidate, tier in taken]


def rules_of(tier: int, config: MiningConfig, corpus: int) -> dict:
    """The rules of a rung: the third drops the ceiling and looks at ranks 31 to 210, the random one drops the window too."""
    rules = dict(config.active_filters)
    if tier >= 3:
        rules.pop("margin", None)
    if tier == 3:
        skip = min(30, corpus // 10)
        rules = {"ranks*": Window(skip, skip + 180), **rules}
    if tier == RANDOM:
        rules.pop("ranks", None)
    return rules


def priority(config: MiningConfig, query: str, candidate: Candidate, kept: list[Candidate], tier: int) -> float:
    """Higher is taken first."""
    if tier != RANDOM and config.sampler.startswith("top"):
        return candidate.score
    drawn = noise(config.seed, query, candidate.id)
    first = getattr(config.active_sampler, "first", None)
    return drawn if tier == RANDOM or first is None or kept.index(candidate) < first else drawn - 1


def noise(seed: int, query: str, passage: str) -> float:
    """A number in (0, 1) that depends on nothing else: SplitMix64 over the hashes of both ids."""
    mixed = mix((mix((seed + xxhash.xxh3_64_intdigest(query.encode())) & MASK) + xxhash.xxh3_64_intdigest(passage.encode())) & MASK)
    return (mixed >> 11) * 2.0**-53 + 2.0**-54


def mix(x: int) -> int:
    """SplitMix64 on whole numbers."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def lower_quartile(values: list[float]) -> float:
    """A quarter of the values lie below; between two of them, the straight line."""
    values = sorted(values)
    place = 0.25 * (len(values) - 1)
    low, share = int(place), place - int(place)
    high = values[min(low + 1, len(values) - 1)]
    step = high - values[low]
    return high - step * (1 - share) if share >= 0.5 else values[low] + step * share
