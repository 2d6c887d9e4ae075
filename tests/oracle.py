"""The slow, plain twin of both passes: lists, dicts and loops, one candidate at a time. The vectorised pipeline must equal it exactly.

Read it from `mine` downwards. Only the score of one pair comes from the code under test, so that both compare the same float32 numbers;
`test_scoring.py` checks that function against plain arithmetic.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import xxhash
from oracle_sources import disagreement, elsewhere, pooled, suspected

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
    groups: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, tuple[str, dict[str, int]]] = field(default_factory=dict)
    """What another split says: by query id, its text and its grades."""
    verdicts: dict[tuple[str, str], str] = field(default_factory=dict)
    """What somebody has said of a query and a passage, by their ids."""
    sources: dict[str, Callable[[str, str], float]] = field(default_factory=dict)
    """Where several sources search: each one's score of a query and a passage, by their ids, in the order of the config."""


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
    judged: int
    in_group: bool
    contained: float
    near_text: int
    sibling: float
    by_first: bool
    others: tuple[float, ...]
    gaps: tuple[float, ...]
    verdict: str | None = None


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
    known = sorted(score(world, query, passage) for query in world.queries for passage in positives[query])
    rows, preferred = [], []
    for query in by_id(world.queries):
        groups = [[one] for one in positives[query]] if config.anchor == "own" else [positives[query]]
        bars = [min(score(world, query, one) for one in group) for group in groups]
        asked = (world, query, relevant(world, query, config.min_grade), config.min_grade)
        seen = ranked(*asked, config.depth, config.rrf_k)
        short = any(judge(seen, config.active_filters, bar, config, known).count(None) < config.negatives for bar in bars)
        if short and config.ladder >= 1:
            seen = ranked(*asked, max(config.depth, config.max_depth), config.rrf_k)
        seen = [replace(candidate, verdict=said_of(world, query, candidate.id)) for candidate in seen]
        if config.false_negatives == "adopt":
            adopted = [c for c in seen if c.verdict == "false_negative" and not c.known]
            groups = [*groups, *([c.id] for c in adopted)] if config.anchor == "own" else [[*groups[0], *(c.id for c in adopted)]]
            bars = [min(score(world, query, one) for one in group) for group in groups]
        for group, bar in zip(groups, bars, strict=True):
            reasons = judge(seen, config.active_filters, bar, config, known)
            rows.append(Row(query, group, [(c.id, c.score) for c in seen], reasons, []))
            preferred.append(climb(world, config, query, seen, bar, known, config.negatives if config.hub_cap is None else len(seen)))
    chosen = allotted(world, config, [row.query for row in rows], preferred)
    return [replace(row, negatives=repeated(config, mine_)) for row, mine_ in zip(rows, chosen, strict=True)]


def allotted(world: World, config: MiningConfig, queries: list[str], preferred: list[list]) -> list[list]:
    """What each row gets: the first of its preferences, and with a cap, in drawn order, the first that are not used up."""
    cap = config.hub_cap
    if cap is None:
        return preferred
    if cap == "auto":
        cap = max(5, math.ceil(3 * len(queries) * config.negatives / len(world.passages)))
    turns = sorted(range(len(queries)), key=lambda at: mix((config.seed + xxhash.xxh3_64_intdigest(queries[at].encode())) & MASK))
    used: dict[str, int] = {}
    chosen: list[list] = [[] for _ in queries]
    for at in turns:
        for candidate, tier in preferred[at]:
            if len(chosen[at]) < config.negatives and used.get(candidate.id, 0) < cap:
                used[candidate.id] = used.get(candidate.id, 0) + 1
                chosen[at].append((candidate, tier))
    return chosen


def repeated(config: MiningConfig, own: list) -> list[tuple]:
    """As the row is written: free slots hold its own negatives again, if so configured."""
    taken = list(own)
    if config.fill == "repeat" and own:
        taken += [(own[place % len(own)][0], REPEATED) for place in range(len(own), config.negatives)]
    return [(candidate.id, candidate.score, candidate.rank, tier) for candidate, tier in taken]


def relevant(world: World, query: str, min_grade: int) -> list[str]:
    """What is a positive of anybody, in any split, who asks what the query asks."""
    asked = [(text, world.grades[name]) for name, text in world.queries.items()] + list(world.elsewhere.values())
    same = [grades for text, grades in asked if normalise(text) == normalise(world.queries[query])]
    return by_id({passage for grades in same for passage, grade in grades.items() if grade >= min_grade})


