"""What `mine` accepts as data and config: paths, objects in memory, datasets that are read, and settings as a dict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig
from miner.errors import ConfigError
from miner.read.beir_splits import is_beir
from miner.read.objects import MemoryRows, ObjectInputs, has_items, is_path
from miner.read.rejects import OnError
from miner.types import Dataset

ReadableInputs = Inputs | ObjectInputs | Dataset


def inputs_of(
    data: Any,
    corpus: Any = None,
    fields: Mapping[str, str] | None = None,
    split: str | None = None,
    on_error: OnError = "fail",
) -> ReadableInputs:
    """Return what is to be read.

    data: Inputs or a Dataset, as it is; a BEIR folder; files of pairs; or an object in memory that holds pairs.
    corpus: files or an object with further passages.
    fields: {field: name of its column}.
    split: of a BEIR folder the qrels, of a DatasetDict the split.
    Raises ConfigError for arguments that do not go together.
    """
    if isinstance(data, Inputs | ObjectInputs | Dataset):
        for name, value in (("corpus", corpus), ("fields", fields), ("split", split)):
            if has_items(value) and value != {}:
                raise ConfigError(f"{name} goes with pairs, not with {type(data).__name__}, which names its own")
        return data
    fields = dict(fields or {})
    if is_path(data) and (corpus is None or is_path(corpus)):
        paths = [str(path) for path in data] if isinstance(data, list | tuple) else [str(data)]
        if len(paths) == 1 and is_beir(Path(paths[0])):
            if has_items(corpus):
                raise ConfigError(f"{paths[0]} is a BEIR folder, which has its own corpus: leave corpus out")
            return Inputs.of(data=paths[0], split=(split,) if split else (), fields=fields, on_error=on_error)
        if split:
            raise ConfigError(f"split goes with a BEIR folder or a DatasetDict, and {paths[0]} is neither")
        files = [str(path) for path in corpus] if isinstance(corpus, list | tuple) else [str(corpus)] if corpus is not None else []
        return Inputs.of(pairs=paths, corpus=files, fields=fields, on_error=on_error)
    pairs = data if is_path(data) else MemoryRows("data", data, split)
    passages = () if not has_items(corpus) else corpus if is_path(corpus) else MemoryRows("corpus", corpus)
    return ObjectInputs(pairs, passages, fields, on_error)


def config_of(config: MiningConfig | Mapping[str, Any] | None, model: Any) -> tuple[MiningConfig, Any]:
    """Return the config, and the model where it is a loaded one. A model that is a name or a folder is that of the config."""
    settings = config if isinstance(config, MiningConfig) else MiningConfig.of(**_settings(config))
    if not isinstance(model, str | Path):
        return settings, model
    if settings.model not in (None, str(model)):
        raise ConfigError(f"model is {str(model)!r}, and config.model is {settings.model!r}: name one of them")
    return settings.model_copy(update={"model": str(model)}), None


def _settings(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if config is not None and not isinstance(config, Mapping):
        raise ConfigError(f"config is of type {type(config).__name__}; a MiningConfig, or a dict of its settings, is needed")
    return config or {}
