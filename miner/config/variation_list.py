"""Which variations a row gets: at most one spec of each kind, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from miner.config.registry import Spec, build, parse_part, resolved
from miner.errors import ConfigError
from miner.variations import VARIATIONS


def variation_specs(texts: Sequence[str]) -> list[Spec]:
    """The specs with every knob written out, without those that say `off`. ConfigError for an unknown kind or knob, or a repeated one."""
    by_name: dict[str, Spec] = {}
    for spec in (parse_part("variation", VARIATIONS, text) for text in texts):
        part = build("variation", VARIATIONS, spec)
        if spec.name in by_name:
            raise ConfigError(f"variation '{spec.name}' is set twice: leave one; {spec.name}:count=2 makes two of a row")
        by_name[spec.name] = spec if spec.off else resolved(spec, part)
    return [by_name[name] for name in VARIATIONS if name in by_name and not by_name[name].off]
