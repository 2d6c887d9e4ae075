"""Several settings at once: `margin:relative=0,0.05,0.1` is three of them, two such axes are all pairs.

An axis is a knob of a filter (`off` among its values switches the filter off) or a setting of pass 2 (`negatives=1,4,8`). What a
setting is called is what `--filter` and the other flags are given to get it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from miner.config import MiningConfig
from miner.config.filter_list import changed
from miner.config.registry import Spec
from miner.errors import ConfigError
from miner.filters import FILTERS

DEFAULT = ("margin:relative=0,0.05,0.1", "margin:background=0,0.3,0.5", "near_positive:cosine=off,0.9,0.8")
MOST = 256
AXES = ("anchor", "negatives", "sampler", "ladder", "fill", "seed")
"""Settings that are no filter and that pass 2 has not used up."""


@dataclass(frozen=True)
class Axis:
    """What is varied, and its values as text; `knob` is empty for a setting that is no filter's."""

    name: str
    knob: str
    values: tuple[str, ...]

    @property
    def title(self) -> str:
        """`margin:relative`, `negatives`."""
        return f"{self.name}:{self.knob}" if self.knob else self.name


@dataclass(frozen=True)
class Setting:
    """One point of a grid: the value on each axis, the flags that give it, and the whole config."""

    values: dict[str, str]
    flags: tuple[str, ...]
    config: MiningConfig


def settings(base: MiningConfig, grid: Sequence[str] = ()) -> list[Setting]:
    """The grid's settings, the last axis fastest, each once, and before them `base` where it is none of them. No grid: the default one.

    ConfigError for what is no axis, and for more than 256 settings.
    """
    axes = [axis for text in grid or DEFAULT for axis in parse(text)]
    for axis in axes:
        if sum(axis.title == other.title for other in axes) > 1:
            raise ConfigError(f"--grid varies {axis.title} twice")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise ConfigError(f"--grid asks for {count:,} settings; {MOST} are the most at once")
    points: dict[MiningConfig, Setting] = {}
    for values in product(*(axis.values for axis in axes)):
        point = _setting(base, axes, values)
        points.setdefault(point.config, point)  # a filter that is off is off whatever its other knobs are
    own = [] if base in points else [Setting({axis.title: _value(base, axis) for axis in axes}, (), base)]
    return [*own, *points.values()]


def parse(text: str) -> Iterator[Axis]:
    """`margin:relative=0,0.05,background=0,0.3` is two axes; `negatives=1,4` is one."""
    head, _, rest = text.strip().partition(":")
    named = "=" in head
    name, told = ("", text.strip()) if named else (head, rest)
    if not named and name not in FILTERS:
        raise ConfigError(f"--grid knows no filter '{name}'; there are: {', '.join(FILTERS)}; or settings: {', '.join(AXES)}")
    knobs: dict[str, list[str]] = {}
    knob = ""
    for item in told.split(","):
        before, equals, after = item.partition("=")
        knob = before.strip() if equals else knob
        if not knob or not (value := (after if equals else item).strip()):
            raise ConfigError(f"'{text}' is no axis: write filter:knob=value,value or setting=value,value")
        knobs.setdefault(knob, []).append(value)
    for knob, values in knobs.items():
        if named and knob not in AXES:
            raise ConfigError(f"--grid cannot vary '{knob}'; it can: {', '.join(AXES)}, and knobs of filters as filter:knob=value,value")
        yield Axis(knob, "", tuple(dict.fromkeys(values))) if named else Axis(name, knob, tuple(dict.fromkeys(values)))


def _setting(base: MiningConfig, axes: Sequence[Axis], values: tuple[str, ...]) -> Setting:
    knobs: dict[str, list[str]] = {}
    fields: dict[str, str] = {}
    for axis, value in zip(axes, values, strict=True):
        if axis.knob:
            knobs.setdefault(axis.name, []).append("off" if value == "off" else f"{axis.knob}={value}")
        else:
            fields[axis.name] = value
    specs = [f"{name}:{'off' if 'off' in told else ','.join(told)}" for name, told in knobs.items()]
    flags = (*(f"--filter {spec}" for spec in specs), *(f"--{name} {value}" for name, value in fields.items()))
    varied = MiningConfig.of(**{**base.model_dump(), **fields, "filters": changed(base.filters, specs)})
    named = {spec.partition(":")[0] for spec in base.filters}
    # What is switched off here and was never on stays unnamed, as in `base`: one setting has one config.
    kept = tuple(spec for spec in varied.filters if spec.partition(":")[0] in named or not Spec.parse(spec).off)
    config = MiningConfig.of(**{**varied.model_dump(), "filters": kept})
    return Setting(dict(zip((axis.title for axis in axes), values, strict=True)), flags, config)


def _value(base: MiningConfig, axis: Axis) -> str:
    """What `base` has on an axis."""
    if not axis.knob:
        return str(getattr(base, axis.name))
    rule = base.active_filters.get(axis.name)
    return "off" if rule is None else str(getattr(rule, axis.knob))
