"""The vectors that variations are scored with: those of the run's first source. Checked before anything is read or searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from miner.config import MiningConfig, Runtime
from miner.config.groups import EncoderSettings
from miner.encode import Precomputed
from miner.errors import ConfigError, ModelError
from miner.runs import manifest as manifests
from miner.runs.open_source import open_vectors
from miner.types import Dataset, Progress, Vectors


def check_variations(config: MiningConfig, paraphrase: Callable[[str], str] | None) -> None:
    """ConfigError where a kind needs the user's function and there is none."""
    needing = [name for name, part in config.active_variations.items() if part.needs_function]
    if needing and paraphrase is None:
        raise ConfigError(f"variation '{needing[0]}' needs your function: mine(…, paraphrase=function), in Python")


def scoring_vectors(vectors: Mapping[str, Vectors], config: MiningConfig) -> Vectors | None:
    """The vectors of the first source; None where no variations are made. ConfigError where these cannot encode a new text."""
    if not config.variations:
        return None
    first = vectors[next(iter(config.active_sources))]
    if isinstance(first, Precomputed):
        raise ConfigError(
            "variations are new texts, which vectors made before have no rows for: leave --variation out, or mine with a model"
        )
    return first


def vectors_of_run(
    folder: Path,
    manifest: Mapping[str, Any],
    dataset: Dataset,
    config: MiningConfig,
    runtime: Runtime,
    model: Any,
    on_progress: Progress | None,
) -> Vectors | None:
    """The vectors of the first source of a stored run, from its model; None where no variations are made.

    model: as for `mine`. ConfigError, ModelError where the model cannot be used, or is not the one that made the run.
    """
    if not config.variations:
        return None
    recorded = manifest.get("model") or {}
    if "content" not in recorded:
        raise ConfigError(f"variations need a model, and {folder} was mined with vectors made before: leave --variation out")
    stored = MiningConfig.of_stored(manifests.config(folder, manifest))
    settings = {name: getattr(stored, name) for name in EncoderSettings.model_fields}
    if model is None and stored.model is None and stored.sources[0] == "dense":
        raise ModelError(f"{folder} was made with a model that was handed over in memory; hand it over again: export(run, …, model=…)")
    encoding = MiningConfig.of(**settings, sources=stored.sources[:1])
    first = next(iter(open_vectors(dataset, encoding, runtime, model, on_progress).values()))
    if first.describe().get("content") != recorded["content"]:
        raise ModelError(
            f"variations are scored with the model that made {folder}, '{recorded.get('name')}', and this is another one: "
            "weights, tokenizer or settings have changed since"
        )
    return first
