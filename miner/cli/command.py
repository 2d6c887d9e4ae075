"""The classes of verbs and of groups of verbs.

A repeated option that takes one value is an error, where click would use the last value. Options that may be repeated are lists; the
environment variable of one that names files holds one name per line.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise, takewhile
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from miner.cli.verb_flags import SHOW_ALL, name_variables, shown_param, with_common_flags
from miner.errors import ConfigError
from miner.support.value_types import shown

QUOTE = "'"

FILES = ("corpus", "queries", "qrels", "pairs", "verdicts", "allow_code")
"""Options whose values may hold blanks: their environment variables are split at line ends only."""
NEEDED = {"integer": "a whole number", "boolean": "true or false", "number": "a number", "float": "a number"}
"""What a flag needs, by a word in the parser's message."""
ROOT = "hardneg"
"""The group that holds all others."""


class Command(TyperCommand):
    """A verb that refuses a repeated option."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        options: list[Any] = list(self.params)
        for param in options:
            if param.name in FILES and getattr(param, "multiple", False):
                param.value_from_envvar = partial(_lines, param)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as typer does. ConfigError for a repeated option that takes one value."""
        if not ctx.resilient_parsing:
            with _sentences(self, ctx, args):
                _refuse_flags_as_values(self.get_params(ctx), args)
                order = self.make_parser(ctx).parse_args(args=list(args))[2]
            for param, count in Counter(order).items():
                if count > 1 and not getattr(param, "multiple", True):
                    _refuse(param, self._values(ctx, args, param))
        with _sentences(self, ctx, args):
            remaining = super().parse_args(ctx, args)
        _add_filters_of_environment(self, ctx)
        return remaining

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help as typer does, with the flags that most people use, or all, each with its default."""
        shown = copy.copy(self)
        shown.help = self.help and self.help.replace("[", "\\[")
        shown.params = [shown_param(param, everything=SHOW_ALL in ctx.meta) for param in self.params]
        super(Command, shown).format_help(ctx, formatter)

    def _values(self, ctx: Any, args: list[str], option: Any) -> list[Any]:
        """All values of one option, in their order."""
        several, probe = copy.copy(option), copy.copy(self)
        several.multiple = True
        probe.params = [several if param is option else param for param in self.params]
        values: list[Any] = probe.make_parser(ctx).parse_args(args=list(args))[0][option.name]
        return values


def _lines(option: Any, ctx: Any) -> list[str] | None:
    """The names in an option's environment variable, one a line."""
    value = option.resolve_envvar_value(ctx)
    return [line for line in value.split("\n") if line] if value else None


def _add_filters_of_environment(command: TyperCommand, ctx: Any) -> None:
    """HARDNEG_FILTER lies below the flags, as a config file's filters do: they are added to it, and win where both name a knob."""
    option: Any = next((param for param in command.params if param.name == "filter" and getattr(param, "multiple", False)), None)
    below = option.value_from_envvar(ctx) if option else None
    if below and ctx.get_parameter_source("filter").name == "COMMANDLINE":
        from miner.config.filter_list import overlay_specs

        ctx.params["filter"] = [*overlay_specs(below, ctx.params["filter"])]


def _refuse(option: Any, values: list[Any]) -> None:
    """Raise ConfigError with all values. A switch may be repeated with the same value."""
    if not option.is_flag:
        raise ConfigError(f"{option.opts[0]} takes one value and has {len(values)}: {', '.join(map(repr, values))}; leave one")
    if len(set(values)) > 1:
        raise ConfigError(f"{option.opts[0]} and {option.secondary_opts[0]} contradict each other: give one of them")


@contextmanager
def _sentences(command: Any, ctx: Any, args: list[str]) -> Iterator[None]:
    """ConfigError for a flag that does not exist, with the one that was probably meant, and for a flag or an argument without its value."""
    words = list(args)  # parsing consumes them
    try:
        yield
    except Exception as error:
        # click's classes, which typer may bring under names of its own
        kind, flag = type(error).__name__, str(getattr(error, "option_name", ""))
        verb = ctx.command_path.removeprefix(f"{ctx.find_root().info_name} ") if ctx.parent else ROOT
        if kind == "NoSuchOption":
            raise ConfigError(_unknown_flag(verb, command.get_params(ctx), flag, words)) from None
        if kind == "BadOptionUsage":
            raise ConfigError(_flag_without_value(command.get_params(ctx), flag)) from None
        param: Any = getattr(error, "param", None)
        if kind == "MissingParameter" and param is not None and param.param_type_name == "argument":
            raise ConfigError(f"{verb} needs {param.name.upper()}: {_meaning(param)}; `{ROOT} {verb} --help` shows how") from None
        if kind == "BadParameter" and param is not None:
            raise ConfigError(_wrong_value(param, words, error)) from None
        if kind == "UsageError" and "unexpected extra argument" in str(error):
            extra = str(error).rpartition("(")[2].rstrip(").")
            raise ConfigError(f"{verb} takes no further argument, and '{extra}' is one; `{ROOT} {verb} --help` shows its flags") from None
        raise