# ---------------------------------------------------------------- what is retrieved


def said_of(world: World, query: str, passage: str) -> str | None:
    """What was said of the pair, or of another passage with the very same text; a false negative outweighs a true one."""
    said = {
        verdict
        for (asked, about), verdict in world.verdicts.items()
        if asked == query and world.passages.get(about) == world.passages[passage]
    }
    return next((verdict for verdict in ("false_negative", "true_negative") if verdict in said), None)


def by_id(ids):
    """Sorted as bytes of UTF-8."""
    return sorted(ids, key=lambda text: text.encode())


def ranked(world: World, query: str, positives: list[str], min_grade: int, depth: int = 10**9, k: int = 60) -> list[Candidate]:
    """`depth` distinct passages, best first, ties by id; of passages with the same text the one with the smallest id."""
    stands_for: dict[str, str] = {}
    for passage in by_id(world.passages):
        stands_for.setdefault(world.passages[passage], passage)
    distinct = by_id(stands_for.values())
    pool, first = pooled(world.sources, query, distinct, depth, k) if world.sources else (distinct, distinct)
    own = [name for name, grade in world.grades[query].items() if grade >= min_grade]
    scored = [(score(world, query, passage), passage) for passage in by_id(pool)]
    scored.sort(key=lambda pair: -pair[0])
    found: list[Candidate] = []
    seen: set[str] = set()
    for rank, (value, passage) in enumerate(scored[:depth], 1):
        others, gaps = elsewhere(world.sources, query, passage, own)
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
                judged=judgement(world, query, text, min_grade),
                in_group=any(passage in world.groups and world.groups[passage] == world.groups.get(one) for one in positives),
                contained=max(containment(text, world.passages[one]) for one in positives),
                near_text=any(passage in near_texts(world)[one] for one in positives)
                + 4 * any(passage in near_texts(world)[better.id] for better in found),
                sibling=max(
                    [closeness(world, query, other) for other in world.queries if asks(world, other, text, min_grade, query)] or [math.nan]
                ),
                by_first=passage in first,
                others=others,
                gaps=gaps,
            )
        )
        seen.add(plain)
    return found


def judgement(world: World, query: str, text: str, min_grade: int) -> int:
    """1 judged non-relevant, 2 partly relevant, 0 not judged; of equal texts the highest grade under min_grade counts."""
    grades = [grade for passage, grade in world.grades[query].items() if world.passages[passage] == text and grade < min_grade]
    return 0 if not grades else 2 if max(grades) > 0 else 1


def asks(world: World, other: str, text: str, min_grade: int, query: str) -> bool:
    """Whether the text is a positive of another query."""
    return other != query and any(world.passages[p] == text and grade >= min_grade for p, grade in world.grades[other].items())


def words(text: str) -> list[str]:
    """Words without sentence marks; every Chinese character is one."""
    spaced = "".join(f" {letter} " if "\u4e00" <= letter <= "\u9fff" else letter for letter in normalise(text))
    return [word for word in (one.strip(" .,;:!?…\"'“”‘’") for one in spaced.split()) if word]


@lru_cache(100_000)
def shingles(text: str) -> frozenset:
    """Every five words in a row; a shorter text is one shingle, no words are none."""
    found = words(text)
    return frozenset(tuple(found[at : at + 5]) for at in range(max(1, len(found) - 4))) if found else frozenset()


def containment(one: str, other: str) -> np.float32:
    """What both have in common, of the smaller; below a half it is nothing."""
    left, right = shingles(one), shingles(other)
    share = len(left & right) / min(len(left), len(right)) if left and right else 0.0
    return np.float32(share if share >= 0.5 else 0)


@lru_cache(64)
def near_texts(world: World) -> dict[str, set[str]]:
    """Who is near whom, directly or over others; everybody is near himself."""
    sets = {passage: shingles(text) for passage, text in world.passages.items()}
    near = {
        one: {other for other in sets if other == one or 5 * len(sets[one] & sets[other]) >= 4 * len(sets[one] | sets[other]) > 0}
        for one in sets
    }
    for _ in sets:
        near = {one: set().union(*(near[other] for other in others)) for one, others in near.items()}
    return near


