"""Models under public names: what clients call them, what stands in specs, manifests and answers. Where they lie stays here.

A job works in a folder of its own, where a link of the public name leads to the model. So the library is given the name alone, and no path
of this machine gets into what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miner.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
TAKEN = ("inputs", "run", "lock", "survey.json")
"""Names that mean something else in the folder of a job."""


@dataclass(frozen=True)
class Models:
    """Where each model is, by its public name; `served` is the name of the one that is kept loaded."""

    where: Mapping[str, str]
    served: str | None

    @classmethod
    def of(cls, model: str | None, named: Mapping[str, str]) -> Models:
        """The operator's list, and the served model: one of the list, by name or by folder, else under the name of its folder."""
        where = {check(name): _absolute(place) for name, place in named.items()}
        if not model or model in where:
            return cls(where, model or None)
        place = _absolute(model)
        name = next((name for name, known in where.items() if known == place), public(model))
        if where.get(name, place) != place:
            raise ConfigError(f"two models would be called {name}: give the served one a name of its own, HARDNEG_MODELS=NAME=FOLDER")
        return cls({name: place, **where}, name)

    def named(self, model: str) -> str:
        """The public name of a model that an earlier version has noted by its folder; any other name as it is."""
        return next((name for name, where in self.where.items() if where == model), public(model))

    def linked_config(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """The config that the process of a job gets: the model's public name, linked into the job's folder. ConfigError when it is gone."""
        name = self.named(str(config["model"]))
        if name not in self.where:
            raise ConfigError(f"the model {name} is not one of the server's any more")
        if not Path(self.where[name]).is_dir():
            return {**config, "model": self.where[name]}
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not (link.is_symlink() and link.readlink() == Path(self.where[name])):
            link.unlink(missing_ok=True)
            link.symlink_to(self.where[name])
        return {**config, "model": name}


def public(model: str) -> str:
    """The name of a folder without where it lies; of a model of a hub all of it."""
    if not (Path(model).is_absolute() or Path(model).is_dir() or model.startswith((".", "~"))):
        return model
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).absolute().name).lstrip("._-")[:100]
    return f"model-{name}" if name in TAKEN else name or "model"


def check(name: str) -> str:
    """ConfigError when something cannot be a public name."""
    if not NAME.fullmatch(name) or name.split("/", maxsplit=1)[0] in TAKEN:
        raise ConfigError(f"a model cannot be called '{name}': letters, digits, . _ - and one / at most, and not {', '.join(TAKEN)}")
    return name


def shown(values: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A spec or a result as clients see it: a folder that an earlier version has noted there is its public name."""
    first, *rest = path
    inner = values.get(first)
    if rest and isinstance(inner, Mapping):
        return {**values, first: shown(inner, *rest)}
    return {**values, first: public(inner)} if not rest and isinstance(inner, str) and Path(inner).is_absolute() else dict(values)


def _absolute(model: str) -> str:
    return str(Path(model).absolute()) if Path(model).is_dir() else model
