"""Which filters run: the defaults, with the user's filters added, changed or switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from miner.config.registry import BY, Spec, build, parse_part, resolved
from miner.errors import ConfigError
from miner.filters import DEFAULTS, FILTERS

RELAX = "relax"


def merge_specs(specs: Sequence[str]) -> list[Spec]:
    """The default filters with `specs` added, changed or switched off, every knob written out, in the order of the table.

    ConfigError for a filter or knob that does not exist, and where two specs contradict each other.
    """
    by_key = specs_by_name(apply_specs(DEFAULTS, specs))
    if by_key["known_positive"].off:
        raise ConfigError("filter 'known_positive' cannot be switched off: a judged positive is never a negative")
    full = [resolved(spec, build("filter", FILTERS, spec)) if _built(spec) else spec for spec in by_key.values()]
    order = {name: place for place, name in enumerate(FILTERS)}
    return sorted(full, key=lambda spec: (order[spec.name], spec.key))


def specs_by_name(specs: Sequence[str]) -> dict[str, Spec]:
    """The specs of one list, one of each key (`Spec.key`), with the knobs of all that name it, whatever their order.

    ConfigError for a knob that comes twice, and for a filter that is switched off beside another spec of it.
    """
    by_name: dict[str, Spec] = {}
    for spec in (parse_part("filter", FILTERS, text) for text in specs):
        before = by_name.get(spec.key, replace(spec, knobs=()))
        values = dict(before.knobs)
        for knob, value in spec.knobs:
            if knob in values and knob != BY:
                raise ConfigError(f"filter '{spec.name}:{knob}' is set twice, as '{values[knob]}' and as '{value}': leave one")
            values[knob] = value
        if before.off != spec.off:
            raise ConfigError(f"filters '{spec.name}:off' and another '{spec.name}' contradict each other: leave one")
        by_name[spec.key] = replace(spec, knobs=tuple(values.items()))
    return by_name


def are_specs(value: Any) -> bool:
    """Whether a loose value is a list of specs' texts."""
    return isinstance(value, list | tuple) and all(isinstance(spec, str) for spec in value)


def overlay_specs(below: Sequence[str], above: Sequence[str]) -> tuple[str, ...]:
    """Combine specs from two places, such as a config file and flags: `above` wins knob by knob, all other knobs stay."""
    under = specs_by_name(below)
    return tuple(
        str(spec) for spec in {**under, **{name: _added(under.get(name), spec) for name, spec in specs_by_name(above).items()}}.values()
    )


def apply_specs(below: Sequence[str], above: Sequence[str]) -> tuple[str, ...]:
    """Apply the user's specs to the default filters or to those of a stored config.

    A spec takes the place of a rule that may be relaxed, such as a default one: none of that rule's knobs stays, and it may not be
    relaxed unless it says relax=true. Of a rule that may not be relaxed the knobs that are not named stay. A spec that names `relax`
    alone changes nothing else.
    """
    under, over = specs_by_name(below), specs_by_name(above)
    base = {key: spec for key, spec in under.items() if key not in over or not _may_relax(spec) or _names_relax_alone(over[key])}
    return tuple(str(spec) for spec in {**under, **{name: _added(base.get(name), spec) for name, spec in over.items()}}.values())


def upgrade_specs(specs: Sequence[str]) -> tuple[str, ...]:
    """Return the filters of a stored config as this version would have stored them.

    Configs stored before `relax` existed do not name it. All their rules could be relaxed, so they get relax=true.
    """
    return tuple(str(_upgrade_spec(Spec.parse(text))) for text in specs)


def _upgrade_spec(spec: Spec) -> Spec:
    may_relax = spec.name in FILTERS and RELAX in {field.name for field in fields(FILTERS[spec.name])}  # type: ignore[arg-type]
    if spec.off or not may_relax or RELAX in dict(spec.knobs):
        return spec
    return replace(spec, knobs=(*spec.knobs, (RELAX, "true")))


def _added(before: Spec | None, spec: Spec) -> Spec:
    """`spec` with the knobs of `before` that it does not name."""
    if before is None or before.off or spec.off:
        return spec
    return replace(spec, knobs=tuple({**dict(before.knobs), **dict(spec.knobs)}.items()))


def _built(spec: Spec) -> bool:
    """Whether to build the part: it is on, or it does not exist and `build` raises the error."""
    return not spec.off or spec.name not in FILTERS


def _names_relax_alone(spec: Spec) -> bool:
    return [knob for knob, _ in spec.knobs if knob != BY] == [RELAX]


def _may_relax(spec: Spec) -> bool:
    return dict(spec.knobs).get(RELAX, "false").lower() == "true"
