"""A file of settings: YAML, TOML, JSON, or the manifest of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miner.cli.options import ALIASES
from miner.errors import ConfigError
from miner.io.plain_files import read_text

if TYPE_CHECKING:
    from miner.config.layers import Layers


def read_config(path: Path) -> dict[str, Any]:
    """The settings of a YAML, TOML or JSON file, or of a run's manifest."""
    layers = read_layers(path)
    return {**layers.stored, **layers.typed}


def read_layers(path: Path) -> Layers:
    """The same, as what a manifest stores or a person typed."""
    from miner.config.layers import Layers

    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    loaded = _parse(path, text)
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} is not a mapping of settings")
    if "manifest_version" not in loaded:
        return Layers(typed=unique_pairs(f"{path}: the setting", ((_setting(str(key)), value) for key, value in loaded.items())))
    from miner.config import upgrade_stored_config
    from miner.runs import manifest

    read = manifest.inputs(path.parent, loaded) if loaded.get("inputs") else {}
    return Layers({**{name: value for name, value in read.items() if value}, **upgrade_stored_config(manifest.config(path.parent, loaded))})


def _setting(key: str) -> str:
    """The name of a setting in a file, which may be that of its flag."""
    name = key.replace("-", "_")
    return ALIASES.get(name, name)


def unique_pairs(what: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of pairs; ConfigError for a name that comes with two values."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ConfigError(f"{what} '{name}' is set twice, as {values[name]!r} and as {value!r}: leave one")
        values[name] = value
    return values


def _parse(path: Path, text: str) -> Any:
    import json
    import tomllib

    def keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return unique_pairs(f"{path}: the key", pairs)

    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=keys)
        return _yaml(text, keys)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError:
        from miner.support.json_depth import TOO_DEEP

        raise ConfigError(f"{path}: {TOO_DEEP}") from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
        raise


def _yaml(text: str, keys: Callable[[list[tuple[str, Any]]], object]) -> Any:
    """YAML whose mappings have every key once: PyYAML alone keeps the last."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        """Safe, and strict about keys."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys([(str(key.value), getattr(value, "value", "")) for key, value in node.value])
            return super().construct_mapping(node, deep)

    return yaml.load(text, Loader)  # noqa: S506 - it is a SafeLoader
