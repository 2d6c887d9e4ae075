"""Random worlds and configs, and the vectorised pipeline run on one of them in the oracle's words."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from oracle import Row, World

from miner.config import MiningConfig
from miner.core.retrieval import retrieve
from miner.core.verdicts import VERDICTS, Verdict, latest_verdicts
from miner.evidence.passage_vectors import HalfVectors
from miner.read import read_inline
from miner.read.repeated_queries import same_questions
from miner.runs.candidate_store import CandidateWriter, read_blocks
from miner.runs.rechoose import chooser as chooser_of
from miner.runs.verdict_files import write_verdicts
from miner.sources import Dense
from miner.types import Candidates, Dataset

SIMILARITIES = ("cosine", "dot", "euclidean")
STYLES = ("grid", "normal", "equal", "far")
WORDS = ("alpha", "BETA gamma", "straße", "STRASSE", "ﬁne art", "fine  Art", "C++", "C", "don't", "Ω mega", "...", "twice said")
SENTENCES = (
    "the quick brown fox jumps over the lazy dog and runs far away from here today",
    "Install this package if you want to build programs that use the library at all",
    "北京是中华人民共和国的首都和直辖市",
)
MARKS = ("", "", ".", "!", " ?", "  ")
ODD_IDS = ("é", "～tilde", "😀", "Z", "a b", "10", "9", "p", "P")


class Prescribed:
    """Vectors that were written down beforehand, by text."""

    def __init__(self, world: World) -> None:
        self.world, self.similarity = world, world.similarity
        self.dim = len(next(iter(world.passage_vectors.values())))

    def vectors(self, texts, rows, side):
        known = self.world.query_vectors if side == "query" else self.world.passage_vectors
        return np.array([known[text] for text in texts.texts(rows)], dtype=np.float32).reshape(len(rows), self.dim)

    def fill(self, out, texts, rows, side):
        out[:] = self.vectors(texts, rows, side)

    def describe(self):
        return {"name": "prescribed"}


def make(
    seed: int,
    passages: int = 20,
    queries: int = 5,
    dim: int = 3,
    similarity: str = "cosine",
    style: str = "normal",
    *,
    splits: bool = False,
    verdicts: bool = False,
) -> World:
    """A world with equal texts, texts that are equal once normalised, and queries whose text or id is a passage's."""
    rng = np.random.default_rng(seed)
    pool = [_phrase(rng) if rng.random() < 0.3 else _short_text(rng, passages) for _ in range(passages)]
    corpus = {name: str(rng.choice(pool)) for name in _ids(rng, "p", passages)}
    asked = {
        name: str(rng.choice(pool)) if rng.random() < 0.3 else f"Question {i // 2 * 2}{rng.choice(MARKS)}"
        for i, name in enumerate(_ids(rng, "q", queries))
    }
    names = np.array(list(corpus), dtype=object)
    grades = {}
    for query in asked:
        judged = rng.choice(names, size=min(len(names), int(rng.integers(1, 5))), replace=False)
        grades[query] = {str(name): int(rng.integers(0, 3)) if place else 2 for place, name in enumerate(judged)}
    passage_vectors = {text: _vector(rng, dim, style) for text in sorted(set(corpus.values()))}
    query_vectors = {text: _vector(rng, dim, style) for text in sorted(set(asked.values()))}
    groups = {name: f"g{rng.integers(0, 6)}" for name in corpus if rng.random() < 0.3}
    elsewhere = _elsewhere(np.random.default_rng(seed), asked, names) if splits else {}
    said = _said(np.random.default_rng([seed, 1]), asked, names) if verdicts else {}
    return World(corpus, asked, grades, passage_vectors, query_vectors, similarity, groups, elsewhere, said)


def _said(rng, asked: dict[str, str], names) -> dict[tuple[str, str], str]:
    """Verdicts on a third of all pairs, some on pairs that nobody knows."""
    said = {(query, str(name)): str(rng.choice(VERDICTS)) for query in asked for name in names if rng.random() < 0.3}
    return said and {**said, ("nobody", str(names[0])): "false_negative", (next(iter(asked)), "nothing"): "true_negative"}


