"""The arms: who chooses the negatives. Each gives {query id: [passage text …]} for one set, made once for all seeds and rates.

A0 no training             A1 in-batch alone         A1b the same, batch × (1 + n): as many passages a step as the others
A2 random passages         A3 BM25                   A4 sentence-transformers' defaults
A5 its relative_margin 0.05, range_max 100 (rows it loses borrow random passages); A5r the same, on its rows alone
A6 its range_min 10        A7 FlagEmbedding's ranks 10 to 210, at random
A8 ours                    A9 ours, in rounds, as many steps in all                A10 ours, knowing the hidden positives
A8o ours as it was before decision 21: a ceiling for every positive              A8h ours with --preset hard
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from sets import Set

from miner import MiningConfig, mine
from miner.config import Runtime
from miner.formats import TrainingRow
from miner.support.noise import generator
from miner.types import Dataset, SameQuestions

Chosen = dict[str, list[str]]
Arm = Callable[[Set, int], Chosen]
PLAIN = ("self_match:off", "same_text:off", "near_positive:off", "nearest:off", "margin:off")
NAMES = ("A0", "A1", "A1b", "A2", "A3", "A4", "A5", "A5r", "A6", "A7", "A8", "A8o", "A9", "A10")
WITHOUT_FILE = ("A0", "A1", "A1b", "A9")
ALONE = ("A5r",)
"""Arms that train on the rows they have, and on no others."""


def rows_of(dataset: Dataset, chosen: Chosen | None, *, alone: bool = False) -> list[TrainingRow]:
    """A row for every query and shown positive, with the arm's negatives; without any where the arm has none."""
    every, qrels = np.arange(len(dataset.queries)), dataset.qrels
    shown = np.unique(qrels.rows)
    text_of = dict(zip(shown.tolist(), dataset.corpus.texts(shown), strict=True))
    made = []
    for row, name, text in zip(every.tolist(), dataset.queries.ids(every), dataset.queries.texts(every), strict=True):
        bad = () if chosen is None else tuple(chosen.get(name, ()))
        if alone and not bad:
            continue
        made += [TrainingRow(text, (text_of[p], *bad), (1, *(0,) * len(bad)), name) for p in qrels.positives(row).tolist()]
    return made


def choose(arm: str, one: Set, count: int) -> Chosen:
    """The negatives of one arm, kept beside the set so that they are made once."""
    path = one.work / "negatives" / f"{arm}-{count}.json"
    if not path.is_file():
        made = ARMS[arm](one, count)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made))
    found: Chosen = json.loads(path.read_text())
    return found


def random_passages(one: Set, count: int) -> Chosen:
    """Drawn evenly from the corpus, but for shown positives."""
    made, dataset = {}, one.train
    for row, name in enumerate(dataset.queries.ids(np.arange(len(dataset.queries)))):
        known = set(dataset.qrels.positives(row).tolist())
        drawn = [int(p) for p in generator(0, "random", name).integers(len(dataset.corpus), size=4 * count + 8) if int(p) not in known]
        made[name] = dataset.corpus.texts(list(dict.fromkeys(drawn))[:count])
    return made


def ours(**settings: object) -> Arm:
    """Our miner with some settings."""
    return lambda one, count: mined(one, one.train, count, **settings)


def mined(one: Set, dataset: Dataset, count: int, **settings: object) -> Chosen:
    """The negatives that our miner chooses with the set's model as it is now."""
    config = MiningConfig.of(**{"negatives": count, "columns": ("ids",), **settings})
    with tempfile.TemporaryDirectory(prefix="downstream-") as cache:
        run = mine(dataset, config, model=one.encoder(), runtime=Runtime.of(cache=Path(cache)))
        made = defaultdict(list)
        for row in run.rows():
            if row["negative"] not in made[row["anchor_id"]]:
                made[row["anchor_id"]].append(row["negative"])
    return dict(made)


def oracle(one: Set, count: int) -> Chosen:
    """Ours, with all positives known: none is a negative, and the bar is the shown one's as before."""
    if not one.truth:
        raise SystemExit(f"A10 knows hidden positives, and {one.name} has none: no qrels/train_full.tsv")
    dataset = one.train
    row_of = {name: row for row, name in enumerate(dataset.corpus.ids(np.arange(len(dataset.corpus))))}
    spans = [np.sort([row_of[p] for p in one.truth[name]]) for name in dataset.queries.ids(np.arange(len(dataset.queries)))]
    indptr = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    same = SameQuestions(np.arange(len(spans), dtype=np.int32), indptr, np.concatenate(spans).astype(np.int32))
    place = one.work / "oracle"  # the miner reads the files, not the object
    place.mkdir(exist_ok=True)
    for name in ("queries.arrow", "corpus.arrow"):
        shutil.copyfile(dataset.corpus.path.parent / name, place / name)
    replace(dataset, qrels=replace(dataset.qrels, same_questions=same)).save(place)
    return mined(one, Dataset.open(place), count)


def theirs(**settings: object) -> Arm:
    """sentence-transformers' mine_hard_negatives, its texts matched back to queries."""

    def chosen(one: Set, count: int) -> Chosen:
        from datasets import Dataset as Table
        from sentence_transformers.util import mine_hard_negatives

        rows = rows_of(one.train, None)
        pairs = Table.from_dict({"anchor": [row.query for row in rows], "positive": [row.passages[0] for row in rows]})
        corpus = one.train.corpus.texts(np.arange(len(one.train.corpus)))
        how = {"num_negatives": count, "use_faiss": True, "verbose": False, "output_format": "triplet", **settings}
        found = defaultdict(list)
        for row in mine_hard_negatives(pairs, one.model, corpus=corpus, **how):
            if row["negative"] not in found[row["anchor"]]:
                found[row["anchor"]].append(row["negative"])
        return {row.query_id or "": found[row.query][:count] for row in rows if row.query in found}

    return chosen


ARMS: dict[str, Arm] = {
    "A2": random_passages,
    "A3": ours(sources=("bm25",), filters=PLAIN, ladder=0),
    "A4": theirs(),
    "A5": theirs(relative_margin=0.05, range_max=100),
    "A5r": theirs(relative_margin=0.05, range_max=100),
    "A6": theirs(range_min=10),
    "A7": ours(filters=(*PLAIN, "ranks:skip=10,last=210,of=raw"), sampler="uniform", depth=210, ladder=0),
    "A8": ours(),
    "A8o": ours(filters=("near_positive:cosine=0.9", "nearest:off", "margin:relative=0.05,background=0.3,relax=true")),
    "A8h": ours(preset="hard"),
    "A10": oracle,
}
