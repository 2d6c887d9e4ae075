"""Public names of models: clients, specs, manifests and answers use them. Only this module knows the folders.

The folder of a job has a link with the public name to the model. So the library gets the name alone, and writes no path of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from miner.config.registry import Spec
from miner.errors import ConfigError
from miner.io.folder_tree import remove

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
RESERVED_NAMES = ("inputs", "run", "lock", "survey.json")
"""Names with another meaning in the folder of a job."""


@dataclass(frozen=True)
class Models:
    """The models of the operator.

    folders: public name → folder or hub name.
    loaded: the public name of the model that the service has loaded.
    """

    folders: Mapping[str, str]
    loaded: str | None

    @classmethod
    def of(cls, model: str | None, named: Mapping[str, str]) -> Models:
        """The operator's models with the served one. `model` is one of them, by name or by folder, or gets the name of its folder."""
        folders = {check(name): _absolute(path) for name, path in named.items()}
        if not model or model in folders:
            return cls(folders, model or None)
        path = _absolute(model)
        name = next((name for name, folder in folders.items() if folder == path), public(model))
        if folders.get(name, path) != path:
            raise ConfigError(f"two models have the name {name}: give the served one another name, HARDNEG_MODELS=NAME=FOLDER")
        return cls({name: path, **folders}, name)

    def public_name(self, model: str) -> str:
        """The public name of a model. Earlier versions stored its folder."""
        return next((name for name, folder in self.folders.items() if folder == model), public(model))

    def linked_config(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Link the models of the search and of second judges into the folder of a job; return the config with their public names.

        ConfigError for an unknown model.
        """
        linked = {**config, "model": self._linked(self.public_name(str(config["model"])), folder)}
        if config.get("judges"):
            linked["judges"] = [str(_with_model(spec, self._linked(_model_of(spec), folder))) for spec in map(Spec.parse, config["judges"])]
        return linked

    def check_judges(self, judges: Sequence[str]) -> None:
        """ConfigError where a second judge's model is not one of the operator's."""
        for spec in map(Spec.parse, judges):
            if _model_of(spec) not in self.folders or "revision" in dict(spec.knobs):
                raise ConfigError(f"a judge's model is one of the server's: {', '.join(self.folders) or 'there are none'}")

    def _linked(self, name: str, folder: Path) -> str:
        """The name under which a job loads a model: that of a link in its folder, or the hub's. ConfigError for an unknown model."""
        if name not in self.folders:
            raise ConfigError(f"the model {name} is not one of the server's any more")
        if not Path(self.folders[name]).is_dir():
            return self.folders[name]
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not (link.is_symlink() and link.readlink() == Path(self.folders[name])):
            remove(link)
            link.symlink_to(self.folders[name])
        return name


def _model_of(spec: Spec) -> str:
    return dict(spec.knobs).get("model", "")


def _with_model(spec: Spec, model: str) -> Spec:
    return replace(spec, knobs=tuple({**dict(spec.knobs), "model": model}.items()))


def public(model: str) -> str:
    """The public name of a model: the last part of a folder's path, or the whole name of a hub model."""
    if not (Path(model).is_absolute() or Path(model).is_dir() or model.startswith((".", "~"))):
        return model
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).absolute().name).lstrip("._-")[:100]
    return f"model-{name}" if name in RESERVED_NAMES else name or "model"


def check(name: str) -> str:
    """The name, if it can be a public name; else ConfigError."""
    if not NAME_PATTERN.fullmatch(name) or name.split("/", maxsplit=1)[0] in RESERVED_NAMES:
        raise ConfigError(f"'{name}' is not a model name: letters, digits, . _ - and one / at most, and not {', '.join(RESERVED_NAMES)}")
    return name


def with_public_name(values: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A spec or a result for clients: the model at `path`, which earlier versions stored as a folder, by its public name."""
    first, *rest = path
    value = values.get(first)
    if rest and isinstance(value, Mapping):
        return {**values, first: with_public_name(value, *rest)}
    return {**values, first: public(value)} if not rest and isinstance(value, str) and Path(value).is_absolute() else dict(values)


def _absolute(model: str) -> str:
    return str(Path(model).absolute()) if Path(model).is_dir() else model
