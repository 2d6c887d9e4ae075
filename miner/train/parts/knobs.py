"""The ranges of a part's numbers. They are checked here alone: when the configuration is read, or a class is made, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from miner.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """From low to high, both included unless `above` or `under` says not."""

    low: float
    high: float
    above: bool = False
    under: bool = False

    def __contains__(self, value: float) -> bool:
        """NaN is in no range."""
        return (value > self.low if self.above else value >= self.low) and (value < self.high if self.under else value <= self.high)

    def around(self, knob: str) -> str:
        """Format the range, as in `0 <= tau < 1`."""
        return f"{self.low:g} {'<' if self.above else '<='} {knob} {'<' if self.under else '<='} {self.high:g}"


SHARE = Range(0, 1)
LESS_THAN_ALL = Range(0, 1, under=True)
COUNT = Range(1, 1_000_000)
WEIGHT = Range(0, 1000)
SCALE = Range(0, 1000, above=True)
TEMPERATURE = Range(0.001, 1000)
"""The inverse of a scale."""
COSINE = Range(-1, 1)


class Knobs:
    """The base of every part. part: its kind and name, for messages; ranges: of its numbers."""

    part: ClassVar[str]
    ranges: ClassVar[Mapping[str, Range]]

    def __post_init__(self) -> None:
        """ConfigError names the knob, its range and its value."""
        for knob, allowed in self.ranges.items():
            value = getattr(self, knob)
            if value not in allowed:
                raise ConfigError(f"{self.part} wants {allowed.around(knob)}, got {knob}={value}")


def check_numbers(owner: object, part: str) -> None:
    """Raise ValueError where a number of a loss, batch sampler or change is outside its range: of the class, in a script of the user's own.

    part: its name in the tables.
    """
    from miner.train.parts import BATCH_SAMPLERS, CHANGES, LOSSES  # which import the classes

    parts: Mapping[str, Any] = {**LOSSES, **BATCH_SAMPLERS, **CHANGES}
    for knob, allowed in parts[part].ranges.items():
        value = getattr(owner, knob, None)
        if value is not None and value not in allowed:
            raise ValueError(f"{type(owner).__name__} wants {allowed.around(knob)}, got {knob}={value}")
