"""`hardneg cache`: list and prune the embedding store and the scratch folders of killed runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from miner.cli import options as o
from miner.cli.command import Verbs
from miner.cli.numbers import count_noun
from miner.errors import ConfigError

app = Verbs(no_args_is_help=True, help="List and prune the embedding store and scratch folders of killed runs.")


@app.command()
def ls(cache: o.Cache = None, as_json: o.Json = False) -> None:
    """List the stored models (texts, bytes, last use) and the scratch folders of runs that were killed."""
    from miner.config import default_cache
    from miner.encode.store import stores
    from miner.io.scratch import leftovers

    folder = cache or default_cache()
    models, leftover_folders = list(stores(folder)), leftovers([folder, Path()])
    if as_json:
        import orjson

        typer.echo(
            orjson.dumps(
                {"folder": str(folder), "stores": models, "scratch": leftover_folders}, default=str, option=orjson.OPT_INDENT_2
            ).decode()
        )
        return
    typer.echo(f"{folder}: {count_noun(len(models), 'model')}, {_size(sum(store['bytes'] for store in models))}")
    for store in models:
        used_at = datetime.fromtimestamp(store["used"]).astimezone()
        unit = "text" if store["kind"] == "vectors" else "pair"
        texts = f"{store['texts']:>10,} {unit}{' ' if store['texts'] == 1 else 's'}"
        typer.echo(f"{store['fingerprint'][:12]}  {texts}  {_size(store['bytes']):>9}  {used_at:%Y-%m-%d %H:%M}  {store['model']}")
    for leftover in leftover_folders:
        typer.echo(leftover.advice)


@app.command()
def prune(
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="Remove the vectors of models not used for this many days.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Remove the vectors of one model, by the start of its fingerprint.", show_default=False)
    ] = None,
    scratch: Annotated[bool, typer.Option("--scratch", help="Remove scratch folders of killed runs.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Remove all stored vectors and all scratch folders of killed runs.")] = False,
    cache: o.Cache = None,
) -> None:
    """Remove stored vectors or scratch folders of killed runs. Vectors are encoded again when needed. `hardneg cache ls` lists both."""
    from miner.config import default_cache
    from miner.encode.store import prune as prune_stores

    if sum([older_than is not None, model is not None, scratch, everything]) != 1:
        raise ConfigError(
            "choose what to remove: --older-than DAYS, --model FINGERPRINT (as `hardneg cache ls` shows it), --scratch (of killed runs), "
            "or --all"
        )
    folder = cache or default_cache()
    if not scratch:
        removed = prune_stores(folder, older_than_days=older_than or 0.0, fingerprint=model)
        typer.echo(f"removed {count_noun(len(removed), 'model')}, {_size(sum(store['bytes'] for store in removed))}")
    if scratch or everything:
        _prune_scratch(folder)


def _prune_scratch(folder: Path) -> None:
    """Remove the scratch folders of dead processes. Print those that stay, with the reason."""
    from miner.io.scratch import leftovers, remove_leftovers

    removed = remove_leftovers([folder, Path()])
    for leftover in removed:
        typer.echo(f"{leftover.path}: {_size(leftover.bytes)}")
    typer.echo(
        f"removed scratch of killed runs in {count_noun(len(removed), 'folder')}, {_size(sum(leftover.bytes for leftover in removed))}"
    )
    for leftover in leftovers([folder, Path()]):
        typer.echo(leftover.advice)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
