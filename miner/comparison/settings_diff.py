"""What differs in how two runs were made, and their reports side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.runs.run import Run

Told = dict[str, Any]


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
"""What is set side by side, and where a report has it."""


def counts(first: Run, second: Run) -> dict[str, list[Any]]:
    """{what: [in the first, in the second]}."""
    return {name: [_count(run, path) for run in (first, second)] for name, path in COUNTS.items()}


def _count(run: Run, path: tuple[str, ...]) -> Any:
    value: Any = run.report
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def dropped(first: Run, second: Run) -> Told:
    """Candidates dropped by each filter; None where a run does not have it."""
    sides = [run.report["counts"]["dropped"] for run in (first, second)]
    return {name: [side.get(name) for side in sides] for name in dict.fromkeys([*sides[0], *sides[1]])}


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """{name: [in the first, in the second]} of whatever differs in what made two manifests: settings, filters one by one, model, inputs."""
    sides = [_flat(made) for made in (first, second)]
    return {
        name: [side.get(name) for side in sides]
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(name) != sides[1].get(name)
    }


def _flat(made: Mapping[str, Any]) -> Told:
    config = {name: value for name, value in made["config"].items() if name != "filters"}
    specs = dict(spec.partition(":")[::2] for spec in made["config"].get("filters", ()))
    told: Told = {**config, **{f"filter {name}": knobs or "on" for name, knobs in specs.items()}}
    told |= {f"input {name}": value for name, value in (made.get("inputs") or {}).items()}
    told |= {f"file {name}": about["sha256"][:12] for name, about in (made.get("files") or {}).items()}
    model = made.get("model") or {}
    told |= {f"model {name}": value for name, value in model.items() if name in ("name", "content", "dim", "similarity", "prompts")}
    return told | {f"version {name}": value for name, value in made["versions"].items()}
