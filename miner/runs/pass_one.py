"""Pass 1 on disk: encode, search and measure, block by block; a block that lies there already is completed, not searched again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from miner.config import MiningConfig
from miner.core.retrieval import BLOCK, Retrieval, deep_search_settings, short_queries
from miner.evidence import EVIDENCE, TABLES
from miner.evidence.passage_vectors import HalfVectors
from miner.indexes import AUTO, EXACT, limit_threads
from miner.runs.candidate_store import CandidateWriter, blocks, positive_scores, read_block
from miner.runs.index_tuning import measure_recall, note_recall
from miner.runs.judge_pass import Deepen, JudgePass
from miner.runs.open_source import open_source
from miner.runs.run_context import MAX_PARALLEL_BLOCKS, RunContext
from miner.runs.run_folder import Target
from miner.sources import BM25, Dense, Fused, Recall
from miner.support.parallel import in_order, processors
from miner.types import Block, Candidates, Dataset, Ints, ModelDescription, RetrievalMetadata, RetrievalSection, Vectors


def first_model(vectors: Mapping[str, Vectors]) -> ModelDescription | None:
    """What the manifest says about the model; None where nothing is encoded."""
    return next((source_vectors.describe() for source_vectors in vectors.values()), None)


def first_vectors(vectors: Mapping[str, Vectors], config: MiningConfig) -> Vectors | None:
    """The vectors of the first source, whose scores count; None where it encodes nothing."""
    return vectors.get(next(iter(config.active_sources)))


def first_pass(dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, target: Target, scratch: Path) -> None:
    """Encode, search, measure: every block that is missing in `target`. scratch: an empty folder for matrices."""
    config = context.config.without_judges()
    source = open_source(dataset, config, vectors, scratch, context.stage)
    with context.stage("retrieve"):
        recall = measure_recall(source, dataset, config)
        if "vectors" in config.measured:
            HalfVectors(source).save(target.folder)
        metadata: RetrievalMetadata = {
            "similarity": source.scale,
            "depth": config.depth,
            "max_depth": config.deepest,
            "evidence": list(config.measured),
        }
        retrieval, writer = Retrieval(dataset, source, config), CandidateWriter(target.blocks, dataset, metadata)
        missing = writer.missing(len(retrieval))
        _write_blocks(missing, lambda number: writer.write(number, retrieval(number)), len(retrieval), retrieval.queries, context)
        if len(missing) < len(retrieval):
            _complete(retrieval, writer, incomplete_blocks(target.blocks, config), context)
    context.retrieval = _section(source, config, metadata, recall)
    judge_candidates(dataset, context, target, context.retrieval, retrieval.deepened)


def judge_candidates(
    dataset: Dataset, context: RunContext, target: Target, section: RetrievalSection, deepen: Deepen | None = None
) -> None:
    """Let the second judges score what these settings ask them about; what they are is written into `section`."""
    section.pop("judges", None)
    if context.config.judges:
        with context.stage("judge"):
            writer = CandidateWriter(target.blocks, dataset, _metadata(section))
            section["judges"] = JudgePass(dataset, context, target.blocks, writer).run(deepen)


def _section(source: Dense | BM25 | Fused, config: MiningConfig, metadata: RetrievalMetadata, recall: Recall | None) -> RetrievalSection:
    """What the manifest says of a pass 1 that was made here."""
    section: RetrievalSection = {
        "similarity": metadata["similarity"],
        "depth": metadata["depth"],
        "max_depth": metadata["max_depth"],
        "evidence": metadata["evidence"],
        "index": EXACT if config.index == AUTO else config.index,
        "recall": None,
        "distinct_passages": len(source.passage_rows),
        "sources": dict(zip(config.active_sources, source.describe(), strict=True)),
    }
    note_recall(section, recall, config)
    return section


def complete_first_pass(
    dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, retrieval: RetrievalSection, target: Target, scratch: Path
) -> None:
    """Add what these settings need and earlier ones did not: deep lists of short queries, evidence. Nothing is searched twice.

    retrieval: what the manifest says of the stored candidates; what is added is written into it.
    """
    config, context.retrieval = context.config.without_judges(), retrieval
    with context.stage("check candidates"):
        incomplete = incomplete_blocks(target.blocks, config)
        needs_vectors = "vectors" in config.measured and not (target.folder / "vectors.npy").exists()
    open_once = cache(partial(open_source, dataset, config, vectors, scratch, context.stage))
    if incomplete or needs_vectors:
        retrieval["evidence"] = [name for name in (*EVIDENCE, *TABLES) if name in {*config.measured, *retrieval["evidence"]}]
        source = open_once()
        with context.stage("retrieve"):
            if needs_vectors:
                HalfVectors(source).save(target.folder)
            writer = CandidateWriter(target.blocks, dataset, _metadata(retrieval))
            _complete(Retrieval(dataset, source, config), writer, incomplete, context)

    def deepen(part: Candidates, queries: Ints) -> Candidates:
        return Retrieval(dataset, open_once(), config).deepened(part, queries)

    judge_candidates(dataset, context, target, retrieval, deepen)


def _metadata(section: RetrievalSection) -> RetrievalMetadata:
    """What each file of the candidates says of them all."""
    return {
        "similarity": section["similarity"],
        "depth": section["depth"],
        "max_depth": section["max_depth"],
        "evidence": section["evidence"],
    }


def incomplete_blocks(candidates: Path, config: MiningConfig) -> list[int]:
    """Blocks that other settings left without something that these need: evidence, or the deep list of a query that runs short."""
    evidence = [name for name in config.measured if name in EVIDENCE]
    all_scores = positive_scores(candidates)
    shared = {"population": np.sort(all_scores[~np.isnan(all_scores)])}

    def is_incomplete(block: Block) -> bool:
        if any(name not in part.evidence for part in (*block.within, *block.deep) for name in evidence):
            return True
        if block.deepened_for == deep_search_settings(config):
            return False
        deep = np.concatenate([np.empty(0, dtype=np.int64), *(part.queries for part in block.deep)])
        return any(len(np.setdiff1d(short_queries(replace(part, shared=shared), config), deep)) for part in block.within)

    return [number for number, file in enumerate(blocks(candidates)) if is_incomplete(read_block(file, config.depth))]


def _complete(retrieval: Retrieval, writer: CandidateWriter, incomplete: list[int], context: RunContext) -> None:
    _write_blocks(
        incomplete,
        lambda number: writer.write(number, retrieval.completed(writer.read(number))),
        len(incomplete),
        retrieval.queries,
        context,
    )


def _write_blocks(incomplete: list[int], write: Callable[[int], None], blocks: int, queries: int, context: RunContext) -> None:
    """Several blocks at a time: one thread each is faster than all threads for one after the other."""
    threads = context.runtime.threads or processors()
    at_once = max(1, min(threads, MAX_PARALLEL_BLOCKS, len(incomplete)))
    for done, _ in enumerate(
        in_order(write, incomplete, at_once, partial(limit_threads, max(1, threads // at_once))), blocks - len(incomplete) + 1
    ):
        context.progress("retrieve", min(done * BLOCK, queries), queries)
