"""`hardneg evaluate`: ranking quality of one or several models, and the significance of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay, copy_error_file
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.evaluation import Evaluation
    from miner.evaluation.compare import Difference


@f.takes(f.DATA, f.TEXTS, f.SCALE, f.MEASURE, f.SEED, f.RUNTIME)
def evaluate(
    flags: f.Flags,
    split: Annotated[list[str] | None, o.option("split", "qrels files of the folder to measure on [test, or the only one]", o.READ)] = None,
    model: o.Models = None,
    run: o.RunFiles = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for evaluation.json, evaluation.html and per_query.parquet.", show_default=False)
    ] = None,
    force: o.Force = False,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Measure the ranking quality of models by exact search, and of run files. The first model is the baseline of the others.

    hardneg evaluate --data scifact --model all-MiniLM-L6-v2 --model ours=run-1/model --model ours=run-2/model --out compared
    """
    o.check_protected_paths(config, out, force=force)
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.evaluation import EvaluateConfig, RunFile

    inputs, mining, runtime, measure_config = o.gather_with(
        {**flags, "split": split}, config, Inputs, MiningConfig, Runtime, EvaluateConfig
    )
    models: dict[str, list[Any]] = {**models_by_label(model or [])}
    for label, files in models_by_label(run or [], "--run", "FILE").items():
        models.setdefault(label, []).extend(RunFile(Path(file)) for file in files)
    if not models:
        raise ConfigError("say what to evaluate: --model FOLDER or --run FILE, once for each")
    if out is not None:
        check(out, force=force)
    with ProgressDisplay(quiet) as display:
        from miner import evaluation

        result = evaluation.evaluate(inputs, models, measure_config, settings=mining, runtime=runtime, on_progress=display)
        if out is not None:
            write(result, out, force=force)
        display.stop()
        _print_result(result, display, as_json=as_json, out=out)


def models_by_label(arguments: Sequence[str], flag: str = "--model", kind: str = "FOLDER") -> dict[str, list[str]]:
    """{label: paths} from LABEL=FOLDER. A path without a label gets its name, or the whole path where two share a name."""
    unlabelled = [text for text in arguments if "=" not in text]
    names = [Path(text).name for text in unlabelled]
    models: dict[str, list[str]] = {}
    for text in arguments:
        label, equals, path = text.partition("=")
        if not equals:
            label, path = (text if names.count(Path(text).name) > 1 else Path(text).name), text
        if not label or not path:
            raise ConfigError(f"{flag} wants {kind} or LABEL={kind}, not '{text}'")
        models.setdefault(label, []).append(path)
    return models


def check(out: Path, *, force: bool) -> None:
    """ConfigError where `write` would refuse `out`. It is checked before the models are measured, and again after."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file, and --out names a folder: choose another --out")
    if out.exists() and any(out.iterdir()) and not (force and (out / "evaluation.json").is_file()):
        advice = "choose another --out" if force else "choose another --out, or replace it with --force"
        raise ConfigError(f"{out} exists already{' and holds something else' if force else ''}; {advice}")


def write(result: Evaluation, out: Path, *, force: bool) -> None:
    """Write evaluation.json, evaluation.html and the values of every query, as a folder that is complete or absent."""
    from miner.io.atomic import folder_part
    from miner.io.folder_tree import copy
    from miner.io.row_writer import open_sink, write_bytes, write_json
    from miner.page import comparison

    check(out, force=force)
    with folder_part(out, "evaluation.json") as folder:
        if result.errors:
            copy(result.errors, folder / "errors.jsonl")
        with open_sink(folder / "per_query.parquet") as sink:
            sink.write(result.rows())
        write_bytes(folder / "evaluation.html", comparison(result.summary).encode())
        write_json(folder / "evaluation.json", result.summary)


def _print_result(result: Evaluation, display: ProgressDisplay, *, as_json: bool, out: Path | None) -> None:
    display.console.print(_table(result.summary))
    for sentence in (result.summary["data"]["rule"], *result.summary["data"]["notes"]):
        display.console.print(sentence, soft_wrap=True, markup=False)
    for label, values in result.summary["models"].items():
        if "steps_to_target" in values:
            steps = ", ".join("not reached" if steps is None else f"{steps:,}" for steps in values["steps_to_target"])
            display.console.print(f"{label}: steps to target {steps}")
    if out is not None:
        display.console.print(f"{out / 'evaluation.html'}", soft_wrap=True)
    if result.errors:  # also under --quiet: rows are missing
        error_file = out / "errors.jsonl" if out is not None else copy_error_file(result.errors)
        typer.echo(f"hardneg: {result.summary['data']['rows_rejected']:,} rows were rejected; see {error_file}", err=True)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(result.summary, option=orjson.OPT_INDENT_2).decode())


def _table(summary: Mapping[str, Any]) -> Any:
    from rich.table import Table

    models, differences = summary["models"], summary["differences"]
    table = Table("", *models, box=None)
    for name in summary["measures"]:
        table.add_row(name, *(f"{values[name]['mean']:.4f}" for values in models.values()))
        if differences:
            table.add_row("", "", *(_difference(values[name]) for values in differences.values()), style="dim")
    return table


def _difference(values: Difference) -> str:
    low, high = values["interval"]
    return f"{values['mean']:+.4f} [{low:+.4f}, {high:+.4f}]\np = {values['p_holm']:.4f}"
