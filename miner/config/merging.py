"""Which filters run: the default ones, with those that were given added to, changed in or taken from them."""

from __future__ import annotations

from dataclasses import replace

from miner.errors import ConfigError
from miner.filters import DEFAULTS, FILTERS
from miner.registry import Spec, build, resolved


def merged(specs: tuple[str, ...]) -> list[Spec]:
    """The default filters with `specs` added, changed or switched off, every knob written out, in the order of the table.

    A knob that is not named stays as it is: asking for a wider margin does not take the background out of it.
    """
    defaults = {spec.name: spec for spec in map(Spec.parse, DEFAULTS)}
    by_name = dict(defaults)
    for text in specs:
        spec = Spec.parse(text)
        if spec.off and spec.name in FILTERS:
            if spec.name == "known_positive":
                raise ConfigError("filter 'known_positive' cannot be switched off: a judged positive is never a negative")
            by_name[spec.name] = spec
            continue
        was = by_name.get(spec.name)
        below = defaults.get(spec.name) if was is None or was.off else was
        by_name[spec.name] = replace(spec, knobs=(*_unnamed(below, spec), *spec.knobs))
        build("filter", FILTERS, by_name[spec.name])  # each is checked, though a later one may change it
    full = {name: spec if spec.off else resolved(spec, build("filter", FILTERS, spec)) for name, spec in by_name.items()}
    return [full[name] for name in FILTERS if name in full]


def _unnamed(below: Spec | None, spec: Spec) -> tuple[tuple[str, str], ...]:
    """The knobs of `below` that `spec` does not name."""
    named = dict(spec.knobs)
    return tuple(knob for knob in (below.knobs if below else ()) if knob[0] not in named)
