"""`hardneg keys`: who may use the service. Works on the data folder, whether a server runs or not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from app.cli import options as o
from miner.cli.command import Verbs

app = Verbs(no_args_is_help=True, help="Keys of the service: create, list, revoke.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the key, such as its user and purpose.", show_default=False)],
    scope: Annotated[list[str] | None, typer.Option("--scope", help="read, write or admin [write].", show_default=False)] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Create a key and print it. It is shown only once; the service stores its hash.

    hardneg keys create "Ada's notebook" --scope write
    """
    from app.auth.keys import create as create_key

    key_id, key = create_key(o.open_data_folder(data_dir), name, scope or ["write"])
    typer.echo(f"made key {key_id} ({', '.join(scope or ['write'])}); this is the only time it is shown:", err=True)
    typer.echo(key)


@app.command()
def ls(data_dir: o.DataDir = None, as_json: o.Json = False) -> None:
    """List the keys: id, state, time, name. The keys themselves are not stored."""
    from app.auth.keys import ls as list_keys

    keys = list_keys(o.open_data_folder(data_dir))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(keys, option=orjson.OPT_INDENT_2).decode())
        return
    for key in keys:
        created_at = datetime.fromtimestamp(key["created_at"]).astimezone()
        state = "revoked" if key["revoked_at"] else ",".join(key["scopes"])
        typer.echo(f"{key['id']}  {state:<12} {created_at:%Y-%m-%d %H:%M}  {key['name']}")
    typer.echo(f"{sum(not key['revoked_at'] for key in keys)} of {len(keys)} keys active", err=True)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key, from `hardneg keys ls`.")], data_dir: o.DataDir = None) -> None:
    """Revoke a key. This cannot be undone; a running server refuses it within two seconds."""
    from app.auth.keys import revoke as revoke_key

    revoke_key(o.open_data_folder(data_dir), key_id)
    typer.echo(f"key {key_id} is revoked", err=True)
