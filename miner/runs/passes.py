"""The two passes on disk: candidates block by block, then the training file, the report and the manifest.

Owns the order of the stages and the time each took; where a run goes and what becomes of it afterwards is `run.py`'s.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.core.retrieval import BLOCK, Retrieval, deepening, short_queries
from miner.evidence import EVIDENCE, TABLES
from miner.evidence.passage_vectors import HalfVectors
from miner.formats import FORMATS, RowWriter, open_training
from miner.indexes import limit_threads
from miner.io.row_files import sha256_of, write_bytes, write_json
from miner.page import page
from miner.report import LEFT_OUT, LeftOut, Tally, notes
from miner.runs import manifest as manifests
from miner.runs.candidate_store import CandidateWriter, about, blocks, check_belongs, positive_scores, read_block
from miner.runs.open_source import open_source
from miner.runs.rechoose import chooser as chooser_of
from miner.runs.run_folder import Target
from miner.runs.verdict_files import FILE as VERDICTS
from miner.support.parallel import in_order, processors
from miner.types import SAME, Block, Candidates, Codes, Dataset, Negatives, Progress, Vectors

log = logging.getLogger(__name__)

MAX_PARALLEL_BLOCKS = 8
"""Blocks in the making at the same time: each holds some 60 MB at depth 1,000."""

SHARED_ARTIFACTS = ("candidates.parquet", "vectors.npy")
"""Of pass 1: what an export shares with the run it was made from."""

DATA_FILES = ("queries.arrow", "corpus.arrow", "qrels.arrow", SAME)
DATASET_FILES = (*DATA_FILES, "dataset.json", "errors.jsonl")


class RunContext:
    """Config, runtime, progress and the time each stage took."""

    def __init__(self, config: MiningConfig, runtime: Runtime, on_progress: Progress | None) -> None:
        self.config, self.runtime, self.timings = config, runtime, dict[str, float]()
        self.progress: Progress = on_progress or no_progress
        self.retrieval: dict[str, Any] = {}
        self.hashes: dict[Path, str] = {}

    def sha256_of(self, path: Path) -> str:
        """Of a file or folder that the run is done with: read once."""
        if path not in self.hashes:
            self.hashes[path] = sha256_of(path)
        return self.hashes[path]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs inside takes this stage's time."""
        started = time.perf_counter()
        self.progress(name, 0, 0)
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)
        log.info("%s took %.1f s", name, self.timings[name])


def no_progress(stage: str, done: int, total: int) -> None:
    """Nobody is watching."""


def first_model(vectors: Mapping[str, Vectors]) -> dict[str, Any] | None:
    """What the manifest says about the model; None where nothing is encoded."""
    return next((source_vectors.describe() for source_vectors in vectors.values()), None)


def first_pass(dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, target: Target, scratch: Path) -> None:
    """Encode, search, measure: every block that is missing in `target`. scratch: an empty folder for matrices."""
    config = context.config
    source = open_source(dataset, config, vectors, scratch, context.stage)
    with context.stage("retrieve"):
        recall = source.measure_recall(config.depth)
        if "vectors" in config.measured:
            HalfVectors(source).save(target.folder)
        metadata = {"similarity": source.scale, "depth": config.depth, "max_depth": config.deepest, "evidence": list(config.measured)}
        retrieval, writer = Retrieval(dataset, source, config), CandidateWriter(target.blocks, dataset, metadata)
        missing = writer.missing(len(retrieval))
        _write_blocks(missing, lambda number: writer.write(number, retrieval(number)), len(retrieval), retrieval.queries, context)
        if len(missing) < len(retrieval):
            _complete(retrieval, writer, incomplete_blocks(target.blocks, config), context)
    distinct = len(source.passage_rows)
    sources = dict(zip(config.active_sources, source.describe(), strict=True))
    context.retrieval = {**metadata, "index": config.index, "recall": recall, "distinct_passages": distinct, "sources": sources}


