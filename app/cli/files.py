"""`hardneg files`: contents of a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.remote import LOCAL, ApiKey, AsJson, Name, Url, connect, quote_name, show
from miner.cli.command import Verbs

Paths = Annotated[list[Path], typer.Argument(show_default=False)]

app = Verbs(no_args_is_help=True, help="Files of a service: upload, list, download, delete.")


@app.command("upload")
def upload(
    paths: Annotated[list[Path], typer.Argument(show_default=False)], url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Upload files and print their ids."""
    for path in paths:
        show(connect(url, key).upload(path), as_json, "id")


@app.command("ls")
def list_files(url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """List the files."""
    files: list[Any] = []
    while page := connect(url, key).call("GET", f"/v1/files?limit=1000&after={files[-1]['id'] if files else ''}")["files"]:
        files += page
    show(files, as_json, "id", "bytes", "name")


@app.command("download")
def download(
    file_id: Name,
    out: Annotated[Path, typer.Option(help="Path of the file.")],
    url: Url = LOCAL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Download a file and check its hash. An interrupted download is resumed."""
    file = connect(url, key).download(file_id, out)
    show(file, as_json, "sha256", "bytes")


@app.command("rm")
def remove_file(file_id: Name, url: Url = LOCAL, key: ApiKey = None) -> None:
    """Delete a file."""
    connect(url, key).call("DELETE", f"/v1/files/{quote_name(file_id)}")
