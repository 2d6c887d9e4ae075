"""`hardneg jobs`: long work that a service does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.remote import LOCAL, ApiKey, AsJson, Name, Url, connect, follow, quote_name, show, upload_inputs
from miner.cli.command import Verbs
from miner.errors import ConfigError
from miner.io.file_kinds import KINDS

app = Verbs(no_args_is_help=True, help="Jobs of a service: submit, follow, cancel, retry, download results.")


@app.command("submit")
def submit(
    body: Annotated[Path, typer.Argument(help="The job as JSON or YAML: kind, inputs, config.", show_default=False)],
    idempotency_key: Annotated[str | None, typer.Option(help="Requests with the same key create one job.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job until it ends.")] = False,
    url: Url = LOCAL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job. Files named in `inputs` are uploaded first."""
    from miner.cli.config_file import read_config

    service, job_body = connect(url, key), read_config(body)
    job_body["inputs"] = upload_inputs(service, job_body["inputs"], body.parent) if isinstance(job_body.get("inputs"), dict) else None
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    job = service.call("POST", "/v1/jobs", {name: value for name, value in job_body.items() if value is not None}, **headers)
    show(follow(service, job["id"]) if wait else job, as_json, "id", "state")


@app.command("ls")
def list_jobs(url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """List the jobs, newest first."""
    show(connect(url, key).call("GET", "/v1/jobs")["jobs"], as_json, "id", "kind", "state", "created_at")


@app.command("get")
def get(job_id: Name, url: Url = LOCAL, key: ApiKey = None) -> None:
    """Print a job as JSON: state, progress, settings, result."""
    show(connect(url, key).call("GET", f"/v1/jobs/{quote_name(job_id)}"), True)


@app.command("wait")
def wait(job_id: Name, url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Follow a job until it ends. Exit 1 when it did not succeed."""
    show(follow(connect(url, key), quote_name(job_id)), as_json, "id", "state")


@app.command("cancel")
def cancel(job_id: Name, url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Cancel a job."""
    show(connect(url, key).call("POST", f"/v1/jobs/{quote_name(job_id)}/cancel"), as_json, "id", "state")


@app.command("retry")
def retry(job_id: Name, url: Url = LOCAL, key: ApiKey = None, as_json: AsJson = False) -> None:
    """Retry a job."""
    show(connect(url, key).call("POST", f"/v1/jobs/{quote_name(job_id)}/retry"), as_json, "id", "state")


@app.command("download")
def download_job(
    job_id: Name,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    url: Url = LOCAL,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Download the files of a job into a folder: training file, report, manifest. An interrupted download is resumed.

    The candidates stay with the service: explain, export and verify are for runs that were mined here.
    """
    if (out.name == "-" or out.name.endswith(tuple(KINDS))) and not out.is_dir():
        raise ConfigError(f"--out is a folder for all files of the job, and '{out}' is no folder's name")
    service = connect(url, key)
    job = service.call("GET", f"/v1/jobs/{quote_name(job_id)}")
    if job["state"] != "succeeded":
        raise ConfigError(f"there is nothing to download: that job is {job['state']}")
    for file_id in job["result"].get("files", {}).values():
        name = Path(service.call("GET", f"/v1/files/{file_id}")["name"].replace("\\", "/"))
        target = out / Path(*(part for part in name.parts if part not in ("..", "/")))
        target.parent.mkdir(parents=True, exist_ok=True)
        file = service.download(file_id, target)
        show({**file, "path": str(target)}, as_json, "sha256", "path")


@app.command("rm")
def remove_job(job_id: Name, url: Url = LOCAL, key: ApiKey = None) -> None:
    """Delete a job and its files."""
    connect(url, key).call("DELETE", f"/v1/jobs/{quote_name(job_id)}")
