"""`hardneg worker`: one more worker for the jobs of a data folder. It listens on no port."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import options as o


def worker(
    data_dir: o.DataDir = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the embedding store.", envvar="HARDNEG_CACHE", show_default=False)] = None,
) -> None:
    """Run jobs until stopped. Any number of workers share a data folder (and, over PostgreSQL, a network drive).

    The server runs jobs too (HARDNEG_JOBS_AT_ONCE, default 1; 0: workers only).
    """
    from app.jobs.run_worker import run_worker

    run_worker({name: value for name, value in {"data_dir": data_dir, "cache": cache}.items() if value is not None})