def _flag_without_value(params: list[Any], flag: str) -> str:
    """The sentence about a flag that lacks its value, or has one that it does not take."""
    param = next((param for param in params if flag in (*param.opts, *param.secondary_opts)), None)
    return f"{flag} takes no value" if param is None or param.is_flag else f"{flag} needs a value: {_meaning(param)}"


def _wrong_value(param: Any, args: list[str], error: Any) -> str:
    """The sentence about a value of another type: the flag or the environment variable, the value, and what is needed."""
    flag = next((name for name in (*param.opts, *param.secondary_opts) if any(arg.partition("=")[0] == name for arg in args)), None)
    variable = param.envvar if isinstance(param.envvar, str) and param.envvar in os.environ else None
    place = flag or variable or (param.opts[0] if param.opts else param.name)
    needed = next((words for word, words in NEEDED.items() if word in error.message), None)
    details: list[Any] = getattr(error.__cause__, "errors", list)()  # of pydantic, which typer reads values with
    value = details[0]["input"] if details else os.environ.get(variable or "") if not flag else None
    if needed is None or value is None:
        return f"{place}: {error.message[:1].lower()}{error.message[1:]}"
    share = f", as {float(number) / 100:g}" if (number := _percent(str(value))) and "number" in needed and "whole" not in needed else ""
    return f"{place} is {shown(value)}: {needed} is needed{share}"


def _percent(text: str) -> str:
    """The number in a text such as `98%`; empty for any other."""
    number = text.strip().removesuffix("%").strip()
    return number if text.strip().endswith("%") and number.replace(".", "", 1).isdecimal() else ""


def _refuse_flags_as_values(params: list[Any], args: list[str]) -> None:
    """Raise ConfigError where a flag stands in the place of another flag's value: `--fix --force`. `--fix=--force` is a value."""
    flags = {name: param for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")}
    for name, value in pairwise(takewhile(lambda arg: arg != "--", args)):
        if name in flags and value in flags and not flags[name].is_flag:
            raise ConfigError(f"{_flag_without_value(params, name)}; {value} is a flag, and {name}={value} is a value that looks like one")


def _meaning(param: Any) -> str:
    """The help of a flag or an argument, as part of a sentence."""
    text = str(param.help or param.name).rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _unknown_flag(verb: str, params: list[Any], flag: str, args: list[str]) -> str:
    """The sentence about a flag that a verb does not have. `-negatives` is a flag with a dash too few."""
    from miner.support.unknown_names import SETTING, similar_name

    flags = {name.lstrip("-"): name for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")}
    single_dashes = [arg.partition("=")[0][1:] for arg in args if not arg.startswith("--")]
    short = next((name for name in single_dashes if name in flags), "")
    near = short or similar_name(SETTING, flag.lstrip("-"), flags)
    meant = f"did you mean {flags.get(near.strip(QUOTE), near)}? " if near else ""
    help_command = f"{verb if verb == ROOT else f'{ROOT} {verb}'} {'--help-all' if 'help-all' in flags else '--help'}"
    return f"{verb} has no flag {f'-{short}' if short else flag}; {meant}`{help_command}` lists its flags"


class VerbGroup(TyperGroup):
    """A group of verbs, each of whose flags has an environment variable."""

    def __init__(self, *, name: str | None = None, **more: Any) -> None:
        super().__init__(name=name, **more)
        for verb, command in self.commands.items():
            if isinstance(command, Command):
                name_variables(command.params, verb if name == ROOT else f"{name}_{verb}")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as typer does. ConfigError for a flag that does not exist."""
        with _sentences(self, ctx, args):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb. ConfigError for one that does not exist, with the one that was meant."""
        if args[0] not in self.commands:
            from miner.support.unknown_names import VERB, similar_name

            near = similar_name(VERB, args[0], list(self.commands))
            hint = f"; did you mean {near}?" if near else ";"
            raise ConfigError(f"there is no verb '{args[0]}'{hint} `{ctx.command_path} --help` lists the verbs")
        return super().resolve_command(ctx, args)


class Verbs(typer.Typer):
    """A Typer whose verbs are of class Command."""

    def __init__(self, **more: Any) -> None:
        super().__init__(cls=VerbGroup, **more)

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **more: Any) -> Callable[[Any], Any]:
        """Add a verb as typer does, with the flags that every verb has."""
        add = super().command(name, cls=cls or Command, **more)

        def register(verb: Callable[..., Any]) -> Callable[..., Any]:
            add(with_common_flags(verb))
            return verb

        return register
