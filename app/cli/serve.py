"""`hardneg serve`: the service, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import options as o


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].", envvar="HARDNEG_HOST", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [8000].", envvar="HARDNEG_PORT", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="Model to serve: a folder or a hub name.", envvar="HARDNEG_MODEL")] = None,
    corpus: Annotated[str | None, typer.Option(help="File of passages to open at start.", envvar="HARDNEG_CORPUS")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the embedding store.", envvar="HARDNEG_CACHE", show_default=False)] = None,
    data_dir: o.DataDir = None,
    insecure_no_auth: Annotated[
        bool,
        typer.Option("--insecure-no-auth", help="Listen on a non-loopback address without a key.", envvar="HARDNEG_INSECURE_NO_AUTH"),
    ] = False,
) -> None:
    """Serve files, corpora, jobs and POST /v1/mine over HTTP. Keys: `hardneg keys create`, or HARDNEG_API_KEY."""
    from app.serve import serve as run_server

    flags = {"host": host, "port": port, "model": model, "corpus": corpus, "cache": cache, "data_dir": data_dir}
    flags["insecure_no_auth"] = insecure_no_auth or None
    run_server({name: value for name, value in flags.items() if value is not None})
