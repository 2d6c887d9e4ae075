"""The verbs, and the mapping of errors to a sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import typer

from miner.cli import (
    audit,
    cache,
    calibrate,
    demo,
    doctor,
    evaluate,
    explain,
    export,
    lint,
    loop,
    mine,
    parts,
    report,
    sweep,
    train,
    verdicts,
    verify,
)
from miner.cli.command import ROOT, Verbs
from miner.cli.output_encoding import degrade
from miner.cli.resume_command import resume_advice
from miner.cli.verb_flags import Verbose, Version
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
"""The first class that matches counts."""
BUG_EXIT, BROKEN_PIPE_EXIT = 101, 141
SIGNALS = {130: (signal.SIGINT, "interrupted"), 143: (signal.SIGTERM, "terminated")}

MINE, LOOK, TRAIN, LOOK_UP, KEEP = "Mine and choose", "Look", "Train", "What there is", "Keep house"
"""Groups of verbs in the help."""

app = Verbs(
    name=ROOT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Mine hard negatives for dense retrieval: judged, explained, reproducible.",
    epilog="Exit codes: 0 ok, 1 findings, 2 usage, 3 input data, 5 storage, 6 model, 75 busy, 101 bug, 130 interrupted, 141 output "
    "pipe closed, 143 terminated. "
    "Every flag of a verb has an environment variable (`hardneg mine --help-all` names those of mine), and every setting of a run a "
    "place in the config file; a flag wins over both. Where the result goes (--out, --kind, --force) is no setting of a run.",
)
app.command("mine", rich_help_panel=MINE)(mine.mine)
app.command("export", rich_help_panel=MINE)(export.export)
app.command("explain", rich_help_panel=LOOK)(explain.explain)
app.command("lint", rich_help_panel=LOOK)(lint.lint)
app.command("sweep", rich_help_panel=LOOK)(sweep.sweep)
app.command("audit", rich_help_panel=LOOK)(audit.audit)
app.command("calibrate", rich_help_panel=LOOK)(calibrate.calibrate)
app.command("verdicts", rich_help_panel=MINE)(verdicts.verdicts)
app.command("report", rich_help_panel=LOOK)(report.report)
app.command("verify", rich_help_panel=LOOK)(verify.verify)
app.command("evaluate", rich_help_panel=TRAIN)(evaluate.evaluate)
app.command("train", rich_help_panel=TRAIN)(train.train)
app.command("loop", rich_help_panel=TRAIN)(loop.loop)
app.command("demo", rich_help_panel=MINE)(demo.demo)
for family in parts.SUMMARIES:
    app.command(family, rich_help_panel=LOOK_UP)(parts.verb(family))
app.command("doctor", rich_help_panel=KEEP)(doctor.doctor)
app.add_typer(cache.app, name="cache", rich_help_panel=KEEP)


@app.callback()
def _root(verbose: Verbose = False, version: Version = False) -> None:
    """Mine hard negatives for dense retrieval: judged, explained, reproducible."""


def run(command: Callable[[], object] = app) -> NoReturn:
    """Run the command line; every error is one sentence on stderr and its exit code."""
    degrade()
    for number, _ in SIGNALS.values():
        signal.signal(number, _raise_signal)
    try:
        command()
    except SystemExit:
        if "PacifyFlush" in type(sys.stdout).__name__:  # click met a closed pipe, and calls it 1: a finding
            _exit_broken_pipe()
        raise
    except BaseException as error:  # noqa: BLE001 - the last line of defence
        sys.exit(_report_error(error))
    sys.exit(0)


def _report_error(error: BaseException) -> int:
    """Print an error. Return its exit code."""
    if isinstance(error, HardnegError):
        _print_error(error.with_flags, error)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    if isinstance(error, _SignalReceived):
        _print_error("; ".join(filter(None, (SIGNALS[error.code][1], resume_advice(sys.argv[1:])))), error)
        return error.code
    if isinstance(error, BrokenPipeError):
        _exit_broken_pipe()
    if isinstance(error, OSError):
        _print_error(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", error)
        return EXIT_CODES[StorageError]
    _print_error(f"a bug: {type(error).__name__}: {error}; HARDNEG_DEBUG=1 shows where", error)
    if os.environ.get("HARDNEG_DEBUG"):
        traceback.print_exception(error)
    return BUG_EXIT


def _exit_broken_pipe() -> NoReturn:
    """Exit as after SIGPIPE: the reader of stdout has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)  # or the interpreter complains at its end
    sys.exit(BROKEN_PIPE_EXIT)


def _print_error(message: str, error: BaseException) -> None:
    """Print a message with the notes of its error, such as how to resume."""
    for line in (message, *getattr(error, "__notes__", ())):
        typer.echo(f"hardneg: {line}", err=True)


class _SignalReceived(BaseException):
    """Raised by a signal handler, so that the stack unwinds and temporary files are removed. Typer would swallow a KeyboardInterrupt."""

    def __init__(self, code: int) -> None:
        self.code = code


def _raise_signal(signum: int, frame: FrameType | None) -> NoReturn:
    raise _SignalReceived(next(code for code, (number, _) in SIGNALS.items() if number == signum))