def _elsewhere(rng, asked: dict[str, str], names) -> dict[str, tuple[str, dict[str, int]]]:
    """Another split: some of the queries again under their id, or under another one in other letters, and one nobody else asks."""
    again = {name if rng.random() < 0.5 else f"other {name}": text for name, text in asked.items() if rng.random() < 0.6}
    told = {name: text if name in asked else f" {text.upper()}!" for name, text in again.items()} | {"stranger": "who asks this?"}
    return {name: (text, {str(rng.choice(names)): int(rng.integers(0, 3)) for _ in range(3)}) for name, text in told.items()}


def _short_text(rng, passages: int) -> str:
    return f"{rng.choice(WORDS)} {rng.integers(0, passages // 3)}{rng.choice(MARKS)}"


def _phrase(rng) -> str:
    """A piece of one of a few sentences, now and then with one word changed: excerpts and edited copies."""
    sentence = str(rng.choice(SENTENCES))
    parts = sentence.split() if " " in sentence else list(sentence)
    start, stop = int(rng.integers(0, 4)), len(parts) - int(rng.integers(0, 6))
    if rng.random() < 0.3:
        parts[int(rng.integers(start, stop))] = str(rng.choice(["zebra", "城"]))
    return (" " if " " in sentence else "").join(parts[start:stop]) + str(rng.choice(MARKS))


def _ids(rng, prefix: str, count: int) -> list[str]:
    odd = [str(name) for name in rng.permutation(ODD_IDS)[: min(count, int(rng.integers(0, 5)))]]
    return [*odd, *(f"{prefix}{i}" for i in rng.permutation(count)[: count - len(odd)])]


def _vector(rng, dim: int, style: str) -> list[float]:
    """grid: few values, many ties and some zero vectors; equal: (nearly) all the same; far: long vectors close together."""
    drawn = {
        "grid": lambda: rng.integers(-1, 2, dim).astype(float),
        "normal": lambda: rng.standard_normal(dim) * (rng.random() > 0.05),
        "equal": lambda: np.full(dim, 0.1) + (rng.random() < 0.1),
        "far": lambda: 1000 + 0.01 * rng.standard_normal(dim),
    }[style]()
    return [float(x) for x in drawn]


worlds = st.builds(
    make,
    seed=st.integers(0, 2**32),
    passages=st.sampled_from([3, 8, 20, 40, 60]),
    queries=st.sampled_from([1, 3, 6]),
    dim=st.integers(1, 8),
    similarity=st.sampled_from(SIMILARITIES),
    style=st.sampled_from(STYLES),
    verdicts=st.booleans(),
)


KNOBS = {
    "self_match": ["off", "ids=true"],
    "same_text": ["off"],
    "partly_relevant": ["."],
    "group": ["off", "off", "."],
    "containment": [".", "overlap=0.5", "overlap=1"],
    "near_text": ["."],
    "duplicate_question": [".", "cosine=0.5", "cosine=-1"],
    "percentile": [".", "beta=1", "beta=0.1,floor=0.5", "beta=0.01", "beta=1,floor=0"],
    "near_positive": [*["off"] * 4, "cosine=0.5", "cosine=0.99", "cosine=1", "cosine=-0.2", "cosine=0.2,most=0.3", "cosine=0.5,most=0.6"],
    "nearest": [".", "share=0.5", "share=0.1,first=3", "share=0.9,first=6"],
    "margin": [
        "off",
        "absolute=0.1",
        "relative=0.5",
        "absolute=-0.2,relative=0.1,background=0",
        "absolute=-2,background=0",
        "relative=0,background=0",
        "background=0.3",
        "background=0.5,relative=0.1",
        "relative=0.05,background=0.3,below=3",
        "below=1",
    ],
    "max_score": ["score=-0.5", "score=0.3", "score=0.8", "score=2"],
    "min_score": ["score=-2", "score=-0.5", "score=0", "score=0.3"],
    "ranks": ["skip=1", "skip=2,last=6", "skip=1,last=4,of=raw", "last=9", "skip=3,of=raw"],
}
SEVERAL = {"consensus": [".", "margin=0", "margin=-0.5", "margin=0.5,sources=1", "sources=2", "margin=0.2,sources=2"]}
"""Filters that want several sources."""
RELAXABLE = {
    *("group", "containment", "near_text", "duplicate_question", "near_positive", "nearest", "margin", "percentile", "consensus", "ranks"),
}
CHANCE = {
    "self_match": 0.3,
    "same_text": 0.2,
    "partly_relevant": 0.3,
    "group": 0.4,
    "containment": 0.3,
    "near_text": 0.3,
    "duplicate_question": 0.3,
    "percentile": 0.3,
    "near_positive": 0.7,
    "nearest": 0.3,
    "margin": 0.7,
    "max_score": 0.15,
    "min_score": 0.15,
    "ranks": 0.3,
}


