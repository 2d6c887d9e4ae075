"""`hardneg filters`, `samplers`, `sources`, `variations`, `formats`, `presets`: what there is, and how each is written."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from miner.cli.completion import completer
from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

FLAGS = {
    "filters": "--filter",
    "samplers": "--sampler",
    "sources": "--source",
    "judges": "--judge",
    "variations": "--variation",
    "formats": "--output-format",
    "presets": "--preset",
}
ALWAYS_ON = "it is always on: no flag adds it, none takes it away"
EXAMPLE_VALUE = "0.8"
"""Of a knob that has to be set."""
EXAMPLE_KNOBS = {
    "margin": "relative=0.1",
    "ranks": "skip=10",
    "group": "off",
    "cross-encoder": "model=./reranker,first=50",
    "bi-encoder": "model=./teacher",
    "scored": "by=cross-encoder",
}
"""Of parts that need a text."""
SUMMARIES = {
    "filters": "List the filters, which drop candidates: what each drops, and its knobs.",
    "samplers": "List the samplers, which choose the negatives among the candidates that are kept.",
    "sources": "List the sources, which retrieve the candidates.",
    "judges": "List the second judges, which score candidates and positives again.",
    "variations": "List the kinds of variations: further negatives, each made from the text of a mined one.",
    "formats": "List the formats of training files.",
    "presets": "List the presets: settings that go together.",
}


def verb(family: str) -> Callable[[str | None], None]:
    """Return the verb that lists a family of parts."""
    complete = completer(FLAGS[family].lstrip("-"))
    argument = typer.Argument(help="One of them: everything about it.", show_default=False, autocompletion=complete)

    def show(name: str | None = None) -> None:
        table = _table(family)
        if name is not None and name not in table:
            raise ConfigError(unknown_name(family[:-1], name, table))
        for each in table if name is None else [name]:
            lines = list(_lines(family, each, table[each]))
            typer.echo(f"{each:<20} {lines[0]}" if name is None else "\n".join(lines))
        if name is None:
            example = next(each for each in table if each != "known_positive")
            typer.echo(f"\nhardneg {family} {example}    everything about it\nhardneg mine … {FLAGS[family]} {example}", err=True)

    show.__annotations__["name"] = Annotated[str | None, argument]
    show.__doc__ = f"{SUMMARIES[family]}\n\nhardneg {family}\n\nhardneg {family} NAME"
    return show


def _table(family: str) -> Mapping[str, Any]:
    from miner.config.presets import PRESETS
    from miner.filters import FILTERS
    from miner.formats import FORMATS
    from miner.judges import JUDGES
    from miner.samplers import SAMPLERS
    from miner.sources import SOURCES
    from miner.variations import VARIATIONS

    tables: dict[str, Mapping[str, Any]] = {
        "filters": FILTERS,
        "samplers": SAMPLERS,
        "sources": SOURCES,
        "judges": JUDGES,
        "variations": VARIATIONS,
        "formats": FORMATS,
        "presets": PRESETS,
    }
    return tables[family]


def _lines(family: str, name: str, part: Any) -> Iterator[str]:
    """The first sentence, the rest of the description, the knobs, and how it is written on the command line."""
    if family == "presets":
        yield _preset_description(name)
        yield from (f"  {setting} = {value}" for setting, value in part.items())
        yield f"example: hardneg mine … --preset {name}"
        return
    text = inspect.getdoc(part) if family != "formats" else sys.modules[part.write.__module__].__doc__
    first, *rest = (text or "").strip().splitlines()
    if family == "formats":
        first, rest = _own_sentence(name, text or ""), (text or "").partition("\n\n")[2].strip().splitlines()
    yield first
    yield from rest
    example = name
    if family != "formats":
        knobs = dataclasses.fields(part)
        yield from (f"  {knob.name}: {_type(part, knob.name)} = {_default(knob)}" for knob in knobs)
        first_knob = next((knob for knob in knobs if isinstance(knob.default, int | float)), None)
        value = f"{first_knob.name}={EXAMPLE_VALUE if _is_required(first_knob) else _default(first_knob)}" if first_knob else ""
        example = ":".join(filter(None, (name, EXAMPLE_KNOBS.get(name, value))))
    yield ALWAYS_ON if name == "known_positive" else f"example: hardneg mine … {FLAGS[family]} {example}"


def _own_sentence(name: str, text: str) -> str:
    """The sentence about one format, where a module describes several in its first paragraph: `beir`: …. `trec`: …."""
    opening = " ".join(text.partition("\n\n")[0].split())
    pieces = re.split(r"(?=`[\w-]+`: )", opening)
    return next((piece.strip() for piece in pieces if piece.startswith(f"`{name}`: ")), opening)


def _type(part: Any, knob: str) -> str:
    hint = typing.get_type_hints(part)[knob]
    return str(hint.__name__ if isinstance(hint, type) else hint).replace("typing.", "")


def _is_required(knob: dataclasses.Field[Any]) -> bool:
    """Whether a knob has no default, or NaN in its place."""
    return knob.default is dataclasses.MISSING or knob.default != knob.default


def _default(knob: dataclasses.Field[Any]) -> str:
    if _is_required(knob):
        return "has to be set"
    return str(knob.default).lower() if isinstance(knob.default, bool) else str(knob.default)


def _preset_description(name: str) -> str:
    from miner.config import presets

    lines = [line.split(maxsplit=1) for line in (presets.__doc__ or "").splitlines()]
    return next(words[1] for words in lines if len(words) == 2 and words[0] == name)
