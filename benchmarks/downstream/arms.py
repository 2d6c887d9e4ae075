"""The arms: who chooses the negatives. Each gives {query id: [passage text …]} for one data set, made once for all seeds and rates.

A0 no training             A1 in-batch alone         A1b the same, batch × (1 + n): as many passages a step as the others
A2 random passages         A3 BM25                   A4 sentence-transformers' defaults
A5 its relative_margin 0.05, range_max 100 (rows it loses borrow random passages); A5r the same, on its rows alone
A6 its range_min 10        A7 FlagEmbedding's ranks 10 to 210, at random
A8 ours                    A9 ours, in rounds, as many steps in all                A10 ours, knowing the hidden positives
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from miner import MiningConfig, mine
from miner.config import Runtime
from miner.encode import load_encoder
from miner.formats import TrainingRow
from miner.noise import generator
from miner.train.hold_out import hidden_of
from miner.types import Dataset

Chosen = dict[str, list[str]]
PLAIN = ("self_match:off", "same_text:off", "near_positive:off", "margin:off")
NAMES = ("A0", "A1", "A1b", "A2", "A3", "A4", "A5", "A5r", "A6", "A7", "A8", "A9", "A10")
WITHOUT_FILE = ("A0", "A1", "A1b", "A9")
ALONE = ("A5r",)
"""Arms that train on the rows they have, and on no others."""


def rows_of(dataset: Dataset, chosen: Chosen | None, *, alone: bool = False) -> list[TrainingRow]:
    """A row for every query and shown positive, with the arm's negatives; without any where the arm has none."""
    made = []
    every = np.arange(len(dataset.queries))
    for row, name, text in zip(every.tolist(), dataset.queries.ids(every), dataset.queries.texts(every), strict=True):
        bad = () if chosen is None else tuple(chosen.get(name, ()))
        if alone and not bad:
            continue
        positives = dataset.corpus.texts(dataset.qrels.positives(row))
        made += [TrainingRow(text, (positive, *bad), (1, *(0,) * len(bad)), name) for positive in positives]
    return made


def choose(arm: str, dataset: Dataset, model: str, count: int, cache: Path) -> Chosen:
    """The negatives of one arm, kept in `cache` so that they are made once."""
    path = cache / f"{arm}.json"
    if not path.is_file():
        made = ARMS[arm](dataset, model, count)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made))
    found: Chosen = json.loads(path.read_text())
    return found


def random_passages(dataset: Dataset, model: str, count: int) -> Chosen:
    """Drawn evenly from the corpus, but for shown positives."""
    made = {}
    for row, name in enumerate(dataset.queries.ids(np.arange(len(dataset.queries)))):
        known = set(dataset.qrels.positives(row).tolist())
        drawn = [int(p) for p in generator(0, "random", name).integers(len(dataset.corpus), size=4 * count + 8) if int(p) not in known]
        made[name] = dataset.corpus.texts(list(dict.fromkeys(drawn))[:count])
    return made


def ours(**settings: object) -> Callable[[Dataset, str, int], Chosen]:
    """Our miner with some settings."""

    def chosen(dataset: Dataset, model: str, count: int) -> Chosen:
        run = mine(dataset, MiningConfig.of(**{"model": model, "negatives": count, "columns": ("ids",), **settings}))
        made = defaultdict(list)
        for row in run.rows():
            if row["negative"] not in made[row["anchor_id"]]:
                made[row["anchor_id"]].append(row["negative"])
        return dict(made)

    return chosen


def oracle(dataset: Dataset, model: str, count: int) -> Chosen:
    """Ours, with every hidden positive known to the filters; nothing to know where nothing is hidden."""
    hidden = hidden_of(dataset.corpus.path.parent)
    if not hidden:
        raise SystemExit("A10 needs hidden positives: --hide")
    found = ours()(dataset, model, 4 * count)
    texts = {}
    names = dataset.corpus.ids(np.arange(len(dataset.corpus)))
    wanted = {passage for passages in hidden.values() for passage in passages}
    rows = [row for row, name in enumerate(names) if name in wanted]
    texts = dict(zip((names[row] for row in rows), dataset.corpus.texts(rows), strict=True))
    return {q: [t for t in bad if t not in {texts[p] for p in hidden.get(q, ())}][:count] for q, bad in found.items()}


def theirs(**settings: object) -> Callable[[Dataset, str, int], Chosen]:
    """sentence-transformers' mine_hard_negatives, its texts matched back to queries."""

    def chosen(dataset: Dataset, model: str, count: int) -> Chosen:
        from datasets import Dataset as Table
        from sentence_transformers.util import mine_hard_negatives

        rows = rows_of(dataset, None)
        pairs = Table.from_dict({"anchor": [row.query for row in rows], "positive": [row.passages[0] for row in rows]})
        loaded = load_encoder(MiningConfig.of(model=model), Runtime.of()).model
        corpus = dataset.corpus.texts(np.arange(len(dataset.corpus)))
        how = {"num_negatives": count, "use_faiss": True, "verbose": False, "output_format": "triplet", **settings}
        found = defaultdict(list)
        for row in mine_hard_negatives(pairs, loaded, corpus=corpus, **how):
            if row["negative"] not in found[row["anchor"]]:
                found[row["anchor"]].append(row["negative"])
        return {row.query_id or "": found[row.query][:count] for row in rows if row.query in found}

    return chosen


ARMS: dict[str, Callable[[Dataset, str, int], Chosen]] = {
    "A2": random_passages,
    "A3": ours(sources=("bm25",), filters=PLAIN, ladder=0),
    "A4": theirs(),
    "A5": theirs(relative_margin=0.05, range_max=100),
    "A5r": theirs(relative_margin=0.05, range_max=100),
    "A6": theirs(range_min=10),
    "A7": ours(filters=(*PLAIN, "ranks:skip=10,last=210,of=raw"), sampler="uniform", depth=210, ladder=0),
    "A8": ours(),
    "A10": oracle,
}
