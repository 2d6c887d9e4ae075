"""`hardneg corpora`: passages with their vectors, kept by a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.remote import LOCAL, ApiKey, AsJson, Name, Url, connect, follow, quote_name, show
from miner.cli.command import Verbs

app = Verbs(no_args_is_help=True, help="Corpora of a service: build, append to, list, delete.")


@app.command("create")
def create_corpus(
    name: Name,
    file: Annotated[list[Path], typer.Option(help="A file of passages, which is uploaded.")],
    model: Annotated[str | None, typer.Option(help="Name of one of the service's models.")] = None,
    url: Url = LOCAL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Upload files, build a corpus from them, and wait until it is ready."""
    service = connect(url, key)
    corpus = service.call("POST", "/v1/corpora", {"name": name, "model": model, "files": [service.upload(path)["id"] for path in file]})
    follow(service, corpus["versions"][-1]["job"])
    show(service.call("GET", f"/v1/corpora/{corpus['id']}"), as_json, "id", "name", "passages")


@app.command("append")
def append(
    name: Name,
    file: Annotated[list[Path], typer.Option(help="A file of passages, which is uploaded.")],
    url: Url = LOCAL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Upload more files and add their passages. Only new texts are encoded."""
    service = connect(url, key)
    corpus = service.call("POST", f"/v1/corpora/{quote_name(name)}/versions", {"files": [service.upload(path)["id"] for path in file]})
    follow(service, corpus["versions"][-1]["job"])
    show(service.call("GET", f"/v1/corpora/{corpus['id']}"), as_json, "id", "name", "passages")


@app.command("ls")
def list_corpora(url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """List the corpora."""
    show(connect(url, key).call("GET", "/v1/corpora")["corpora"], as_json, "id", "state", "passages", "name")


@app.command("rm")
def remove_corpus(name: Name, url: Url = LOCAL, key: ApiKey = None) -> None:
    """Delete a corpus."""
    connect(url, key).call("DELETE", f"/v1/corpora/{quote_name(name)}")
