"""What a whole run will take and give, from a pilot: seconds by stage, memory, disk, candidates, rows, queries that run short.

Encoding goes by texts, searching by queries × passages, judging and writing by candidates. How many queries run short follows from
the piece as if its candidates stood for those of the whole; a piece holds fewer hard passages, so it is said as "at least".
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.core.pipeline import BLOCK, background, short_of
from miner.encode import StoredVectors
from miner.formats import FORMATS
from miner.runs import preflight
from miner.runs.candidate_store import positive_scores, read_blocks
from miner.runs.pilot import Piece, Speed, search_costs, size, speeds, tried
from miner.sources.dense import distinct
from miner.types import Dataset, Side, Vectors

HASHED = 1.5e9
"""Bytes a second that are hashed for the manifest, about."""

Told = dict[str, Any]
Speeds = Mapping[str, Mapping[Side, Speed]]


def estimate(
    dataset: Dataset,
    vectors: Mapping[str, Vectors],
    config: MiningConfig,
    runtime: Runtime,
    *,
    spent: Mapping[str, float],
    work: Path,
    kind: str | None = None,
) -> Told:
    """JSON-safe. spent: seconds of the stages that are over. work: a folder for the pilot. kind: suffix of the training file."""
    known = {name: speeds(each, dataset) for name, each in vectors.items() if isinstance(each, StoredVectors)}
    shape = FORMATS[config.output_format]
    suffix = "" if shape.layout else shape.kind if kind is None else kind
    piece = tried(dataset, vectors, config, runtime, work, size(known, dataset), suffix)
    short = short_share(piece, dataset, config)
    candidates = _candidates(dataset, config, short)
    disk = _disk(piece, dataset, vectors, config, candidates)
    search = search_costs(piece, vectors, config, runtime, ceil(len(dataset.queries) / BLOCK))
    seconds = {**spent, **_seconds(piece, dataset, known, search, candidates, disk["run"])}
    return {
        "seconds": {"all": round(sum(seconds.values()), 2), **{name: round(value, 2) for name, value in seconds.items()}},
        "memory_bytes": _memory(piece, dataset, vectors),
        "disk_bytes": disk,
        "candidates": candidates,
        "queries_deepened_at_least": round(short * len(dataset.queries)),
        "rows": round(piece.report["rows_written"] * pairs(dataset) / max(1, pairs(piece.dataset))),
        "full_rows_share": piece.report["coverage"]["all"],
        "pilot": {"queries": len(piece.dataset.queries), "passages": len(piece.dataset.corpus), "texts_per_second": _rates(known)},
    }


def pairs(dataset: Dataset) -> int:
    """Queries with each of their positives."""
    return int((dataset.qrels.grades >= dataset.qrels.min_grade).sum())


def short_share(piece: Piece, dataset: Dataset, config: MiningConfig) -> float:
    """The share of queries that run short within depth, if the piece's candidates stand for those of the whole."""
    if not config.deepens or len(dataset.corpus) <= config.depth:
        return 0.0
    times = len(dataset.corpus) / len(piece.dataset.corpus)
    width, wanted = max(1, round(config.depth / times)), config.model_copy(update={"negatives": ceil(config.negatives / times)})
    folder, short = piece.folder / "candidates.parquet", 0
    shared = {"population": np.sort(positive_scores(folder))}
    for part in (part for block in read_blocks(folder) for part in block.within):
        seen = part.take(np.arange(len(part)), width)
        seen = replace(seen, background=background(seen.scores, seen.evidence, width), shared=shared)
        short += len(short_of(seen, wanted))
    return short / len(piece.dataset.queries)


def _candidates(dataset: Dataset, config: MiningConfig, short: float) -> int:
    different = len(distinct(dataset.corpus)[0])
    depth, deepest = (min(width, different) for width in (config.depth, config.deepest))
    return round(len(dataset.queries) * (depth + short * (deepest - depth)))


def _seconds(piece: Piece, dataset: Dataset, known: Speeds, search: float, candidates: int, written: int) -> dict[str, float]:
    """Of each stage of the whole."""
    queries, took = len(dataset.queries), piece.seconds
    texts, tried_texts = (len(data.queries) + len(data.corpus) for data in (dataset, piece.dataset))
    encoder = sum(speed.texts * speed.seconds for sides in known.values() for speed in sides.values())
    more, grown = candidates / max(1, piece.candidates), texts / tried_texts
    besides = took.get("encode", 0.0) - took["encoder"]
    indexing = sum(value for name, value in took.items() if name.startswith("index "))
    searched = search * len(piece.dataset.queries) * len(piece.dataset.corpus)
    chosen, rest = took["choose and write"], took["second pass"] - took["choose and write"]
    seconds = {
        "encode": encoder + max(0.0, besides) * grown,
        **({"index": indexing * grown} if indexing else {}),
        "retrieve": search * queries * len(dataset.corpus) + max(0.0, took["retrieve"] - searched) * more,
        "choose and write": chosen * more,
        "report": rest + written / HASHED,
    }
    if preflight.worth(dataset, sum(speed.texts for sides in known.values() for speed in sides.values())):
        few = preflight.QUERIES + min(preflight.MOST, max(preflight.FEWEST, texts // 100))
        seconds = {"rehearse": encoder / texts * few + rest, **seconds}
    return seconds


def _disk(piece: Piece, dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, candidates: int) -> dict[str, int]:
    """Bytes: `run` (the folder and the training file), `store` (new vectors, for good), `scratch` (while it lasts)."""
    each = _size(piece.folder / "candidates.parquet") / max(1, piece.candidates)
    data = _size(dataset.corpus.path.parent)
    rows = _size(piece.file) * pairs(dataset) / max(1, pairs(piece.dataset))
    table = len(dataset.corpus) * next(iter(vectors.values())).dim * 2 if "vectors" in config.measured else 0
    told = sum(_size(piece.folder / name) for name in ("report.json", "report.html", "manifest.json"))
    room = preflight.room(dataset, vectors, config)
    return {"run": round(each * candidates + data + rows + table + told), "store": room["store"], "scratch": room["scratch"]}


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder and its folders."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def _memory(piece: Piece, dataset: Dataset, vectors: Mapping[str, Vectors]) -> int:
    """The process's peak so far, and what is mapped beyond the piece's: the matrices, and the store they are filled from."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    more = len(dataset.queries) + len(dataset.corpus) - len(piece.dataset.queries) - len(piece.dataset.corpus)
    stored = {name for name, each in vectors.items() if isinstance(each, StoredVectors)}
    return peak + sum(more * each.dim * 4 * (2 if name in stored else 1) for name, each in vectors.items())


def _rates(known: Speeds) -> Told:
    return {name: {side: round(1 / speed.seconds, 1) for side, speed in sides.items() if speed.seconds} for name, sides in known.items()}
