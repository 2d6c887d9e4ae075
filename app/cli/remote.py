"""Functions that `hardneg files | corpora | jobs --url …` share. Ids go to stdout, progress to stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.cli.client import Client, JsonObject

Url = Annotated[str, typer.Option(help="Address of the service.", envvar="HARDNEG_URL")]
ApiKey = Annotated[str | None, typer.Option("--key", help="A key of the service.", envvar="HARDNEG_KEY", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.", envvar="HARDNEG_JSON")]
Name = Annotated[str, typer.Argument(show_default=False)]
LOCAL = "http://127.0.0.1:8000"


def connect(url: str, key: str | None) -> Client:
    """A client of the service. It is imported here, so that other verbs start faster."""
    from app.cli.client import Client

    return Client(url, key)


def show(answer: Any, as_json: bool, *fields: str) -> None:
    """Print the fields of an answer, one line per item of a list; or the whole answer as JSON."""
    import json

    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    for item in answer if isinstance(answer, list) else [answer]:
        typer.echo("  ".join(str(item[field] if item[field] is not None else "-") for field in fields))


def follow(service: Client, job_id: str) -> Any:
    """Print the events of a job to stderr until it has ended. Return the job. RemoteError when it did not succeed."""
    from app.cli.client import RemoteError

    for _, kind, data in service.events(job_id):
        text = (
            data["state"] if kind == "state" else f"{data['stage']} {data['done']:,}" + (f" of {data['total']:,}" if data["total"] else "")
        )
        typer.echo(f"{job_id}: {text}", err=True)
    job = service.call("GET", f"/v1/jobs/{job_id}")
    if job["state"] != "succeeded":
        raise RemoteError(f"job {job_id} is {job['state']}: {(job['error'] or {}).get('detail', 'no reason is recorded')}")
    return job


def upload_inputs(service: Client, inputs: JsonObject, folder: Path) -> JsonObject:
    """Upload the inputs that name existing files, relative to `folder`. Return the inputs with ids in place of these names."""

    def upload_file(value: Any) -> Any:
        return service.upload(folder / value)["id"] if isinstance(value, str) and (folder / value).is_file() else value

    return {
        name: [upload_file(item) for item in value] if isinstance(value, list) else upload_file(value) for name, value in inputs.items()
    }


def quote_name(name: str) -> str:
    """A name, percent-encoded for a path."""
    from urllib.parse import quote

    return quote(name, safe="")
