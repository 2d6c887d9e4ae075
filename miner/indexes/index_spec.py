"""An index as it is written: `exact`, `auto`, or a FAISS factory string with search settings (`IVF4096,Flat:nprobe=64`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from miner.errors import ConfigError

EXACT, AUTO = "exact", "auto"
SIZED = re.compile(r"(?<![A-Za-z])(IVF|HNSW|NSG|PQ)(\d+)")
SIZES = {"IVF": (1, 1_000_000_000), "HNSW": (2, 1024), "NSG": (16, 1024), "PQ": (1, 65_536)}
"""Lists, links of a graph, and pieces of a vector: outside these FAISS ends the process, or never ends, or cannot read the number."""


@dataclass(frozen=True)
class IndexSpec:
    """A FAISS factory string, or `exact` or `auto`, and the search settings by FAISS' names."""

    factory: str
    settings: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> IndexSpec:
        """Parse `FACTORY` or `FACTORY:setting=value,setting=value`. ConfigError when it is neither. FAISS is not asked."""
        factory, colon, rest = text.strip().partition(":")
        if settings_in_factory := [part.strip() for part in factory.split(",") if "=" in part]:
            base = ",".join(part.strip() for part in factory.split(",") if "=" not in part) or "IVF1024,Flat"
            settings_text = ",".join([*settings_in_factory, *([rest] if rest else [])])
            raise ConfigError(f"'{text}' is not an index: search settings stand after a colon, as in {base}:{settings_text}")
        _check_sizes(factory)
        settings: dict[str, float] = {}
        for item in rest.split(",") if colon else []:
            name, equals, value = (part.strip() for part in item.partition("="))
            if not name or not equals:
                raise ConfigError(f"'{text}' is not an index: write {factory or 'IVF1024,Flat'}:setting=value,setting=value")
            if name in settings:
                raise ConfigError(f"index '{factory}' is given '{name}' twice")
            settings[name] = _number(factory, name, value)
        if settings and factory in (EXACT, AUTO):
            raise ConfigError(f"index '{factory}' has no search settings, and '{next(iter(settings))}' is given: write {factory} alone")
        return cls(factory, settings)

    def __str__(self) -> str:
        settings = ",".join(f"{name}={_text(value)}" for name, value in self.settings.items())
        return f"{self.factory}:{settings}" if settings else self.factory


def _check_sizes(factory: str) -> None:
    """ConfigError for a number of lists, links or pieces that no index has."""
    for part, digits in SIZED.findall(factory):
        low, high = SIZES[part]
        if len(digits) > len(str(high)) or not low <= int(digits) <= high:
            raise ConfigError(f"there is no index '{factory}': the number after {part} is from {low} to {high:,}, not {digits[:40]}")


def _number(factory: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"index '{factory}': {name} is a number, not '{text[:40]}'")
    return value


def _text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
