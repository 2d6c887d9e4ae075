"""The flags that every verb has (--help-all, --verbose, --version), and what a verb's help shows of all its flags."""

from __future__ import annotations

import copy
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, TextIO

import typer
from typer.models import OptionInfo

PREFIX = "HARDNEG_"
SHOW_ALL = "hardneg.help_all"
"""Key of a context's `meta`: every flag is shown."""
LOGGERS = ("miner", "app")
COMMON = ("help_all", "verbose", "version")
"""The flags that every verb has."""

RARE: set[str] = set()
"""Variables of the flags that --help leaves out and --help-all shows: those that are defined as rare."""


def _show_all(ctx: typer.Context, is_requested: bool) -> None:
    if is_requested:
        ctx.meta[SHOW_ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


def _show_version(is_requested: bool) -> None:
    if is_requested:
        from importlib.metadata import version

        typer.echo(f"hardneg {version('hardneg')}")
        raise typer.Exit


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at that moment: a progress bar takes its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        self.stream = sys.stderr
        super().emit(record)


def _start_log(ctx: typer.Context, is_requested: bool) -> bool:
    """Log the product's own loggers from INFO on, until the verb ends."""
    root = logging.getLogger()
    if not is_requested or ctx.resilient_parsing or any(isinstance(each, _Stderr) for each in root.handlers):
        return is_requested  # or it was requested before the verb, or by the variable
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in LOGGERS}

    def stop() -> None:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    ctx.call_on_close(stop)
    return is_requested


Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Log every step to stderr.", callback=_start_log, envvar=f"{PREFIX}VERBOSE", show_default=False),
]
Version = Annotated[
    bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_show_version, show_default=False)
]


def _help_all(rare: int) -> Any:
    text = f"Show every flag, {rare} more than here, and the environment variables."
    return Annotated[bool, typer.Option("--help-all", help=text, is_eager=True, callback=_show_all, show_default=False)]


def with_common_flags(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return the verb with the flags that every verb has; --help-all where --help leaves flags out."""
    parameters = list(inspect.signature(verb, eval_str=True).parameters.values())
    rare = sum(_variable(parameter.annotation) in RARE for parameter in parameters)
    annotations = {**({"help_all": _help_all(rare)} if rare else {}), "verbose": Verbose, "version": Version}
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=False, annotation=each) for name, each in annotations.items()]

    @wraps(verb)
    def called(**arguments: Any) -> Any:
        return verb(**{name: value for name, value in arguments.items() if name not in annotations})

    combined = [*(parameter.replace(kind=keyword) for parameter in parameters), *added]
    called.__signature__ = inspect.Signature(combined)  # type: ignore[attr-defined]  # what inspect and typer read
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in combined}
    return called


def _variable(annotation: Any) -> str | None:
    """The environment variable that an annotated flag is defined with."""
    variables = (each.envvar for each in getattr(annotation, "__metadata__", ()) if isinstance(each, OptionInfo))
    return next((name for name in variables if isinstance(name, str)), None)


def name_variables(params: Iterable[Any], owner: str) -> None:
    """Give every flag without an environment variable one that names its verb too: `lint --fix` has HARDNEG_LINT_FIX."""
    for param in params:
        if param.param_type_name == "option" and not param.envvar and not param.is_eager:
            param.envvar = f"{PREFIX}{owner}_{flag_name(param)}".replace("-", "_").upper()


def flag_name(param: Any) -> str:
    """The name of a flag without its dashes; of a flag with two sides, the first."""
    return str(max(param.opts, key=len)).lstrip("-")


def default_text(param: Any) -> str:
    """What holds without a flag whose help does not say it: `off`, its default, or `none`."""
    if param.is_flag:
        return flag_name(param) if param.default and param.secondary_opts else "off"
    return "none" if param.default is None or callable(param.default) else str(param.default)


def is_rare(param: Any) -> bool:
    """Whether --help leaves a flag out."""
    return param.envvar in RARE


def shown_param(param: Any, *, everything: bool) -> Any:
    """A copy of a parameter as a verb's help shows it: with its default, with its variable if everything is shown, or hidden."""
    shown = copy.copy(param)
    text = getattr(param, "help", None) or ""
    if param.param_type_name == "option" and not param.is_eager:
        if not param.required and not text.rstrip(".").endswith("]"):
            text = f"{text} [{default_text(param)}]".strip()
        shown.show_default = False
        shown.show_envvar = everything
        shown.hidden = param.hidden or (is_rare(param) and not everything)
    if param.param_type_name == "option" and param.is_flag:
        shown.metavar = ""
    shown.help = text.replace("[", "\\[") or None  # rich takes square brackets for markup and leaves them out
    return shown