@lru_cache(100_000)
def closeness(world: World, one: str, other: str) -> np.float32:
    """Cosine of two queries' vectors, 1 where their texts are the same."""
    if normalise(world.queries[one]) == normalise(world.queries[other]):
        return np.float32(1)
    return angle(world, *(vector(world, "query", world.queries[name]) for name in (one, other)))


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
    """One pair, as the source that judges scores it."""
    if world.sources:
        return next(iter(world.sources.values()))(query, passage)
    left, right = vector(world, "query", world.queries[query]), vector(world, "passage", world.passages[passage])
    return float(pair_scores(left, right, np.array([[0]]), world.similarity)[0, 0])


@lru_cache(100_000)
def cosine(world: World, positive: str, passage: str) -> np.float32:
    """Of the vectors of two passages."""
    return angle(world, *(vector(world, "passage", world.passages[name]) for name in (positive, passage)))


def angle(world: World, one: np.ndarray, other: np.ndarray) -> np.float32:
    """The cosine of two vectors; unit rows need no division."""
    product = pair_scores(one, other, np.array([[0]]), "dot")[0, 0]
    if world.similarity == "cosine":
        return product
    lengths = [np.float32(math.sqrt(sum(float(x) ** 2 for x in v[0]))) for v in (one, other)]
    return product / max(lengths[0] * lengths[1], np.float32(TINY))


# ---------------------------------------------------------------- what is judged


GUESSES = {"group", "containment", "near_text", "near_positive", "nearest", "duplicate_question", "margin", "percentile", "consensus"}
"""Rules that infer relevance: what was judged non-relevant is exempt from them."""


def judge(
    candidates: list[Candidate], rules: dict, bar: float, config: MiningConfig, known: list[float], raised: float | None = None
) -> list[str | None]:
    """The name of the first rule that drops each candidate, None where all keep it. raised: the bar of rules that may be relaxed."""
    counted = dict.fromkeys(rules, 0)
    reasons = []
    bars = {name: bar if raised is None or not rule.relax else raised for name, rule in rules.items()}
    ceilings = {
        "bar": bars.get("consensus", bar),
        "margin": ceiling_of(rules["margin"], candidates, bars["margin"], config.depth) if "margin" in rules and candidates else math.inf,
        "percentile": among_positives(rules["percentile"], bars["percentile"], known) if "percentile" in rules else math.inf,
        "nearest": nearest_of(rules["nearest"].share, rules["nearest"].first, candidates) if "nearest" in rules else math.inf,
        "near_positive": likeness_of(rules["near_positive"], candidates) if "near_positive" in rules else math.inf,
    }
    for candidate in candidates:
        reason = None
        for name, rule in rules.items():
            counted[name] += reason is None or getattr(rule, "of", None) == "raw"
            trusted = rule.relax and config.judged != "ignore" and candidate.judged == 1
            exempt = (trusted or candidate.verdict == "true_negative") and name in GUESSES
            if reason is None and not exempt and drops(name.removesuffix("*"), rule, candidate, ceilings, counted[name]):
                reason = name
        reasons.append(reason)
    return reasons


def ceiling_of(margin, candidates: list[Candidate], bar: float, depth: int) -> float:
    """The highest score a negative may have: under the bar, and well under it where the bar stands out from the background.

    No ceiling for a bar that fewer than `below` others outscore, and not all of them.
    """
    others = [candidate for candidate in candidates if not candidate.known]
    if sum(candidate.score > bar for candidate in others) < min(margin.below, len(others)):
        return math.inf
    under_bar = bar - abs(bar) * margin.relative - margin.absolute
    found = [candidate.score for candidate in candidates[:depth] if candidate.by_first]
    height = max(bar - found[-1], 0.0) if found else 0.0
    return min(under_bar, bar - margin.background * height) if margin.background else under_bar


def likeness_of(rule, candidates: list[Candidate]) -> float:
    """The cosine to a positive that is too near: the rule's own, or a higher one up to .9 where too many lie so near."""
    own = float(np.float32(rule.cosine))
    if rule.most == 1 or rule.cosine >= 0.9:
        return own
    return min(max(own, nearest_of(rule.most, 200, candidates)), float(np.float32(0.9)))


