"""Which filters run: the default ones, with those of the user added to them, in place of them, or taken from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from miner.config.registry import Spec, build, resolved
from miner.errors import ConfigError
from miner.filters import DEFAULTS, FILTERS

RELAX = "relax"


def merged(specs: tuple[str, ...]) -> list[Spec]:
    """The default filters with `specs` added, changed or switched off, every knob written out, in the order of the table.

    A spec takes the place of a rule that may be relaxed, such as a default one: none of that rule's knobs stays, and it may not be
    relaxed unless it says relax=true. Of a rule that may not be relaxed, an earlier one of the user's, the knobs that are not named
    stay. A spec that names `relax` alone changes nothing else.
    """
    by_name = {spec.name: spec for spec in map(Spec.parse, DEFAULTS)}
    for text in specs:
        spec = Spec.parse(text)
        if spec.off and spec.name in FILTERS:
            if spec.name == "known_positive":
                raise ConfigError("filter 'known_positive' cannot be switched off: a judged positive is never a negative")
            by_name[spec.name] = spec
            continue
        by_name[spec.name] = replace(spec, knobs=(*_unnamed(by_name.get(spec.name), spec), *spec.knobs))
        build("filter", FILTERS, by_name[spec.name])  # each is checked, though a later one may change it
    full = {name: spec if spec.off else resolved(spec, build("filter", FILTERS, spec)) for name, spec in by_name.items()}
    return [full[name] for name in FILTERS if name in full]


def stored(specs: Sequence[str]) -> tuple[str, ...]:
    """The filters of a stored config, where every knob is written out, in today's words.

    Configs stored before there was `relax` do not name it. Every rule of theirs could be relaxed, and so it still is.
    """
    return tuple(str(_in_todays_words(Spec.parse(text))) for text in specs)


def _in_todays_words(spec: Spec) -> Spec:
    known = spec.name in FILTERS and RELAX in {field.name for field in fields(FILTERS[spec.name])}  # type: ignore[arg-type]
    if spec.off or not known or RELAX in dict(spec.knobs):
        return spec
    return replace(spec, knobs=(*spec.knobs, (RELAX, "true")))


def _unnamed(before: Spec | None, spec: Spec) -> tuple[tuple[str, str], ...]:
    """The knobs of the rule `before` that stay: those that `spec` does not name."""
    if before is None or (_may_relax(before) and [*dict(spec.knobs)] != [RELAX]):
        return ()
    named = dict(spec.knobs)
    return tuple(knob for knob in before.knobs if knob[0] not in named and knob[0] != RELAX)


def _may_relax(spec: Spec) -> bool:
    return dict(spec.knobs).get(RELAX, "false").lower() == "true"
