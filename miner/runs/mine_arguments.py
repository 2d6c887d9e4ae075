"""What `mine` accepts as data and config: paths, objects in memory, datasets that are read, and settings as a dict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from miner.config import Inputs, MiningConfig
from miner.errors import ConfigError
from miner.read.beir_splits import is_beir
from miner.read.objects import MemoryRows, ObjectInputs, has_items, is_path, is_texts
from miner.read.rejects import OnError
from miner.support.value_types import shown
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
    _check_words(data, corpus, on_error)
    if isinstance(data, Inputs | ObjectInputs | Dataset):
        for name, value in (("corpus", corpus), ("fields", fields), ("split", split)):
            if has_items(value) and value != {}:
                raise ConfigError(f"{name} goes with pairs, not with {type(data).__name__}, which names its own")
        return data
    fields = _fields(fields)
    if _names_files(data) and (corpus is None or _names_files(corpus)):
        return _files(path_names("data", data), None if corpus is None else path_names("corpus", corpus), fields, split, on_error)
    pairs = data if _names_files(data) else MemoryRows("data", data, split)
    passages = () if corpus is None else corpus if _names_files(corpus) else MemoryRows("corpus", corpus)
    return ObjectInputs(pairs, passages, fields, on_error)


def _check_words(data: Any, corpus: Any, on_error: Any) -> None:
    """Raise ConfigError for an empty name, and for another word than `on_error` has."""
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error is {shown(on_error)}; it is one of {', '.join(map(repr, get_args(OnError)))}")
    for name, value in (("data", data), ("corpus", corpus)):
        if isinstance(value, str) and not value:
            raise ConfigError(f"{name} is an empty name: a file, a folder or an object in memory is needed")


def _files(paths: list[str], corpus: list[str] | None, fields: Mapping[str, str], split: str | None, on_error: OnError) -> Inputs:
    """Return the inputs that are files alone."""
    if len(paths) == 1 and is_beir(Path(paths[0])):
        if corpus is not None:
            raise ConfigError(f"{paths[0]} is a BEIR folder, which has its own corpus: leave corpus out")
        return Inputs.of(data=paths[0], split=(split,) if split else (), fields=fields, on_error=on_error)
    if split:
        raise ConfigError(f"split goes with a BEIR folder or a DatasetDict, and {paths[0]} is neither")
    return Inputs.of(pairs=paths, corpus=corpus or [], fields=fields, on_error=on_error)


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
    for name in config or {}:
        if not isinstance(name, str):
            raise ConfigError(f"config has the key {shown(name)}: the names of settings are strings")
    return config or {}


def _names_files(data: Any) -> bool:
    return is_path(data) and not is_texts(data)


def path_names(name: str, paths: Any) -> list[str]:
    """Return the names of files: of one, or of several. ConfigError for anything else."""
    names = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(names, list | tuple) or not all(isinstance(path, str | Path) for path in names):
        raise ConfigError(f"{name} is {shown(paths)}: the name of a file, or a list of names, is needed")
    return [str(path) for path in names]


def _fields(fields: Any) -> dict[str, str]:
    """Return the columns by field. ConfigError for what is no dict of strings."""
    if fields is None:
        return {}
    if not isinstance(fields, Mapping) or not all(isinstance(text, str) for pair in fields.items() for text in pair):
        raise ConfigError(f"fields is {shown(fields)}: a dict of columns by field is needed, as {{'query': 'COLUMN'}}")
    return dict(fields)
