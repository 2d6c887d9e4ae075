"""`hardneg evaluate`: how well one or several models rank, and whether their difference is real."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import Shown, kept_errors
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.evaluation import Evaluation


@f.takes(f.DATA, f.TEXTS, f.SCALE, f.MEASURE, f.SEED, f.RUNTIME)
def evaluate(
    flags: f.Flags,
    split: Annotated[list[str] | None, o.option("split", "qrels files of the folder to measure on [test, or the only one]", o.READ)] = None,
    model: o.Models = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for evaluation.json, evaluation.html, per_query.parquet.", show_default=False)
    ] = None,
    force: o.Force = False,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Rank the corpus exactly with each model and measure; the first model is what the others are compared with.

    hardneg evaluate --data scifact --model all-MiniLM-L6-v2 --model ours=run-1/model --model ours=run-2/model --out compared
    """
    o.check_spared(config, out, force=force)
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.evaluation import EvaluateConfig

    inputs, mining, runtime, measuring = o.gather_with({**flags, "split": split}, config, Inputs, MiningConfig, Runtime, EvaluateConfig)
    models = labelled(model or [])
    if not models:
        raise ConfigError("say which model to evaluate: --model FOLDER, once for each")
    if out is not None:
        check(out, force=force)
    with Shown(quiet) as shown:
        from miner import evaluation

        found = evaluation.evaluate(inputs, models, measuring, settings=mining, runtime=runtime, on_progress=shown)
        if out is not None:
            write(found, out, force=force)
        shown.stop()
        _say(found, shown, as_json=as_json, out=out)


def labelled(given: Sequence[str]) -> dict[str, list[str]]:
    """{label: model folders}: LABEL=FOLDER, or a folder under its own name (its path where two share a name)."""
    plain = [text for text in given if "=" not in text]
    names = [Path(text).name for text in plain]
    models: dict[str, list[str]] = {}
    for text in given:
        label, equals, path = text.partition("=")
        if not equals:
            label, path = (text if names.count(Path(text).name) > 1 else Path(text).name), text
        if not label or not path:
            raise ConfigError(f"--model wants FOLDER or LABEL=FOLDER, not '{text}'")
        models.setdefault(label, []).append(path)
    return models


def check(out: Path, *, force: bool) -> None:
    """ConfigError where `write` could not put anything: before the models are measured, and after."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file, and --out names a folder: choose another --out")
    if out.exists() and any(out.iterdir()) and not (force and (out / "evaluation.json").is_file()):
        advice = "choose another --out" if force else "choose another --out, or replace it with --force"
        raise ConfigError(f"{out} exists already{' and holds something else' if force else ''}; {advice}")


def write(found: Evaluation, out: Path, *, force: bool) -> None:
    """evaluation.json, evaluation.html and the values of every query, in a folder that is complete or absent."""
    from miner.io.atomic import folder_part
    from miner.io.row_files import open_sink, write_bytes, write_json
    from miner.page import comparison

    check(out, force=force)
    with folder_part(out, "evaluation.json") as folder:
        if found.errors:
            shutil.copyfile(found.errors, folder / "errors.jsonl")
        with open_sink(folder / "per_query.parquet") as sink:
            sink.write(found.rows())
        write_bytes(folder / "evaluation.html", comparison(found.summary).encode())
        write_json(folder / "evaluation.json", found.summary)


def _say(found: Evaluation, shown: Shown, *, as_json: bool, out: Path | None) -> None:
    shown.console.print(_table(found.summary))
    for sentence in (found.summary["data"]["rule"], *found.summary["data"]["notes"]):
        shown.console.print(sentence, soft_wrap=True, markup=False)
    for label, about in found.summary["models"].items():
        if "steps_to_target" in about:
            told = ", ".join("not reached" if steps is None else f"{steps:,}" for steps in about["steps_to_target"])
            shown.console.print(f"{label}: steps to target {told}")
    if out is not None:
        shown.console.print(f"{out / 'evaluation.html'}", soft_wrap=True)
    if found.errors:  # also under --quiet: rows are missing
        there = out / "errors.jsonl" if out is not None else kept_errors(found.errors)
        typer.echo(f"hardneg: {found.summary['data']['rows_rejected']:,} rows were rejected; see {there}", err=True)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(found.summary, option=orjson.OPT_INDENT_2).decode())


def _table(told: Mapping[str, Any]) -> Any:
    from rich.table import Table

    models, differences = told["models"], told["differences"]
    table = Table("", *models, box=None)
    for name in told["measures"]:
        table.add_row(name, *(f"{about[name]['mean']:.4f}" for about in models.values()))
        if differences:
            table.add_row("", "", *(_difference(about[name]) for about in differences.values()), style="dim")
    return table


def _difference(about: dict[str, Any]) -> str:
    low, high = about["interval"]
    return f"{about['mean']:+.4f} [{low:+.4f}, {high:+.4f}]\np = {about['p_holm']:.4f}"
