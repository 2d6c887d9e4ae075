"""Grids of settings: `margin:relative=0,0.05,0.1` is three settings, two such axes are all pairs of values.

An axis is a knob of a filter (the value `off` switches the filter off) or a setting of pass 2 (`negatives=1,4,8`). A setting is labelled
with the command-line flags that select it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from miner.config import MiningConfig
from miner.config.filter_list import apply_specs
from miner.config.registry import BY, Spec
from miner.errors import ConfigError
from miner.filters import FILTERS

DEFAULT = ("margin:relative=0,0.05,0.1", "margin:background=0,0.3,0.5", "near_positive:cosine=off,0.9,0.8")
MAX_GRID_POINTS = 256
AXES = ("anchor", "negatives", "sampler", "ladder", "fill", "seed")
"""Settings of pass 2 that can be varied, beside the filters' knobs."""


@dataclass(frozen=True)
class Axis:
    """A setting to vary, and its values as text; `knob` is empty unless `name` is a filter."""

    name: str
    knob: str
    values: tuple[str, ...]

    @property
    def title(self) -> str:
        """`margin:relative`, `negatives`."""
        return f"{self.name}:{self.knob}" if self.knob else self.name


@dataclass(frozen=True)
class GridPoint:
    """One point of a grid: the value on each axis, the flags that give it, and the whole config."""

    values: dict[str, str]
    flags: tuple[str, ...]
    config: MiningConfig


def settings(base: MiningConfig, grid: Sequence[str] = ()) -> list[GridPoint]:
    """The settings of a grid without duplicates, the last axis fastest; `base` comes first unless the grid holds it.

    grid: texts of axes; empty: `DEFAULT`.
    ConfigError for a text that is not an axis, and for more than 256 settings.
    """
    axes = [axis for text in grid or DEFAULT for axis in parse(text)]
    for axis in axes:
        if sum(axis.title == second.title for second in axes) > 1:
            raise ConfigError(f"--grid varies {axis.title} twice")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MAX_GRID_POINTS:
        raise ConfigError(f"--grid asks for {count:,} settings; {MAX_GRID_POINTS} are the most at once")
    points: dict[MiningConfig, GridPoint] = {}
    for values in product(*(axis.values for axis in axes)):
        point = _setting(base, axes, values)
        points.setdefault(point.config, point)  # a filter that is off has one config, whatever its other knobs are
    leading = [] if base in points else [GridPoint({axis.title: _value(base, axis) for axis in axes}, (), base)]
    return [*leading, *points.values()]


def parse(text: str) -> Iterator[Axis]:
    """`margin:relative=0,0.05,background=0,0.3` is two axes; `negatives=1,4` is one."""
    head, _, knob_text = text.strip().partition(":")
    is_setting = "=" in head
    name, assignments = ("", text.strip()) if is_setting else (head, knob_text)
    if not is_setting and name not in FILTERS:
        raise ConfigError(f"--grid knows no filter '{name}'; there are: {', '.join(FILTERS)}; or settings: {', '.join(AXES)}")
    knobs: dict[str, list[str]] = {}
    knob = ""
    for item in assignments.split(","):
        before, equals, after = item.partition("=")
        knob = before.strip() if equals else knob
        if not knob or not (value := (after if equals else item).strip()):
            raise ConfigError(f"'{text}' is no axis: write filter:knob=value,value or setting=value,value")
        knobs.setdefault(knob, []).append(value)
    if judges := [] if is_setting else knobs.pop(BY, []):
        name = Spec(name, ((BY, judges[0]),)).key
        if len(judges) > 1 or not knobs:
            raise ConfigError(f"'{text}' is no axis: a rule by a second judge is varied by its knobs, {name},knob=value,value")
    for knob, values in knobs.items():
        if is_setting and knob not in AXES:
            raise ConfigError(f"--grid cannot vary '{knob}'; it can: {', '.join(AXES)}, and knobs of filters as filter:knob=value,value")
        yield Axis(knob, "", tuple(dict.fromkeys(values))) if is_setting else Axis(name, knob, tuple(dict.fromkeys(values)))


def _setting(base: MiningConfig, axes: Sequence[Axis], values: tuple[str, ...]) -> GridPoint:
    knobs: dict[str, list[str]] = {}
    fields: dict[str, str] = {}
    for axis, value in zip(axes, values, strict=True):
        if axis.knob:
            knobs.setdefault(axis.name, []).append("off" if value == "off" else f"{axis.knob}={value}")
        else:
            fields[axis.name] = value
    specs = [
        f"{name}{',' if ':' in name else ':'}{'off' if 'off' in assignments else ','.join(assignments)}"
        for name, assignments in knobs.items()
    ]
    flags = (*(f"--filter {spec}" for spec in specs), *(f"--{name} {value}" for name, value in fields.items()))
    varied = MiningConfig.of(**{**base.model_dump(), **fields, "filters": apply_specs(base.filters, specs)})
    base_filters = {Spec.parse(spec).key for spec in base.filters}
    # A filter that is off here and absent from `base` is left out, so that equal settings have equal configs.
    specs_to_keep = tuple(spec for spec in varied.filters if Spec.parse(spec).key in base_filters or not Spec.parse(spec).off)
    config = MiningConfig.of(**{**varied.model_dump(), "filters": specs_to_keep})
    return GridPoint(dict(zip((axis.title for axis in axes), values, strict=True)), flags, config)


def _value(base: MiningConfig, axis: Axis) -> str:
    """The value of `base` on an axis, as text."""
    if not axis.knob:
        return str(getattr(base, axis.name))
    rule = base.active_filters.get(axis.name)
    return "off" if rule is None else str(getattr(rule, axis.knob))
