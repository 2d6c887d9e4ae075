"""Search settings of FAISS indexes (nprobe, efSearch, k_factor_rf …): which ones an index has, and between which values.

The names are those of FAISS' own `ParameterSpace`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miner.errors import ConfigError

LARGEST_EF = 1_000_000
LARGEST_FACTOR = 1_000
QUANTIZER = "quantizer_"


@dataclass(frozen=True)
class ValueRange:
    """The smallest and the largest value of a setting. whole: whole numbers only."""

    low: float
    high: float
    whole: bool = True

    def allow(self, value: float) -> bool:
        """Whether the value is one of these."""
        return self.low <= value <= self.high and (not self.whole or value == int(value))

    def __str__(self) -> str:
        high = f" to {self.high:.0f}" if math.isfinite(self.high) else ""
        return f"{'a whole number' if self.whole else 'a number'} from {self.low:.0f}{high}"


def setting_ranges(index: Any) -> dict[str, ValueRange]:
    """The search settings that a FAISS index has, by name. index: may be empty."""
    import faiss

    space = faiss.ParameterSpace()
    space.initialize(index)
    ranges = [space.parameter_ranges.at(number) for number in range(space.parameter_ranges.size())]
    return {each.name: _setting_range(index, each) for each in ranges}


def check_settings(factory: str, limits: Mapping[str, ValueRange], settings: Mapping[str, float]) -> None:
    """ConfigError for a setting that the index does not have, or a value outside its limits."""
    has = ", ".join(f"{name} ({each})" for name, each in limits.items()) or "none"
    for name, value in settings.items():
        if name not in limits:
            raise ConfigError(f"index '{factory}' has no search setting '{name}'; it has: {has}")
        if not limits[name].allow(value):
            raise ConfigError(f"{name} of index '{factory}' is {limits[name]}, not {value:g}")


def apply_settings(index: Any, settings: Mapping[str, float]) -> None:
    """Set them, checked before."""
    import faiss

    space = faiss.ParameterSpace()
    for name, value in settings.items():
        space.set_index_parameter(index, name, value)


def _setting_range(index: Any, found: Any) -> ValueRange:
    """Of one of FAISS' parameter ranges, whose values are some that may be tried, not all that there are."""
    import faiss

    name = found.name.removeprefix(QUANTIZER)
    if name == "nprobe":
        lists: Any = faiss.try_extract_index_ivf(index)
        if name != found.name:
            lists = faiss.downcast_index(lists.quantizer)
        return ValueRange(1, lists.nlist)
    known = {
        "efSearch": ValueRange(1, LARGEST_EF),
        "k_factor_rf": ValueRange(1, LARGEST_FACTOR, whole=False),
        "ht": ValueRange(0, float(faiss.vector_to_array(found.values).max())),
        "max_codes": ValueRange(1, math.inf),
    }
    return known.get(name, ValueRange(0, math.inf, whole=False))
