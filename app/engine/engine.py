"""The service's door to the library: a model kept loaded, a corpus kept open, and `mine` for one request, in memory.

The passes are the library's own, so a request gets the very rows that a run over the same data and config writes. Knows no HTTP.
torch and faiss are imported when a model is opened, not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.engine.corpus_cache import Shelf
from app.engine.inline_dataset import plain_dataset
from app.engine.open_corpus import OpenCorpus
from app.engine.vector_cache import WarmVectors
from app.metrics import Metrics
from app.schemas import MineRequest, Query
from app.settings import SERVED, Settings
from app.storage.corpora import Corpora
from miner.config import MiningConfig
from miner.core.pipeline import Chooser, retrieve
from miner.encode import StoredVectors, load_encoder
from miner.errors import ConfigError, InputError
from miner.evidence.passage_vectors import HalfVectors
from miner.formats import FORMATS, RowWriter
from miner.io.atomic import storing
from miner.io.scratch import scratch
from miner.read import read_inline
from miner.read.assemble import work_folder
from miner.read.column_names import CORPUS
from miner.read.file_rows import open_rows
from miner.read.text_writer import read_texts
from miner.report import Tally
from miner.sources import Dense
from miner.sources.scoring import to_unit
from miner.types import Candidates, Dataset, Floats, Ints, Texts


@dataclass(frozen=True)
class Mined:
    """Training rows, one JSON object each; what became of everything; the resolved config."""

    rows: list[bytes]
    report: dict[str, Any]
    config: MiningConfig


class Engine:
    """One model, kept loaded, and the corpora that are open. `mine` may be called from several threads."""

    def __init__(self, settings: Settings, corpora: Corpora, metrics: Metrics | None = None) -> None:
        """Load the model, then read, encode and index the corpus: seconds, or hours for a large one that is not in the store yet."""
        self._closing = ExitStack()
        self.serving = settings.serving
        encoder = load_encoder(settings.loading, settings.runtime)
        encoder.name = self.serving.model or ""  # where it lies is nobody's business
        self.vectors = WarmVectors(encoder, metrics)
        self.shelf = Shelf(corpora, self.vectors, self.serving.index, settings.warm_corpora)
        self.corpus = self._open(settings.corpus, StoredVectors(encoder, settings.cache), settings.cache) if settings.corpus else None
        # The first request pays for nothing, and a model that answers with nonsense is found out now.
        self.mine(MineRequest(queries=[Query(id="-", text="one", positive_texts=["two"])], passages=[]))

    def describe(self) -> dict[str, Any]:
        """Model and corpus, for /v1/info."""
        served = {name: getattr(self.serving, name) for name in SERVED}
        return {"model": self.vectors.describe(), "served": served, "passages": len(self.corpus.texts) if self.corpus else None}

    def mine(self, request: MineRequest) -> Mined:
        """Both passes over what the request brings. ConfigError, InputError when it is wrong."""
        config = self._resolved(request.config)
        corpus = self.shelf.get(request.corpus) if request.corpus else self.corpus if request.passages is None else None
        if corpus and (dataset := plain_dataset(request.queries, corpus)):
            return _mined(dataset, corpus.asked(self._unit(dataset.queries)), config)
        with scratch() as folder, storing(folder):
            dataset, source = self._inputs(request, corpus, folder, config)
            return _mined(dataset, source, config)

    def close(self) -> None:
        """Give the corpus' temporary files back."""
        self._closing.close()

    @lru_cache(maxsize=256)  # noqa: B019 - one engine, as long as the server; a config's parts are built once
    def _resolved(self, config: MiningConfig) -> MiningConfig:
        """The request's config with the operator's model and index; it may name them, and nothing else."""
        for name in SERVED:
            usual, served = MiningConfig.model_fields[name].default, getattr(self.serving, name)
            if getattr(config, name) not in (usual, served):
                raise ConfigError(f"config.{name} is set by the server, to {served!r}: leave it out")
        if FORMATS[config.output_format].layout:
            single = ", ".join(name for name, shape in FORMATS.items() if not shape.layout)
            raise ConfigError(
                f"output format '{config.output_format}' is a folder of files, which no single answer can carry; choose {single}"
            )
        if config.sources != self.serving.sources:
            raise ConfigError("config.sources cannot be set here: the server searches with its own model, so leave it out")
        if "verdict" in config.active_filters or config.false_negatives == "adopt":
            raise ConfigError("verdicts are heeded by jobs only: leave filter 'verdict' and false_negatives out")
        return config.model_copy(update={name: getattr(self.serving, name) for name in SERVED})

    def _inputs(self, request: MineRequest, corpus: OpenCorpus | None, folder: Path, config: MiningConfig) -> tuple[Dataset, Dense]:
        queries = [query.model_dump() for query in request.queries]
        if corpus:
            return self._against(corpus, queries, folder)
        dataset = read_inline(queries, [passage.model_dump() for passage in request.passages or []], folder)
        return dataset, Dense(dataset, self.vectors, folder, config.index)

    def _against(self, corpus: OpenCorpus, queries: list[dict[str, Any]], folder: Path) -> tuple[Dataset, Dense]:
        """The queries over the open corpus: read with their positives as a small corpus, whose rows are then the large one's."""
        if any(query["positive_texts"] for query in queries):
            raise InputError("positive_texts go with passages; positives in the open corpus are named by id, in positives")
        ids = sorted({name for query in queries for name in (*query["positives"], *query["non_relevant"])})
        rows = corpus.by_id.rows(ids)
        known = rows[rows >= 0]
        columns = (corpus.texts.column(name, known) for name in ("id", "title", "text"))
        passages = [dict(zip(("id", "title", "text"), values, strict=True)) for values in zip(*columns, strict=True)]
        if not passages:
            raise InputError("none of the positives is in the corpus")
        small = read_inline(queries, passages, folder)
        over = replace(small, corpus=corpus.texts, qrels=small.qrels.over(known))
        return over, corpus.asked(self._unit(over.queries))

    def _unit(self, queries: Texts) -> Floats:
        """Their vectors (Q, D), of length one where the model compares by cosine."""
        found = self.vectors.vectors(queries, np.arange(len(queries)), "query")
        if self.vectors.similarity == "cosine":
            to_unit(found)
        return found

    def _open(self, name: str, vectors: StoredVectors, cache: Path) -> OpenCorpus:
        """A file of passages that the operator has named."""
        with storing(cache):
            cache.mkdir(parents=True, exist_ok=True)
            folder = self._closing.enter_context(scratch(cache, ".serving-"))
        file = next((found for found in sorted(Path(name).glob("corpus.*"))), Path(name)) if Path(name).is_dir() else name
        with work_folder(folder, "fail") as (into, rejects):
            texts = read_texts(open_rows(str(file), rejects, {}), CORPUS, {}, into / "corpus.arrow", rejects).texts
        # A source has queries, so it gets one: the first passage.
        first = {name: texts.column(name, [0])[0] for name in ("id", "title", "text")}
        one = read_inline([{"id": "-", "text": "-", "positives": [first["id"]]}], [first], folder / "one")
        source = Dense(Dataset(one.queries, texts, one.qrels), vectors, folder, self.serving.index)
        return OpenCorpus("the open corpus", texts, source)


