"""Data sets of the experiment: a sample of training queries over the whole corpus, dev and test queries, their texts as bags."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from student import Bags, Cut, table_of

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Encoder, load_encoder
from miner.evaluation.measures import measure
from miner.read import read
from miner.read.text_writer import rewrite
from miner.runs.subset import sample
from miner.support.noise import generator
from miner.types import Dataset, Floats, Qrels, Texts

MEASURE, FULL = "ndcg@10", "train_full.tsv"
BLOCK = 512


class Set:
    """One data set in `work`: train (a Dataset), the bags of all its texts, dev and test as `Judged`, and the student's table at first.

    truth: {query id: ids of all its positives} where qrels/train_full.tsv says that train.tsv shows a part. Dev is
    then a part of train, as it is where there is no dev.tsv.
    """

    def __init__(self, name: str, folder: Path, work: Path, student: str, *, queries: int = 8000, dev: int = 500) -> None:
        self.name, self.folder, self.work, self.student = name, folder, work / "sets" / name, student
        self.kept: dict[Any, Any] = {}
        """What cells made and others can use."""
        self.model = load_encoder(MiningConfig.of(model=student), Runtime.of()).model
        self.train, dev_queries = self._train(queries, dev)
        test = read(Inputs.of(data=str(folder), split=("test",)), None)
        self.bags = self._bags([self.train.corpus, self.train.queries, dev_queries.queries, test.queries])
        self.table = table_of(self.model, self.bags)
        some = generator(0, "dev").permutation(len(dev_queries.queries))[:dev]
        self.dev, self.test = Judged(dev_queries, self.bags, np.sort(some)), Judged(test, self.bags)

    def encoder(self) -> Encoder:
        """The model as it is now, for our miner."""
        return Cut(self.model, self.student, self.bags)

    @cached_property
    def truth(self) -> dict[str, list[str]]:
        """See the class; empty where all is shown."""
        if not (self.folder / "qrels" / FULL).is_file():
            return {}
        full = read(Inputs.of(data=str(self.folder), split=("train_full",)), None)
        names = full.queries.ids(np.arange(len(full.queries)))
        return {name: full.corpus.ids(full.qrels.positives(row)) for row, name in enumerate(names)}

    def _train(self, queries: int, dev: int) -> tuple[Dataset, Dataset]:
        """At most so many training queries, drawn once, with every passage; and what dev is drawn from."""
        shown = (self.folder / "qrels" / FULL).is_file()
        held = shown or not (self.folder / "qrels" / "dev.tsv").is_file()
        place, rest = self.work / "train", self.work / "dev"
        if not (self.work / "done").is_file():
            files = {name: str(self.folder / f"{name}.jsonl") for name in ("corpus", "queries")}
            hiding = Inputs.of(**files, qrels=(str(self.folder / "qrels" / "train.tsv"),))  # read as a folder, all its qrels are known
            whole = read(hiding if shown else Inputs.of(data=str(self.folder), split=("train",)), self.work / "whole")
            sample(whole, place, min(queries, len(whole.queries) - dev * held), len(whole.corpus))
            (self.work / "done").touch()
        train = Dataset.open(place)
        if not held:
            return train, read(Inputs.of(data=str(self.folder), split=("dev",)), None)
        full = read(Inputs.of(data=str(self.folder), split=("train_full" if shown else "train",)), None)
        taken = set(train.queries.ids(np.arange(len(train.queries))))
        left = [row for row, name in enumerate(full.queries.ids(np.arange(len(full.queries)))) if name not in taken]
        return train, pick(full, np.array(left), rest)

    def _bags(self, parts: list[Any]) -> Bags:
        path = self.work / "bags.pickle"  # written and read by this script alone
        if not path.is_file():
            made = Bags([text for part in parts for text in texts_of(part)], self.model[0].tokenizer)
            made.forget()
            path.write_bytes(pickle.dumps(made))
        found: Bags = pickle.loads(path.read_bytes())
        found.know(self.model[0].tokenizer)
        return found


class Judged:
    """Queries with judgements over the set's corpus: ranked exactly by one matrix product a block, ties by passage id."""

    def __init__(self, dataset: Dataset, bags: Bags, some: np.ndarray | None = None) -> None:
        rows = np.arange(len(dataset.queries)) if some is None else some
        self._bags, self._qrels = bags, judgements(dataset.qrels, rows)
        self._queries = bags.numbers(dataset.queries.texts(rows))
        self._rows = dataset.corpus.id_order
        self._passages = bags.numbers(dataset.corpus.texts(self._rows))

    def __call__(self, table: Floats) -> np.ndarray:
        """Shape (queries,): nDCG@10 of each with this table."""
        queries, passages = self._bags.vectors(table, self._queries), self._bags.vectors(table, self._passages)
        best = np.concatenate([top(queries[at : at + BLOCK] @ passages.T, 10) for at in range(0, len(queries), BLOCK)])
        return measure(self._qrels, self._rows[best], (MEASURE,))[MEASURE]


def top(scores: Floats, depth: int) -> np.ndarray:
    """Columns of the best scores, best first, the earlier column of equals."""
    depth = min(depth, scores.shape[1])
    bar = np.partition(scores, -depth, axis=1)[:, -depth]
    made = np.empty((len(scores), depth), dtype=np.int64)
    for place, row in enumerate(scores):
        found = np.flatnonzero(row >= bar[place])
        made[place] = found[np.argsort(-row[found], kind="stable")][:depth]
    return made


def judgements(qrels: Qrels, queries: np.ndarray) -> Qrels:
    """Those of some queries, in their order."""
    spans = [np.arange(*qrels.indptr[query : query + 2]) for query in queries.tolist()]
    kept = np.concatenate([np.empty(0, dtype=np.int64), *spans])
    indptr = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    return Qrels(indptr, qrels.rows[kept], qrels.grades[kept], qrels.min_grade)


def pick(dataset: Dataset, queries: np.ndarray, folder: Path) -> Dataset:
    """The same corpus with some of the queries."""
    folder.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(len(dataset.queries), dtype=bool)
    mask[queries] = True
    rewrite([(dataset.queries.path, mask)], folder / "queries.arrow")
    return replace(dataset, queries=Texts(folder / "queries.arrow"), qrels=judgements(dataset.qrels, queries))


def texts_of(texts: Texts) -> list[str]:
    """All of them, titles joined."""
    return [text for batch in texts.all_texts() for text in batch]
