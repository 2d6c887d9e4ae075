"""The verbs, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer

from miner.cli import audit, cache, demo, doctor, evaluate, explain, export, lint, loop, mine, report, sweep, train, verify
from miner.cli.command import Verbs
from miner.cli.output_encoding import degrade
from miner.cli.resume_command import again
from miner.errors import BusyError, ConfigError, HardnegError, InputError, IntegrityError, ModelError, NoRunError, StorageError

EXIT_CODES: dict[type[HardnegError], int] = {
    BusyError: 75,
    NoRunError: 3,
    ConfigError: 2,
    InputError: 3,
    StorageError: 5,
    ModelError: 6,
    IntegrityError: 1,
}
"""The first that fits counts."""
INTERNAL, UNREAD = 101, 141
STOPPED = {130: (signal.SIGINT, "interrupted"), 143: (signal.SIGTERM, "terminated")}

app = Verbs(
    name="hardneg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Mine hard negatives for dense retrieval: judged, explained, reproducible.",
    epilog="Exit codes: 0 ok, 1 findings, 2 usage, 3 input data, 5 storage, 6 model, 75 busy, 101 bug, 130 interrupted, 141 nobody reads "
    "the output, 143 terminated. "
    "Every setting of a run has an environment variable (HARDNEG_…) and a place in the config file; a flag wins over both. Where the "
    "result goes (--out, --kind, --force) is said on the command line.",
)
app.command("mine")(mine.mine)
app.command("export")(export.export)
app.command("explain")(explain.explain)
app.command("lint")(lint.lint)
app.command("sweep")(sweep.sweep)
app.command("audit")(audit.audit)
app.command("report")(report.report)
app.command("verify")(verify.verify)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.command("loop")(loop.loop)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(cache.app, name="cache")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hardneg {version('hardneg')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_version)] = False,
) -> None:
    """Mine hard negatives for dense retrieval: judged, explained, reproducible."""


def run(command: Callable[[], object] = app) -> NoReturn:
    """Run the command line; every error is one sentence on stderr and its exit code."""
    degrade()
    for number, _ in STOPPED.values():
        signal.signal(number, _stop)
    try:
        command()
    except SystemExit:
        if "PacifyFlush" in type(sys.stdout).__name__:  # click met a closed pipe, and calls it 1: a finding
            _unread()
        raise
    except BaseException as error:  # noqa: BLE001 - the last line of defence
        sys.exit(_code(error))
    sys.exit(0)


def _code(error: BaseException) -> int:
    """Say what went wrong; its exit code."""
    if isinstance(error, HardnegError):
        _say(str(error), error)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    if isinstance(error, _Stopped):
        _say("; ".join(filter(None, (STOPPED[error.code][1], again(sys.argv[1:])))), error)
        return error.code
    if isinstance(error, BrokenPipeError):
        _unread()
    if isinstance(error, OSError):
        _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", error)
        return EXIT_CODES[StorageError]
    _say(f"a bug: {type(error).__name__}: {error}; HARDNEG_DEBUG=1 shows where", error)
    if os.environ.get("HARDNEG_DEBUG"):
        traceback.print_exception(error)
    return INTERNAL


def _unread() -> NoReturn:
    """Whoever read our output went away: what a shell makes of SIGPIPE, with nothing left half-written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)  # or the interpreter complains at its end
    sys.exit(UNREAD)


def _say(message: str, error: BaseException) -> None:
    """The sentence, and what else there is to know, such as where to go on."""
    for line in (message, *getattr(error, "__notes__", ())):
        typer.echo(f"hardneg: {line}", err=True)


class _Stopped(BaseException):
    """A signal; not a KeyboardInterrupt, which typer would swallow. It unwinds like one, so that nothing half-written is left."""

    def __init__(self, code: int) -> None:
        self.code = code


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped(next(code for code, (number, _) in STOPPED.items() if number == signum))
