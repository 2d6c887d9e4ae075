"""The packages `miner` and `app` of this distribution lie beside `hardneg`. They are found there, whatever else of these names comes first
on the path: a finder before all others knows these names and no more. Each is loaded once, under its own name.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from os.path import realpath
from pathlib import Path
from types import ModuleType

HOME = str(Path(__file__).parents[1])


class Finder:
    """Finds each package of `warns` in HOME. warns: whether a warning names another package that comes first on the path."""

    def __init__(self) -> None:
        self.warns: dict[str, bool] = {}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Called by the import system, for every module that is not loaded yet."""
        if name not in self.warns:
            return None
        spec = _spec(name)
        if self.warns[name] and (rival := PathFinder.find_spec(name)) and rival.origin and not _is_same_file(rival.origin, spec.origin):
            warnings.warn(
                f"'import {name}' gives the package of hardneg, {spec.origin}. The one that comes first on the path, {rival.origin}, "
                "can not be imported in this process: rename it, or run hardneg in a process of its own",
                stacklevel=2,
            )
        return spec


FINDER = Finder()


def claim(*names: str, warn: bool = False) -> None:
    """From now on these names are the packages of this distribution. ImportError where another one is loaded already."""
    for name in names:
        spec, loaded = _spec(name), sys.modules.get(name)
        if loaded and not _is_same_file(origin := getattr(loaded, "__file__", None), spec.origin):
            raise ImportError(
                f"hardneg needs its own package '{name}', {spec.origin}, and this process has already imported another one of that name, "
                f"{origin or loaded}: rename that one, or run hardneg in a process of its own",
                name=name,
                path=spec.origin,
            )
        FINDER.warns[name] = warn
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)


def _spec(name: str) -> ModuleSpec:
    """Where our package lies. ModuleNotFoundError where it is missing."""
    spec = PathFinder.find_spec(name, [HOME])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"hardneg's own package '{name}' is missing from {HOME}: install hardneg again", name=name)
    return spec


def _is_same_file(left: str | None, right: str | None) -> bool:
    return left is not None and right is not None and realpath(left) == realpath(right)