def complete_first_pass(dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, target: Target, scratch: Path) -> None:
    """Add what these settings need and earlier ones did not: deep lists of short queries, evidence. Nothing is searched twice."""
    config = context.config
    with context.stage("check candidates"):
        incomplete = incomplete_blocks(target.blocks, config)
        needs_vectors = "vectors" in config.measured and not (target.folder / "vectors.npy").exists()
    if not incomplete and not needs_vectors:
        return
    evidence = [name for name in (*EVIDENCE, *TABLES) if name in {*config.measured, *context.retrieval["evidence"]}]
    context.retrieval = {**context.retrieval, "evidence": evidence}
    source = open_source(dataset, config, vectors, scratch, context.stage)
    with context.stage("retrieve"):
        if needs_vectors:
            HalfVectors(source).save(target.folder)
        metadata = {name: context.retrieval[name] for name in ("similarity", "depth", "max_depth", "evidence")}
        _complete(Retrieval(dataset, source, config), CandidateWriter(target.blocks, dataset, metadata), incomplete, context)


def incomplete_blocks(candidates: Path, config: MiningConfig) -> list[int]:
    """Blocks that other settings left without something that these need: evidence, or the deep list of a query that runs short."""
    evidence = [name for name in config.measured if name in EVIDENCE]
    all_scores = positive_scores(candidates)
    shared = {"population": np.sort(all_scores[~np.isnan(all_scores)])}

    def is_incomplete(block: Block) -> bool:
        if any(name not in part.evidence for part in (*block.within, *block.deep) for name in evidence):
            return True
        if block.deepened_for == deepening(config):
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


def second_pass(
    dataset: Dataset, context: RunContext, target: Target, sections: dict[str, Any], stored_candidates: Path | None = None
) -> dict[str, Any]:
    """Judge, choose, write; the report.

    sections: what the manifest tells beside: inputs, model, files, and of a stored pass 1 its retrieval.
    stored_candidates: where that lies.
    """
    config, candidates = context.config, stored_candidates or target.blocks
    with context.stage("choose and write"):
        if stored_candidates:
            check_belongs(stored_candidates, dataset)
        metadata = about(candidates)
        tally = Tally(list(config.active_filters), config.negatives, config.depth, metadata["similarity"])
        chooser, file_format = chooser_of(candidates, dataset, config, target.folder), FORMATS[config.output_format]
        columns = {*config.columns, *(["tiers"] if config.fill != "none" else [])}
        row_writer = RowWriter(file_format, dataset, columns)

        def choose(file: Path) -> list[tuple[Candidates, Codes, Negatives]]:
            return [chooser.choose(part) for part in chooser.searched(read_block(file, metadata["depth"]))]

        not_deepened, deepened = set[int](), 0
        left_out = LeftOut(
            target.folder / LEFT_OUT, dataset, [*config.active_filters], config.negatives, file_format.min_negatives(config.negatives)
        )
        with open_training(target.file, file_format, dataset) as sink, left_out:
            for done, parts in enumerate(
                in_order(choose, blocks(candidates), min(MAX_PARALLEL_BLOCKS, context.runtime.threads or processors())), 1
            ):
                for part in parts:
                    tally.add(*part)
                    not_deepened |= _not_deepened(part[0], part[1], config)
                    deepened += len(np.unique(part[0].queries)) if part[0].rows.shape[1] > config.depth else 0
                left_out.add(parts)
                sink.write(row_writer(_in_order([negatives for *_, negatives in parts], dataset)))
                context.progress("choose and write", min(done * BLOCK, len(dataset.queries)), len(dataset.queries))
    context.hashes[Path(target.file)] = sink.sha256
    with context.stage("report"):
        report = tally.result(dataset)
        report["hubs"] |= chooser.hubs
        report["rows_written"], report["rows_repeated"] = sink.rows, row_writer.repeated
        report["reading"] = dict(dataset.reading)
        report["left_out"] = {"pairs": left_out.pairs}
        report["setup"] |= {"output_format": config.output_format, "max_depth": config.deepest, **config.relaxation}
        report["columns"] = dict(dataset.columns)
        if dataset.asked_in:
            report["asked_in"] = dict(dataset.asked_in)
        if chooser.verdicts:
            report["verdicts"] = chooser.verdicts
        report["retrieval"] = sections["retrieval"] = _with_deepened(sections.get("retrieval", context.retrieval), deepened)
        if stored_candidates and not_deepened and report["retrieval"]["distinct_passages"] > config.depth:
            report["not_deepened"] = len(not_deepened)
        report["notes"] = list(notes(report))
    _finish(context, target, sections, report, dataset)
    return report


