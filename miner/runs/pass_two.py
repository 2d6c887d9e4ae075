"""Pass 2 on disk: choose from the stored candidates, write the training file, the report and, last, the manifest."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import cast

import numpy as np

from miner.config import MiningConfig
from miner.core.judging import is_short, may_deepen
from miner.core.retrieval import BLOCK
from miner.formats import FORMATS, RowWriter, open_training
from miner.io.row_writer import write_bytes, write_json
from miner.page import page
from miner.report import LEFT_OUT, JudgeTally, LeftOut, ReportData, Tally, notes
from miner.runs import manifest as manifests
from miner.runs.candidate_store import about, blocks, check_belongs, read_block
from miner.runs.rechoose import Choice
from miner.runs.rechoose import chooser as chooser_of
from miner.runs.run_context import DATASET_FILES, MAX_PARALLEL_BLOCKS, SHARED_ARTIFACTS, RunContext
from miner.runs.run_folder import Target
from miner.runs.variation_file import FILE as VARIATIONS
from miner.runs.variations import VariationMaker
from miner.runs.verdict_files import FILE as VERDICTS
from miner.support.parallel import in_order, processors
from miner.types import Candidates, Codes, Dataset, Negatives, RetrievalSection, Vectors


def second_pass(
    dataset: Dataset,
    context: RunContext,
    target: Target,
    sections: manifests.Sections,
    stored_candidates: Path | None = None,
    vectors: Vectors | None = None,
) -> ReportData:
    """Judge, choose, write; the report.

    sections: what the manifest tells beside: inputs, model, files, and of a stored pass 1 its retrieval.
    stored_candidates: where that lies. vectors: of the first source, where variations are made.
    """
    with context.stage("choose and write"):
        if stored_candidates:
            check_belongs(stored_candidates, dataset)
        output = _Output(dataset, context, target, stored_candidates or target.blocks, vectors)
        output.write()
    with context.stage("report"):
        report = _report(output, dataset, context)
        retrieval = _with_deepened(sections.get("retrieval") or context.retrieved, output.deepened)
        report["retrieval"] = sections["retrieval"] = retrieval
        if context.config.judges:
            report["judges"] = output.judges.result(retrieval["judges"])
        if stored_candidates and output.not_deepened and retrieval["distinct_passages"] > context.config.depth:
            report["not_deepened"] = len(output.not_deepened)
        report["notes"] = list(notes(report))
    _finish(context, target, sections, report, dataset)
    return report


class _Output:
    """The training file of a run, written block by block, with the numbers that its report needs.

    deepened: number of queries whose deep list was used. not_deepened: queries that a run with these settings would search deeper.
    """

    def __init__(self, dataset: Dataset, context: RunContext, target: Target, candidates: Path, vectors: Vectors | None) -> None:
        config, self._metadata = context.config, about(candidates)
        self._dataset, self._context, self._file, self._candidates = dataset, context, target.file, candidates
        self.tally = Tally(list(config.active_filters), config.negatives, config.depth, self._metadata["similarity"])
        self.chooser, self._format = chooser_of(candidates, dataset, config, target.folder), FORMATS[config.output_format]
        always = [*(["tiers"] if config.fill != "none" else []), *(["scores"] if config.scores_by is not None else [])]
        self._writer = RowWriter(self._format, dataset, {*config.columns, *always})
        width = config.negatives + config.variations_per_row
        self.left_out = LeftOut(target.folder / LEFT_OUT, dataset, [*config.active_filters], width, self._format.min_negatives(width))
        self.variations: VariationMaker | None = None
        if config.variations:
            assert vectors is not None, "a run with variations has vectors of its first source"
            self.variations = VariationMaker(target.folder, dataset, config, vectors, context.paraphrase)
        self.deepened, self.not_deepened, self.rows = 0, set[int](), 0
        self.judges = JudgeTally()

    @property
    def repeated(self) -> int:
        """Rows left out because an earlier one is the same."""
        return self._writer.repeated

    def write(self) -> None:
        """Choose for every block and write its rows, in order; several blocks are chosen at a time."""
        threads = min(MAX_PARALLEL_BLOCKS, self._context.runtime.threads or processors())
        queries = len(self._dataset.queries)
        with open_training(self._file, self._format, self._dataset) as sink, self.left_out, self.variations or nullcontext():
            for done, choices in enumerate(in_order(self._choose, blocks(self._candidates), threads), 1):
                self._count(choices)
                extended, dataset = self.variations(choices, self.chooser) if self.variations else (choices, self._dataset)
                self.left_out.add(extended)
                sink.write(self._writer(_in_order([choice.negatives.with_teacher_scores() for choice in extended], self._dataset), dataset))
                self._context.progress("choose and write", min(done * BLOCK, queries), queries)
        self.rows, self._context.hashes[Path(self._file)] = sink.rows, sink.sha256

    def _choose(self, file: Path) -> list[Choice]:
        block = read_block(file, self._metadata["depth"])
        return [Choice(*self.chooser.choose(part)) for part in self.chooser.lists_in_use(block)]

    def _count(self, choices: list[Choice]) -> None:
        config = self._context.config
        for choice in choices:
            self.tally.add(*choice)
            self.judges.add(choice.anchors)
            self.not_deepened |= _not_deepened(choice.anchors, choice.dropped, config)
            if choice.anchors.rows.shape[1] > config.depth:
                self.deepened += len(np.unique(choice.anchors.queries))


def _report(output: _Output, dataset: Dataset, context: RunContext) -> ReportData:
    """The statistics of the negatives, and what else a reader of the report must know."""
    config, statistics = context.config, output.tally.result(dataset)
    setup, relaxation = statistics["setup"], config.relaxation
    fits_fill = "tiers" in FORMATS[config.output_format].optional_columns
    report: ReportData = {
        "setup": {**setup, "output_format": config.output_format, "max_depth": config.deepest, **relaxation, "fits_fill": fits_fill},
        "counts": statistics["counts"],
        "scores": statistics["scores"],
        "ranks": statistics["ranks"],
        "hardness": statistics["hardness"],
        "coverage": statistics["coverage"],
        "hubs": {**statistics["hubs"], **output.chooser.hubs},
        "starved": statistics["starved"],
        "suspicious": statistics["suspicious"],
        "examples": statistics["examples"],
        "rows_written": output.rows,
        "rows_repeated": output.repeated,
        "reading": dict(dataset.reading),
        "left_out": {"pairs": output.left_out.pairs},
        "columns": dict(dataset.columns),
    }
    if dataset.asked_in:
        report["asked_in"] = dict(dataset.asked_in)
    if output.chooser.verdicts:
        report["verdicts"] = output.chooser.verdicts
    if output.variations:
        report["variations"] = output.variations.counts
    return report


def _with_deepened(retrieval: RetrievalSection, count: int) -> RetrievalSection:
    """The stored retrieval section plus the number of deep lists used; the sources come last."""
    section = {name: value for name, value in retrieval.items() if name not in ("queries_deepened", "sources")}
    return cast("RetrievalSection", {**section, "queries_deepened": count, "sources": retrieval["sources"]})


def _not_deepened(anchors: Candidates, dropped: Codes, config: MiningConfig) -> set[int]:
    """Queries that `mine` would search deeper with these settings, and whose stored list ends at `depth`."""
    return set(anchors.queries[is_short(dropped, config)].tolist()) if may_deepen(anchors, config) else set()


def _finish(context: RunContext, target: Target, sections: manifests.Sections, report: ReportData, dataset: Dataset) -> None:
    """Report, page and manifest, in that order: the manifest hashes the others."""
    folder = target.folder
    counts = {
        "queries": len(dataset.queries),
        "passages": len(dataset.corpus),
        "judgements": len(dataset.qrels.rows),
        "rows": report["rows_written"],
        "rows_repeated": report["rows_repeated"],
    }
    if "variations" in report:
        counts["variations"] = sum(kind["kept"] for kind in report["variations"].values())
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
        *(name for name in (*SHARED_ARTIFACTS, VERDICTS, LEFT_OUT, VARIATIONS) if (folder / name).exists()),
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