SAMPLED = [
    *("top", "top", "top", "uniform", "uniform:first=2", "uniform:first=5", "softmax", "softmax:temperature=1", "ambiguous"),
    *("ambiguous:a=2,b=-1,first=4", "stratified", "stratified:bins=3", "diverse", "diverse:balance=0.3,first=5", "diverse:balance=0"),
]


def config_of(seed: int, *, verdicts: bool = False, **fixed) -> MiningConfig:
    """Every filter and knob, both anchors, both samplers, every rung and filling, by chance. verdicts: mostly heeds them."""
    rng = np.random.default_rng(seed)
    several = len(fixed.get("sources", ())) > 1
    knobs, chances = (KNOBS | SEVERAL, CHANCE | {"consensus": 0.6}) if several else (KNOBS, CHANCE)
    depth, max_depth = int(rng.integers(1, 26)), int(rng.integers(1, 61))
    values = {
        "depth": depth,
        "max_depth": max_depth,
        "negatives": int(rng.integers(1, min(7, max(depth, max_depth)) + 1)),
        "filters": tuple(_filter(rng, name, knobs[name]) for name, chance in chances.items() if rng.random() < chance),
        "anchor": str(rng.choice(["weakest", "own"])),
        "sampler": str(rng.choice([*SAMPLED, *(["disagreement", "disagreement:first=4"] * 4 if several else [])])),
        "ladder": int(rng.integers(0, 4)),
        "fill": str(rng.choice(["none", "random", "repeat"])),
        "seed": int(rng.integers(0, 2**63)),
        "distinct": None if rng.random() < 0.7 else float(rng.choice([0.95, 0.5, 0.9999])),
        "hub_cap": rng.choice([None, None, None, 1, 2, 5, "auto"]),
        "judged": str(rng.choice(["prefer", "prefer", "trust", "ignore"])),
        "min_grade": int(rng.integers(1, 3)),
    }
    values |= fixed
    if verdicts and seed % 5:
        values["filters"] = (*values["filters"], "verdict")
        values["false_negatives"] = "adopt" if seed % 2 and not (values["anchor"] == "own" and values["hub_cap"]) else "drop"
    return MiningConfig.of(**values)


def _filter(rng, name: str, knobs: list[str]) -> str:
    """One of a filter's settings; half of those that may be relaxed say so."""
    told = str(rng.choice(knobs))
    parts = [*([] if told == "." else [told]), *(["relax=true"] if name in RELAXABLE and told != "off" and rng.random() < 0.5 else [])]
    return f"{name}:{','.join(parts)}".removesuffix(":")


def configs(**fixed) -> st.SearchStrategy[MiningConfig]:
    """Configs, some settings fixed."""
    return st.integers(0, 2**32).map(lambda seed: config_of(seed, **fixed))


def dataset_of(world: World, min_grade: int = 1, into: Path | None = None, order: int | None = None) -> Dataset:
    """The world as a dataset; order: a seed that shuffles passages and queries on their way in."""
    rng = np.random.default_rng(order)
    passages = [
        _with_title(name, text) | ({"group": world.groups[name]} if name in world.groups else {}) for name, text in world.passages.items()
    ]
    queries = [{"id": name, "text": text, "positives": list(world.grades[name])} for name, text in world.queries.items()]
    if order is not None:
        passages, queries = ([items[i] for i in rng.permutation(len(items))] for items in (passages, queries))
    dataset = read_inline(queries, passages, into)
    names, asked = dataset.corpus.ids(dataset.qrels.rows), dataset.queries.ids(range(len(dataset.queries)))
    owners = np.repeat(np.arange(len(asked)), np.diff(dataset.qrels.indptr))
    grades = np.array([world.grades[asked[owner]][name] for owner, name in zip(owners, names, strict=True)], dtype=np.int8)
    good = grades >= min_grade
    own = (owners[good], dataset.qrels.rows[good].astype(np.int64))
    same = same_questions(dataset.queries, np.ones(len(asked), dtype=bool), own, {})[0]
    return replace(dataset, qrels=replace(dataset.qrels, grades=grades, min_grade=min_grade, same_questions=same))


