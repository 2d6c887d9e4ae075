"""Adds the verbs of the service to those of the library."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from app.cli import corpora, files, jobs, keys, serve, worker
from app.cli.environment_names import check_environ
from miner.cli import app, run

__all__ = ["app", "main"]

SERVE = "Serve"

app.command("serve", rich_help_panel=SERVE)(serve.serve)
app.command("worker", rich_help_panel=SERVE)(worker.worker)
app.add_typer(keys.app, name="keys", rich_help_panel=SERVE)
app.add_typer(files.app, name="files", rich_help_panel=SERVE)
app.add_typer(corpora.app, name="corpora", rich_help_panel=SERVE)
app.add_typer(jobs.app, name="jobs", rich_help_panel=SERVE)


def main() -> NoReturn:
    """Entry point of the console script."""
    run(_checked)


def _checked() -> None:
    """Check the environment, then run the verb."""
    if not {"-h", "--help", "--help-all", "-V", "--version"} & set(sys.argv[1:]):
        check_environ(os.environ)
    app()
