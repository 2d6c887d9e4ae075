"""The files of a loop: their hashes in loop.json, what has changed since, and the rounds of a loop that has not ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from miner.errors import NoRunError
from miner.io.atomic import sha256_of, write_bytes, write_json
from miner.io.plain_files import read_json
from miner.page import loop_page
from miner.runs.run import Run
from miner.train import training_report
from miner.train.output_folder import LOOP
from miner.train.round_report import LoopReport, RoundReport

ROUND_FILES = ("training.jsonl", "anchors.json", "notebook.parquet", "dev.parquet", "delta.json")
"""Files of a round that loop.json holds the hashes of; the mined run and the model have hashes of their own.

None of them names the loop's own folder: the same loop in two places is the same byte for byte.
"""


def write_loop(folder: Path, report: LoopReport) -> LoopReport:
    """Write the page and, last, loop.json with the hashes of all files that follow from the settings; return its content."""
    write_bytes(folder / training_report.PAGE, loop_page(report).encode())
    names = [f"round-{entry['round']}/{name}" for entry in report["rounds"] for name in ROUND_FILES]
    model = [f"model/{name}" for name in training_report.file_hashes(folder / "model") if name != training_report.PAGE]
    present = [name for name in ("notebook.parquet", training_report.PAGE, *names, *model) if (folder / name).is_file()]
    complete: LoopReport = {**report, "files": {name: sha256_of(folder / name) for name in present}}
    write_json(folder / LOOP, complete)
    return complete


def open_loop(folder: Path) -> LoopReport:
    """Read loop.json; of a loop that has not ended, with its finished rounds. NoRunError where no round is finished."""
    stored: LoopReport = read_json(folder / LOOP)
    if stored["done"]:
        return stored
    rounds: list[RoundReport] = [read_json(path) for path in folder.glob("round-*/delta.json")]
    if not rounds:
        raise NoRunError(f"{folder} holds a loop without a finished round: `hardneg loop --resume` continues it")
    rounds.sort(key=lambda entry: entry["round"])
    wanted = stored["identity"]["loop"]["rounds"]
    stopped = f"not ended, {len(rounds)} of {wanted} rounds are finished"
    return {"identity": stored["identity"], "before": None, "rounds": rounds, "best": -1, "stopped": stopped, "done": False}


def differences(folder: Path) -> Iterator[str]:
    """Yield what no longer matches loop.json, a round's manifest or a model's training.json, one sentence a file."""
    report = open_loop(folder)
    files = report.get("files")
    if not files:
        reason = "was made by an earlier version, which stored no hashes" if report["done"] else "has not ended"
        raise NoRunError(f"{folder} holds a loop that {reason}: there is nothing to compare with")
    for name, digest in files.items():
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif sha256_of(folder / name) != digest:
            yield f"{name} has changed: its sha256 is not {digest[:12]}…"
    for entry in report["rounds"]:
        place = f"round-{entry['round']}"
        yield from (f"{place}/mined: {difference}" for difference in Run(folder / place / "mined").differences())
        if (folder / place / "model" / "training.json").is_file():
            yield from (f"{place}/model: {difference}" for difference in training_report.differences(folder / place / "model"))
