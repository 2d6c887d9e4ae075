"""`hardneg cache`: where the embedding store lies, how big it is, and how to make it smaller."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from miner.cli import options as o
from miner.cli.command import Verbs
from miner.errors import ConfigError

app = Verbs(no_args_is_help=True, help="The embedding store: list it, prune it.")


@app.command()
def ls(cache: o.Cache = None, as_json: o.Json = False) -> None:
    """List the stored models: texts, bytes, last use."""
    from miner.config import default_cache
    from miner.encode.store import stores

    folder = cache or default_cache()
    found = list(stores(folder))
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"folder": str(folder), "stores": found}, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(f"{folder}: {len(found)} models, {_size(sum(store['bytes'] for store in found))}")
    for store in found:
        used = datetime.fromtimestamp(store["used"]).astimezone()
        typer.echo(
            f"{store['fingerprint'][:12]}  {store['texts']:>10,} texts  {_size(store['bytes']):>9}  {used:%Y-%m-%d %H:%M}  {store['model']}"
        )


@app.command()
def prune(
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="Remove what was not used for so many days.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Remove one, by the start of its fingerprint.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all.")] = False,
    cache: o.Cache = None,
) -> None:
    """Remove stored vectors; they are made again when needed."""
    from miner.config import default_cache
    from miner.encode.store import prune as prune_stores

    if sum([older_than is not None, model is not None, everything]) != 1:
        raise ConfigError("say what to remove: --older-than DAYS, --model FINGERPRINT (as `hardneg cache ls` shows it), or --all")
    removed = prune_stores(cache or default_cache(), older_than_days=older_than or 0.0, fingerprint=model)
    typer.echo(f"removed {len(removed)} models, {_size(sum(store['bytes'] for store in removed))}")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