def _with_title(name: str, text: str) -> dict:
    """Every other passage has its first word as its title: joined, it is the same text."""
    title, _, rest = text.partition(" ")
    splits = len(name) % 2 and f"{title} {rest}".strip() == text
    return {"id": name, "title": title, "text": rest} if splits else {"id": name, "text": text}


def rows_of(dataset: Dataset, vectors, config: MiningConfig, index: str = "exact", world: World | None = None, source=None) -> list[Row]:
    """Both passes, through the candidate file, in the oracle's words. source: already open, else the dense one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.parquet"
        writer = CandidateWriter(path, dataset, {"depth": config.depth})
        source = source or Dense(dataset, vectors, Path(folder), index)
        if "vectors" in config.measured:
            HalfVectors(source).save(Path(folder))
        if world and world.verdicts:
            write_verdicts(Path(folder), dataset, latest_verdicts(Verdict(*pair, verdict) for pair, verdict in world.verdicts.items()))
        for number, block in enumerate(retrieve(dataset, source, config)):
            writer.write(number, block)
        chooser = chooser_of(path, dataset, config)
        parts = [part for block in read_blocks(path) for part in chooser.lists_in_use(block)]
        rows = [row for part in parts for row in _told(dataset, config, *chooser.choose(part))]
    return sorted(rows, key=lambda row: row.query.encode())


def _told(dataset, config, anchors, dropped, negatives):
    reasons = [None, *config.active_filters]
    for i in range(len(anchors)):
        there = anchors.rows[i] >= 0
        found = negatives.rows[i] >= 0
        chosen = (getattr(negatives, name)[i][found].tolist() for name in ("scores", "ranks", "tiers"))
        yield Row(
            dataset.queries.ids(anchors.queries[i : i + 1])[0],
            dataset.corpus.ids(anchors.positives[i][anchors.positives[i] >= 0]),
            list(zip(dataset.corpus.ids(anchors.rows[i][there]), anchors.scores[i][there].tolist(), strict=True)),
            [reasons[code] for code in dropped[i][there]],
            list(zip(dataset.corpus.ids(negatives.rows[i][found]), *chosen, strict=True)),
        )


def mined(world: World, config: MiningConfig, order: int | None = None) -> list[Row]:
    """The vectorised rows of a world."""
    with tempfile.TemporaryDirectory() as folder:
        return rows_of(dataset_of(world, config.min_grade, Path(folder), order), Prescribed(world), config, world=world)


def anchors_of(
    rows, scores=None, positives=((0,),), positive_scores=((np.nan,),), bar=None, background=None, evidence=None, kept=None
) -> Candidates:
    """Candidates written down by hand; positives and their scores are the same for all anchors where only one is given."""
    rows = np.array(rows, dtype=np.int32)
    count, nan = len(rows), np.full(len(rows), np.nan, dtype=np.float32)
    scores = np.zeros(rows.shape, np.float32) if scores is None else np.array(scores, dtype=np.float32)
    known = np.array(np.broadcast_to(np.array(positive_scores, dtype=np.float32), (count, len(positive_scores[0]))))
    return Candidates(
        queries=np.arange(count),
        rows=rows,
        scores=scores,
        positives=np.array(np.broadcast_to(np.array(positives, dtype=np.int32), (count, len(positives[0])))),
        positive_scores=known,
        reference_scores=known.min(axis=1) if bar is None else np.array(bar, dtype=np.float32),
        noise_floors=nan if background is None else np.array(background, dtype=np.float32),
        evidence=evidence or {},
        survivors=kept,
    )
