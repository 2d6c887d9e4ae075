"""The differences between the settings of two runs, and the numbers of their reports side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.report.notes import EXACT
from miner.runs.run import Run

COUNTS: Mapping[str, tuple[str, ...]] = {
    "queries": ("counts", "queries"),
    "negatives": ("counts", "chosen"),
    "candidates judged": ("counts", "judged"),
    "candidates kept": ("counts", "kept"),
    "complete rows": ("coverage", "all"),
    "mean margin": ("hardness", "gap"),
    "above the positive": ("hardness", "triplet_error"),
    "gradient mass": ("hardness", "gradient_mass"),
    "median rank": ("ranks", "median"),
    "passages used": ("hubs", "passages_used"),
    "filled by the top 1 %": ("hubs", "top_percent_share"),
    "suspicious positives": ("suspicious", "total"),
}
"""The label of each number that is compared, and its path in a report."""


def counts(first: Run, second: Run) -> dict[str, list[Any]]:
    """{label: [number of the first, number of the second]}."""
    return {name: [_count(run, path) for run in (first, second)] for name, path in COUNTS.items()}


def _count(run: Run, path: tuple[str, ...]) -> Any:
    value: Any = run.report
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def dropped(first: Run, second: Run) -> dict[str, list[int | None]]:
    """Candidates dropped by each filter in each run; None where a run does not use the filter."""
    sides = [run.report["counts"]["dropped"] for run in (first, second)]
    return {name: [side.get(name) for side in sides] for name in dict.fromkeys([*sides[0], *sides[1]])}


def equal_numbers(numbers: Mapping[str, list[Any]]) -> list[str]:
    """The names whose two numbers are the same to the four decimals that are shown."""
    rounded = {name: [round(value, 4) if isinstance(value, float) else value for value in values] for name, values in numbers.items()}
    return [name for name, (first, second) in rounded.items() if first == second]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """{name: [in the first, in the second]} of the settings, filters, inputs, files, model and versions in which two manifests differ."""
    sides = [_flat(manifest) for manifest in (first, second)]
    return {
        name: [side.get(name) for side in sides]
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(name) != sides[1].get(name)
    }


def searched(manifest: Mapping[str, Any]) -> dict[str, object]:
    """The index that was searched, with its search settings, and its recall; that of an exact one is 1."""
    retrieval = manifest.get("retrieval") or {}
    index, recall = retrieval.get("index"), retrieval.get("recall")
    return {"index searched": index, "recall of the index": 1.0 if index == EXACT else recall}


def approximate(runs: tuple[Run, Run]) -> list[str]:
    """A sentence for each run whose index misses candidates: ranks of positives count those that were retrieved."""
    sentences = []
    for name, run in zip(("first", "second"), runs, strict=True):
        index, recall = searched(run.manifest).values()
        if isinstance(recall, float) and recall < 1:
            sentences.append(
                f"index {index} of the {name} run misses candidates (recall {recall:.3f}), and ranks count what was retrieved: "
                "that alone makes positives rank better there"
            )
    return sentences


def _flat(manifest: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a manifest that define its run, by one-level names."""
    config = {name: value for name, value in manifest["config"].items() if name != "filters"}
    specs = dict(spec.partition(":")[::2] for spec in manifest["config"].get("filters", ()))
    fields: dict[str, object] = {**config, **{f"filter {name}": knobs or "on" for name, knobs in specs.items()}}
    fields |= {f"input {name}": value for name, value in (manifest.get("inputs") or {}).items()}
    fields |= {f"file {name}": description["sha256"][:12] for name, description in (manifest.get("files") or {}).items()}
    model = manifest.get("model") or {}
    fields |= searched(manifest)
    fields |= {f"model {name}": value for name, value in model.items() if name in ("name", "content", "dim", "similarity", "prompts")}
    return fields | {f"version {name}": value for name, value in manifest["versions"].items()}
