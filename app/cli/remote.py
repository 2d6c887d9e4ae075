"""What `hardneg files | corpora | jobs --url …` share: a service from the command line. Ids on stdout, talk on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.cli.client import Client

Url = Annotated[str, typer.Option(help="The service.", envvar="HARDNEG_URL")]
ApiKey = Annotated[str | None, typer.Option("--key", help="A key of the service.", envvar="HARDNEG_KEY", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]
Name = Annotated[str, typer.Argument(show_default=False)]
LOCAL = "http://127.0.0.1:8000"


def client(url: str, key: str | None) -> Client:
    """The client, imported when it is needed."""
    from app.cli.client import Client

    return Client(url, key)


def show(answer: Any, as_json: bool, *fields: str) -> None:
    """Some fields of an answer (or of each of a list), or all of it as JSON."""
    import json

    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    for one in answer if isinstance(answer, list) else [answer]:
        typer.echo("  ".join(str(one[field] if one[field] is not None else "-") for field in fields))


def follow(at: Client, job_id: str) -> Any:
    """Say on stderr what happens, until the job has ended. RemoteError when it did not succeed."""
    from app.cli.client import RemoteError

    for _, kind, data in at.events(job_id):
        told = (
            data["state"] if kind == "state" else f"{data['stage']} {data['done']:,}" + (f" of {data['total']:,}" if data["total"] else "")
        )
        typer.echo(f"{job_id}: {told}", err=True)
    job = at.call("GET", f"/v1/jobs/{job_id}")
    if job["state"] != "succeeded":
        raise RemoteError(f"job {job_id} is {job['state']}: {(job['error'] or {}).get('detail', 'nobody said why')}")
    return job


def sent(at: Client, inputs: dict[str, Any], beside: Path) -> dict[str, Any]:
    """The inputs, with every name of a file that is there sent and replaced by its id."""

    def one(value: Any) -> Any:
        return at.upload(beside / value)["id"] if isinstance(value, str) and (beside / value).is_file() else value

    return {name: [one(item) for item in value] if isinstance(value, list) else one(value) for name, value in inputs.items()}


def quoted(name: str) -> str:
    """A name as part of a path."""
    from urllib.parse import quote

    return quote(name, safe="")