def _mined(dataset: Dataset, source: Dense, config: MiningConfig) -> Mined:
    """What a run does on disk, in memory: retrieve, choose, shape."""
    blocks = list(retrieve(dataset, source, config))
    known = np.concatenate([part.positive_scores.ravel() for block in blocks for part in block.within])
    chooser = Chooser(dataset, config, known, {"vectors": HalfVectors(source)})
    chooser.allot(lambda: blocks)
    tally = Tally(list(config.active_filters), config.negatives, config.depth, source.similarity)
    columns = {*config.columns, *(["tiers"] if config.fill != "none" else [])}
    written = RowWriter(FORMATS[config.output_format], dataset, columns)
    rows: list[bytes] = []
    for part in _by_id([part for block in blocks for part in chooser.searched(block)], dataset):
        anchors, dropped, negatives = chooser.choose(part)
        tally.add(anchors, dropped, negatives)
        rows += map(orjson.dumps, written(negatives))
    counts = tally.counts(dataset)
    report = {name: counts[name] for name in ("queries", "anchors", "judged", "kept", "dropped", "tiers", "relaxed", "ran_short")}
    return Mined(rows, {"rows": len(rows), "rows_repeated": written.repeated, "passages": len(dataset.corpus), **report}, config)


def _by_id(parts: list[Candidates], dataset: Dataset) -> Iterator[Candidates]:
    """The same anchors, in pieces that follow each other by query id: a query that was searched deeper stands in another part."""
    if len(parts) == 1:
        yield parts[0]
        return
    rank: Ints = np.empty(len(dataset.queries), dtype=np.int64)
    rank[dataset.queries.id_order] = np.arange(len(rank))
    places = sorted(
        (int(rank[query]), which, place) for which, part in enumerate(parts) for place, query in enumerate(part.queries.tolist())
    )
    for which, run in groupby(places, key=lambda found: found[1]):
        yield parts[which].take(np.array([place for _, _, place in run], dtype=np.int64))
