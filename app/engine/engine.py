"""The engine of POST /v1/mine: a loaded model, open corpora, and `mine` for one request, in memory. Knows no HTTP.

It runs the passes of the library, so a request gets the same rows as a run over the same data and config.
torch and faiss are imported when a model is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TypedDict

import numpy as np
import orjson

from app.engine.corpus_cache import CorpusCache
from app.engine.inline_dataset import inline_dataset
from app.engine.open_corpus import OpenCorpus
from app.engine.vector_cache import VectorCache
from app.metrics import Metrics
from app.schemas import MineRequest, Query
from app.settings import SERVED_SETTINGS, Settings
from app.storage.corpora import Corpora
from miner.config import MiningConfig
from miner.core.choosing import Chooser
from miner.core.retrieval import retrieve
from miner.encode import StoredVectors, load_encoder
from miner.errors import ConfigError, InputError
from miner.evidence.passage_vectors import HalfVectors
from miner.formats import FORMATS, RowWriter
from miner.io.atomic import storing
from miner.io.scratch import scratch
from miner.read import read_inline
from miner.read.assemble import work_folder
from miner.read.beir_folder import BARE_PASSAGE
from miner.read.column_names import PASSAGES
from miner.read.file_rows import open_rows
from miner.read.text_writer import read_texts
from miner.report import Tally
from miner.report.selection import IncompleteQueries
from miner.sources import Dense
from miner.sources.scoring import to_unit
from miner.types import Candidates, Dataset, Floats, Ints, ModelDescription, Texts


class RequestReport(TypedDict):
    """The counts of one request; see `app.schemas.Report`."""

    rows: int
    rows_repeated: int
    passages: int
    queries: int
    anchors: int
    judged: int
    kept: int
    dropped: dict[str, int]
    tiers: dict[str, int]
    relaxed: dict[str, int]
    ran_short: IncompleteQueries


@dataclass(frozen=True)
class MiningResult:
    """The training rows, each as JSON; the counts of the run; the resolved config."""

    rows: list[bytes]
    report: RequestReport
    config: MiningConfig


class EngineDescription(TypedDict):
    """What is served: the model, the settings that the operator has set, the number of passages of the open corpus."""

    model: ModelDescription
    served: dict[str, object]
    passages: int | None


class Engine:
    """A loaded model and the open corpora. `mine` is thread-safe."""

    def __init__(self, settings: Settings, corpora: Corpora, metrics: Metrics | None = None) -> None:
        """Load the model, then read, encode and index the corpus: seconds, or hours for a large one that is not in the store yet."""
        self._closing = ExitStack()
        self.serving = settings.serving
        encoder = load_encoder(settings.loading, settings.runtime)
        encoder.set_name(self.serving.model or "")  # the public name, not the folder
        self.vectors = VectorCache(encoder, metrics)
        self.corpora = CorpusCache(corpora, self.vectors, self.serving.index, settings.warm_corpora)
        self.corpus = self._open(settings.corpus, StoredVectors(encoder, settings.cache), settings.cache) if settings.corpus else None
        # Warm-up: the first request is as fast as the others, and a model with invalid vectors fails now.
        self.mine(MineRequest(queries=[Query(id="-", text="one", positive_texts=["two"])], passages=[]))

    def describe(self) -> EngineDescription:
        """Model and corpus, for /v1/info."""
        served = {name: getattr(self.serving, name) for name in SERVED_SETTINGS}
        return {"model": self.vectors.describe(), "served": served, "passages": len(self.corpus.texts) if self.corpus else None}

    def mine(self, request: MineRequest) -> MiningResult:
        """Mine for one request: both passes over its queries and passages. ConfigError, InputError."""
        config = self._resolve(request.config)
        corpus = self.corpora.get(request.corpus) if request.corpus else self.corpus if request.passages is None else None
        if corpus and (dataset := inline_dataset(request.queries, corpus)):
            return _mine(dataset, corpus.with_queries(self._unit(dataset.queries)), config)
        with scratch() as folder, storing(folder):
            dataset, source = self._inputs(request, corpus, folder, config)
            return _mine(dataset, source, config)

    def close(self) -> None:
        """Remove the temporary files of the corpus."""
        self._closing.close()

    @lru_cache(maxsize=256)  # noqa: B019 - one engine, as long as the server; a config's parts are built once
    def _resolve(self, config: MiningConfig) -> MiningConfig:
        """The request's config with the operator's model and index. ConfigError where the request sets another one."""
        _refuse_job_settings(config)
        for name in SERVED_SETTINGS:
            default, served = MiningConfig.model_fields[name].default, getattr(self.serving, name)
            if getattr(config, name) not in (default, served):
                raise ConfigError(f"config.{name} is set by the server, to {served!r}: leave it out")
        if FORMATS[config.output_format].layout:
            row_formats = ", ".join(name for name, shape in FORMATS.items() if not shape.layout)
            raise ConfigError(
                f"output format '{config.output_format}' is a folder of files, which no single answer can carry; choose {row_formats}"
            )
        if config.sources != self.serving.sources:
            raise ConfigError("config.sources cannot be set here: the server searches with its own model, so leave it out")
        return config.model_copy(update={name: getattr(self.serving, name) for name in SERVED_SETTINGS})

    def _inputs(self, request: MineRequest, corpus: OpenCorpus | None, folder: Path, config: MiningConfig) -> tuple[Dataset, Dense]:
        if corpus:
            return self._over_corpus(corpus, request.queries, folder)
        queries, passages = ([part.model_dump() for part in parts] for parts in (request.queries, request.passages or []))
        dataset = read_inline(queries, passages, folder)
        return dataset, Dense(dataset, self.vectors, folder)  # exactly: an index of many lists cannot be built of few passages

    def _over_corpus(self, corpus: OpenCorpus, queries: Sequence[Query], folder: Path) -> tuple[Dataset, Dense]:
        """The queries over an open corpus: read with their positives as a small corpus, then mapped to the rows of the open one."""
        if any(query.positive_texts for query in queries):
            raise InputError("positive_texts go with passages; positives in the open corpus are named by id, in positives")
        ids = sorted({name for query in queries for name in (*query.positives, *query.non_relevant)})
        rows = corpus.by_id.rows(ids)
        positive_rows = rows[rows >= 0]
        columns = (corpus.texts.column(name, positive_rows) for name in ("id", "title", "text"))
        passages = [dict(zip(("id", "title", "text"), values, strict=True)) for values in zip(*columns, strict=True)]
        if not passages:
            raise InputError("none of the positives is in the corpus")
        small = read_inline([query.model_dump() for query in queries], passages, folder)
        dataset = replace(small, corpus=corpus.texts, qrels=small.qrels.over(positive_rows))
        return dataset, corpus.with_queries(self._unit(dataset.queries))

    def _unit(self, queries: Texts) -> Floats:
        """The vectors of the queries, shape (Q, D), normalised to length one for cosine similarity."""
        vectors = self.vectors.vectors(queries, np.arange(len(queries)), "query")
        if self.vectors.similarity == "cosine":
            to_unit(vectors)
        return vectors

    def _open(self, name: str, vectors: StoredVectors, cache: Path) -> OpenCorpus:
        """Open the file or folder of passages that the operator has named, and encode it."""
        with storing(cache):
            cache.mkdir(parents=True, exist_ok=True)
            folder = self._closing.enter_context(scratch(cache, ".serving-"))
        file = next(iter(sorted(Path(name).glob("corpus.*"))), Path(name)) if Path(name).is_dir() else name
        with work_folder(folder, "fail") as (into, rejects):
            texts = read_texts(open_rows(str(file), rejects, {}, BARE_PASSAGE), PASSAGES, {}, into / "corpus.arrow", rejects).texts
        # A source needs at least one query: a placeholder whose positive is the first passage.
        passage = {name: texts.column(name, [0])[0] for name in ("id", "title", "text")}
        query_dataset = read_inline([{"id": "-", "text": "-", "positives": [passage["id"]]}], [passage], folder / "one")
        source = Dense(Dataset(query_dataset.queries, texts, query_dataset.qrels), vectors, folder, self.serving.index)
        return OpenCorpus("the open corpus", texts, source)


def _refuse_job_settings(config: MiningConfig) -> None:
    """ConfigError for a setting that only jobs have."""
    if config.recall is not None:
        raise ConfigError("config.recall is for jobs: the index is set by the server here, so leave it out")
    if config.judges:
        raise ConfigError("second judges are used by jobs only: leave judges out")
    if "verdict" in config.active_filters or config.false_negatives == "adopt":
        raise ConfigError("verdicts are used by jobs only: leave filter 'verdict' and false_negatives out")
    if config.variations:
        raise ConfigError("config.variations is for jobs, which write a run folder: leave it out here")


def _mine(dataset: Dataset, source: Dense, config: MiningConfig) -> MiningResult:
    """Run both passes in memory: retrieve, choose, format."""
    blocks = list(retrieve(dataset, source, config))
    positive_scores = np.concatenate([part.positive_scores.ravel() for block in blocks for part in block.within])
    chooser = Chooser(dataset, config, positive_scores, {"vectors": HalfVectors(source)})
    chooser.allot(lambda: blocks)
    tally = Tally(list(config.active_filters), config.negatives, config.depth, source.similarity)
    columns = {*config.columns, *(["tiers"] if config.fill != "none" else [])}
    writer = RowWriter(FORMATS[config.output_format], dataset, columns)
    rows: list[bytes] = []
    for part in _by_id([part for block in blocks for part in chooser.lists_in_use(block)], dataset):
        anchors, dropped, negatives = chooser.choose(part)
        tally.add(anchors, dropped, negatives)
        rows += map(orjson.dumps, writer(negatives))
    counts = tally.counts(dataset)
    report: RequestReport = {
        "rows": len(rows),
        "rows_repeated": writer.repeated,
        "passages": len(dataset.corpus),
        "queries": counts["queries"],
        "anchors": counts["anchors"],
        "judged": counts["judged"],
        "kept": counts["kept"],
        "dropped": counts["dropped"],
        "tiers": counts["tiers"],
        "relaxed": counts["relaxed"],
        "ran_short": counts["ran_short"],
    }
    return MiningResult(rows, report, config)


def _by_id(parts: list[Candidates], dataset: Dataset) -> Iterator[Candidates]:
    """The anchors of all parts, ordered by query id. A query that was searched deeper is in a part of its own."""
    if len(parts) == 1:
        yield parts[0]
        return
    rank: Ints = np.empty(len(dataset.queries), dtype=np.int64)
    rank[dataset.queries.id_order] = np.arange(len(rank))
    order = sorted(
        (int(rank[query]), number, index) for number, part in enumerate(parts) for index, query in enumerate(part.queries.tolist())
    )
    for number, run in groupby(order, key=lambda entry: entry[1]):
        yield parts[number].take(np.array([index for _, _, index in run], dtype=np.int64))