def _with_deepened(retrieval: Mapping[str, Any], count: int) -> dict[str, Any]:
    """What is stored of pass 1, with how many queries' deep lists this choice goes by; the sources come last."""
    section = {name: value for name, value in retrieval.items() if name not in ("queries_deepened", "sources")}
    return {**section, "queries_deepened": count, "sources": retrieval["sources"]}


def _not_deepened(anchors: Candidates, dropped: Codes, config: MiningConfig) -> set[int]:
    """Queries that a run with these settings would have searched deeper, and whose stored list ends at `depth`."""
    if not config.deepens or anchors.rows.shape[1] != config.depth:
        return set()
    return set(anchors.queries[(dropped == 0).sum(axis=1) < config.negatives].tolist())


def _finish(context: RunContext, target: Target, sections: dict[str, Any], report: dict[str, Any], dataset: Dataset) -> None:
    """Report, page and manifest, in that order: the manifest hashes the others."""
    folder = target.folder
    counts = {
        "queries": len(dataset.queries),
        "passages": len(dataset.corpus),
        "judgements": len(dataset.qrels.rows),
        "rows": report["rows_written"],
        "rows_repeated": report["rows_repeated"],
    }
    manifest = manifests.build_manifest(
        config=context.config.model_dump(mode="json"),
        counts=counts,
        timings=context.timings,
        training_file=target.name,
        seed=context.config.seed,
        **sections,
    )
    write_json(folder / "report.json", report)
    write_bytes(folder / "report.html", page(report, manifest).encode())
    names = [
        *(name for name in (*SHARED_ARTIFACTS, VERDICTS, LEFT_OUT) if (folder / name).exists()),
        "report.json",
        "report.html",
        *(f"dataset/{f}" for f in DATASET_FILES if (folder / "dataset" / f).exists()),
    ]
    files = {name: folder / name for name in names}
    if target.name:
        files = {target.name: Path(target.file), **files}
    write_json(folder / "manifest.json", manifests.with_seal({**manifest, "outputs": manifests.outputs(files, context.sha256_of)}))


def _in_order(parts: list[Negatives], dataset: Dataset) -> Negatives:
    """The negatives of a block's parts as one, sorted by query id; a query's anchors stay in order."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.positives.shape[1] for part in parts)
    pad = [((0, 0), (0, width - part.positives.shape[1])) for part in parts]
    positives = np.concatenate([np.pad(part.positives, w, constant_values=-1) for part, w in zip(parts, pad, strict=True)])
    positive_scores = np.concatenate([np.pad(part.positive_scores, w, constant_values=np.nan) for part, w in zip(parts, pad, strict=True)])
    queries = np.concatenate([part.queries for part in parts])
    rank = np.empty(len(dataset.queries), dtype=np.int64)
    rank[dataset.queries.id_order] = np.arange(len(rank))
    order = np.argsort(rank[queries], kind="stable")
    rows, scores, ranks, tiers = (np.concatenate([getattr(part, name) for part in parts])[order] for name in _NEGATIVE_FIELDS)
    sources = {name: np.concatenate([part.sources[name] for part in parts])[order] for name in parts[0].sources}
    return Negatives(queries[order], positives[order], positive_scores[order], rows, scores, ranks, tiers, sources)


_NEGATIVE_FIELDS = ("rows", "scores", "ranks", "tiers")
