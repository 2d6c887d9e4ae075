"""Parts by name: `margin:relative=0.05,absolute=0.1` is a Spec, `build` makes the part and refuses what it does not know.

Knows no family: the tables are handed in. A part is a frozen dataclass; its fields are its knobs.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miner.errors import ConfigError
from miner.support.unknown_names import other_form, similar_name, unknown_name

OFF, BY = "off", "by"
"""Switches a part off; the knob that names the second judge whose scores a part goes by."""


@dataclass(frozen=True)
class Spec:
    """A part's name and its knobs, as text; `off` instead of knobs switches the part off.

    A rule that goes by a second judge is a rule of its own, beside the one of its name: `margin:by=cross-encoder,relative=0.05`, and
    `margin:by=cross-encoder,off`.
    """

    name: str
    knobs: tuple[tuple[str, str], ...] = ()
    off: bool = False

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Parse `name`, `name:off` or `name:knob=value,knob=value`. ConfigError when it is none of these."""
        name, _, knobs_text = text.strip().partition(":")
        items = [item.strip() for item in knobs_text.split(",")] if knobs_text else []
        is_off = OFF in items
        knobs = []
        for item in items:
            knob, equals, value = item.partition("=")
            if item == OFF and is_off:
                continue
            if not equals or not knob.strip() or (is_off and knob.strip() != BY):
                raise ConfigError(f"'{text}' is not a part: write name:knob=value,knob=value or name:off")
            knobs.append((knob.strip(), value.strip()))
        return cls(name, tuple(knobs), off=is_off)

    @property
    def key(self) -> str:
        """What tells it from others: its name, and the second judge that it goes by: `margin`, `margin:by=cross-encoder`."""
        judge = dict(self.knobs).get(BY)
        return self.name if judge is None else f"{self.name}:{BY}={judge}"

    def __str__(self) -> str:
        knobs = ",".join([*(f"{knob}={value}" for knob, value in self.knobs), *([OFF] if self.off else [])])
        return f"{self.name}:{knobs}" if knobs else self.name


def parse_part(kind: str, table: Mapping[str, type[Any]], text: str) -> Spec:
    """The spec of a part in a table. ConfigError, with the form that it has, where knobs lack their names (`max_score:0.8`)."""
    try:
        return Spec.parse(text)
    except ConfigError as error:
        raise ConfigError(_form(kind, table, text) or error.with_flags) from None


def build(kind: str, table: Mapping[str, type[Any]], spec: Spec) -> Any:
    """The part `spec` names, with its knobs. `kind` ("filter") is for the message. ConfigError lists what exists."""
    if spec.name not in table:
        raise ConfigError(_form(kind, table, spec.name) or unknown_name(kind, spec.name, table))
    part = table[spec.name]
    fields = {field.name: field for field in dataclasses.fields(part)}
    hints = typing.get_type_hints(part)
    values = {}
    for knob, text in spec.knobs:
        if knob not in fields:
            near = similar_name("knob", knob, fields)
            hint = f"; did you mean {near}? It" if near else "; it"
            raise ConfigError(f"{kind} '{spec.name}' has no knob '{knob}'{hint} has: {', '.join(fields) or 'none'}")
        if knob in values:
            raise ConfigError(f"{kind} '{spec.name}' is given '{knob}' twice")
        values[knob] = _convert(f"{kind} '{spec.name}': {knob}", hints[knob], text)
    return part(**values)


def _form(kind: str, table: Mapping[str, type[Any]], text: str) -> str:
    """The sentence about a part whose knobs do not stand after a colon, such as `max_score=0.8`; empty for any other text."""
    name, _, rest = text.partition(next((char for char in text if not (char.isalnum() or char in "_-")), "="))
    if name not in table or not rest:
        form = other_form(name, rest)
        return f"there is no {kind} '{name}'; write {form}" if form.partition(":")[0] in table else ""
    hints = {field.name: typing.get_type_hints(table[name])[field.name] for field in dataclasses.fields(table[name])}
    named = all(item.partition("=")[0].strip() in hints for item in rest.split(","))
    takers = [knob for knob, hint in hints.items() if knob != BY and _takes(hint, rest)]
    forms = [f"{name}:{rest}"] if named else [f"{name}:{knob}={rest}" for knob in takers]
    return f"'{text}' is no {kind}; write {' or '.join(forms) or f'{name}:KNOB=VALUE'} (knobs of '{name}': {', '.join(hints) or 'none'})"


def _takes(hint: Any, text: str) -> bool:
    """Whether a knob of this type may have the value."""
    try:
        return _convert("", hint, text) is not None
    except ConfigError:
        return False


def resolved(spec: Spec, part: Any) -> Spec:
    """The same spec with every knob written out, defaults too: what the manifest stores."""
    knobs = [(field.name, getattr(part, field.name)) for field in dataclasses.fields(part)]
    return Spec(spec.name, tuple((name, _text(value)) for name, value in knobs if value is not None))


def _convert(where: str, hint: Any, text: str) -> Any:
    """`text` as the knob's type (float, int, bool, str, Literal, or one of them | None)."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    kind = next(option for option in options if option is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        if text not in typing.get_args(kind):
            raise ConfigError(f"{where} is one of {', '.join(typing.get_args(kind))}, not '{text}'")
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{where} is true or false, not '{text}'")
        return text.lower() == "true"
    return text if kind is str else _number(where, kind, text)


def _number(where: str, kind: type[int] | type[float], text: str) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        raise ConfigError(f"{where} is {'a whole number' if kind is int else 'a number'}, not '{text}'") from None
    if not _finite(value):
        raise ConfigError(f"{where} is a finite number, not '{text[:40]}'")
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number may be too large for a float
        return False


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