def nearest_of(share: float, first: int, candidates: list[Candidate]) -> float:
    """The cosine to a positive from which on the nearest `share` of the first `first` candidates lie."""
    near = sorted((c.near for c in candidates[:first] if not c.known and not math.isnan(c.near)), reverse=True)
    count = math.floor(share * len(near) + 1e-9)
    return near[count - 1] if count else math.inf


def among_positives(rule, bar: float, known: list[float]) -> float:
    """The highest of the lowest beta * F(bar) of all positives' scores, or of the lowest `floor`; at least the lowest one."""
    share = sum(score <= bar for score in known) / len(known)
    counts = [math.ceil(part * len(known)) for part in (rule.beta * share, rule.floor)]
    return known[max(1, *counts) - 1]


def drops(name: str, rule, candidate: Candidate, ceilings: dict[str, float], place: int) -> bool:
    """One rule on one candidate; `place` is its place among those the rule counts, from 1."""
    if name == "ranks":
        return place <= rule.skip or (rule.last is not None and place > rule.last)
    return {
        "known_positive": lambda: candidate.known,
        "verdict": lambda: candidate.verdict == "false_negative",
        "self_match": lambda: candidate.like_query or (rule.ids and candidate.same_id),
        "same_text": lambda: candidate.like_positive or candidate.like_better,
        "near_positive": lambda: candidate.near >= ceilings["near_positive"],
        "nearest": lambda: candidate.near >= ceilings["nearest"],
        "partly_relevant": lambda: candidate.judged == 2,
        "group": lambda: candidate.in_group,
        "containment": lambda: candidate.contained >= np.float32(rule.overlap),
        "near_text": lambda: candidate.near_text > 0,
        "duplicate_question": lambda: candidate.sibling >= np.float32(rule.cosine),
        "margin": lambda: candidate.score > ceilings["margin"],
        "percentile": lambda: candidate.score > ceilings["percentile"],
        "consensus": lambda: suspected(rule, candidate.score, ceilings["bar"], candidate.gaps),
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
    relax: bool = False


def climb(world: World, config: MiningConfig, query: str, seen: list[Candidate], bar: float, known: list[float], wanted: int) -> list:
    """(candidate, tier) for the first `wanted` preferences of one row, rung by rung."""
    quartile = float(np.float32(lower_quartile(known)))
    taken: list[tuple[Candidate, int]] = []
    strict = judge(seen, config.active_filters, bar, config, known)
    firm = {c.id for c, why in zip(seen, strict, strict=True) if why is not None and not config.active_filters[why].relax}
    for tier in [*range(config.ladder + 1), *([RANDOM] if config.fill == "random" else [])]:
        rules = rules_of(tier, config, len(world.passages))
        reasons = judge(seen, rules, bar, config, known, max(bar, quartile) if tier == 2 else None)
        chosen = [candidate for candidate, _ in taken]
        kept = [
            candidate
            for candidate, reason in zip(seen, reasons, strict=True)
            if reason is None and candidate not in chosen and candidate.id not in firm
        ]
        if tier == 0:
            kept = [candidate for candidate in kept if candidate.rank <= config.depth]
        value = priorities(world, config, query, kept, max(bar, quartile) if tier == 2 else bar, tier)
        order = sorted(kept, key=lambda candidate: -value[candidate.id])
        if config.judged == "prefer":
            order.sort(key=lambda candidate: candidate.judged != 1 and candidate.verdict != "true_negative")
        for candidate in order:
            if len(taken) < wanted and not any(like(world, candidate, other) >= (config.distinct or math.inf) for other, _ in taken):
                taken.append((candidate, tier))
    return taken


def rules_of(tier: int, config: MiningConfig, corpus: int) -> dict:
    """The rules of a level: the third drops the ceilings and looks at ranks 31 to 210, the random one drops the window too.

    Only of those that may be relaxed.
    """
    rules = dict(config.active_filters)
    if tier == 2 and "margin" in rules and rules["margin"].relax:
        rules["margin"] = replace(rules["margin"], below=0)
    dropped = ["margin", "percentile", "consensus"] if tier >= 3 else []
    rules = {name: rule for name, rule in rules.items() if not (name in dropped and rule.relax)}
    if tier == 3:
        skip = min(30, corpus // 10)
        rules = {"ranks*": Window(skip, skip + 180), **rules}
    if tier == RANDOM and "ranks" in rules and rules["ranks"].relax:
        rules.pop("ranks")
    return rules


def priorities(world: World, config: MiningConfig, query: str, kept: list[Candidate], bar: float, tier: int) -> dict[str, float]:
    """For the id of each candidate that was kept, best first, a number: higher is taken first."""
    name, sampler = config.sampler.partition(":")[0], config.active_sampler
    drawn = {candidate.id: noise(config.seed, query, candidate.id) for candidate in kept}
    if tier == RANDOM:
        return drawn
    first = kept[: getattr(sampler, "first", None)]
    late = {candidate.id: candidate.score - 1e9 for candidate in kept[len(first) :]}
    gumbel = {passage: float(-np.log(-np.log(np.float64(value)))) for passage, value in drawn.items()}
    if name == "top":
        return {candidate.id: candidate.score for candidate in kept}
    if name == "uniform":
        return {**{passage: value - 1 for passage, value in drawn.items()}, **{candidate.id: drawn[candidate.id] for candidate in first}}
    if name == "softmax":
        return {candidate.id: candidate.score / sampler.temperature + gumbel[candidate.id] for candidate in kept}
    if name == "ambiguous":
        return {**late, **ambiguous(sampler, first, bar, gumbel)}
    if name == "disagreement":
        return {**late, **disagreement(first)}
    return in_bins(sampler, kept, drawn) if name == "stratified" else {**late, **one_by_one(world, sampler, first)}


def ambiguous(sampler, first: list[Candidate], bar: float, gumbel: dict[str, float]) -> dict[str, float]:
    """The logarithm of exp(-a (gap / spread - b)^2), and Gumbel noise."""
    gaps = {candidate.id: candidate.score - bar for candidate in first}
    mean = sum(gaps.values()) / max(len(gaps), 1)
    spread = max(math.sqrt(sum((gap - mean) ** 2 for gap in gaps.values()) / max(len(gaps), 1)), sampler.floor)
    return {passage: -sampler.a * (gap / spread - sampler.b) ** 2 + gumbel[passage] for passage, gap in gaps.items()}


def in_bins(sampler, kept: list[Candidate], drawn: dict[str, float]) -> dict[str, float]:
    """The first of every bin come before all seconds; within a bin the noise orders, among bins its low bits."""
    scores = [candidate.score for candidate in kept]
    bins: dict[int, list[str]] = {}
    for candidate in kept:
        width = max(scores) - min(scores) or 1
        place = min(math.floor((candidate.score - min(scores)) / width * sampler.bins), sampler.bins - 1)
        bins.setdefault(place, []).append(candidate.id)
    turn = {passage: at for members in bins.values() for at, passage in enumerate(sorted(members, key=drawn.get))}
    return {passage: drawn[passage] * 2**26 % 1 - turn[passage] for passage in turn}


def one_by_one(world: World, sampler, first: list[Candidate]) -> dict[str, float]:
    """Greedily what is hard and unlike what was taken; the number is minus the turn."""
    largest = max([1.0, *(abs(candidate.score) for candidate in first)])
    taken: list[Candidate] = []
    while len(taken) < len(first):
        open_ = [candidate for candidate in first if candidate not in taken]
        nearest = [max([like(world, candidate, other) for other in taken] or [0.0]) for candidate in open_]
        worth = [
            sampler.balance * candidate.score / largest - (1 - sampler.balance) * near
            for candidate, near in zip(open_, nearest, strict=True)
        ]
        taken.append(open_[worth.index(max(worth))])
    return {candidate.id: -float(turn) for turn, candidate in enumerate(taken)}


def like(world: World, one: Candidate, other: Candidate) -> float:
    """Cosine of two passages from vectors in half precision: sums of such products are exact."""
    left, right = (half(world, world.passages[candidate.id]) for candidate in (one, other))
    return sum(float(a) * float(b) for a, b in zip(left, right, strict=True))


@lru_cache(100_000)
def half(world: World, text: str) -> list[np.float16]:
    """A passage's vector, of length one; a zero vector stays zero."""
    values = [float(x) for x in vector(world, "passage", text)[0]]
    length = np.sqrt((np.array([values]) ** 2).sum(axis=-1))[0]
    return [np.float16(x / (length or 1)) for x in values]


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
