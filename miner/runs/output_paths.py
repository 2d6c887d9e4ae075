"""What `out` names: a run folder, a training file with its run folder beside it, or standard output. Looks, and writes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from miner.errors import ConfigError
from miner.formats import FORMATS
from miner.io.atomic import check_output_path, resolve_link
from miner.io.row_writer import KINDS, output_kind

FILE_KINDS = (*KINDS, "")


class OutputPaths(NamedTuple):
    """The paths of an output.

    is_file: whether it names a training file.
    file: the training file.
    final: the run folder.
    """

    is_file: bool
    file: Path
    final: Path


def resolve_out(out: str | Path | None) -> str | Path | None:
    """`out`, or the target of a symbolic link; ConfigError where the target is of another kind."""
    if out is not None:
        check_output_path(out)
    if out is None or str(out) in ("", "-") or not Path(out).is_symlink():
        return out
    destination, kind = resolve_link(out), output_kind(out)
    if kind in KINDS and not str(destination).endswith(kind):
        raise ConfigError(f"{out} is a link to {destination}, which does not end in {kind}: name that file itself, or another --out")
    return destination if kind in KINDS else f"{destination}/"


def output_paths(out: str | Path, default_name: str) -> OutputPaths:
    """The paths of `out`. ConfigError where something of another kind is there.

    default_name: of the training file in a run folder.
    """
    if not str(out) or not Path(os.path.realpath(out)).name:
        raise ConfigError(f"--out is {str(out)!r}: name a folder or a file")
    is_file = output_kind(out) in KINDS
    file = Path(out) if is_file else Path(out) / default_name
    final = file.with_name(file.name.removesuffix(output_kind(out)) + ".run") if is_file else Path(out)
    if is_file and file.is_dir():
        raise ConfigError(f"{file} is a folder, and --out names a file of that kind: choose another --out, or move the folder away")
    if is_file and final.is_symlink():
        raise ConfigError(f"{final}, where the run of {file.name} goes, is a link to another place: choose another --out")
    if not is_file and final.is_file():
        raise ConfigError(f"{final} is a file, and --out names a folder: choose another --out")
    return OutputPaths(is_file, file, final)


def training_file_name(out: str | Path | None, kind: str | None, output_format: str) -> str:
    """The name of the training file in a run folder: triplets.jsonl, or the name of a format of several files."""
    file_format = FORMATS[output_format]
    if file_format.layout:
        description = f"output format '{output_format}' is a folder of several files"
        if kind is not None:
            raise ConfigError(f"{description}, each of its own kind: leave --kind out")
        if out is not None and output_kind(out) != "folder":
            raise ConfigError(f"{description}: --out names a folder to put it in, not '{out}'")
        return output_format
    kind = file_format.kind if kind is None else kind
    if kind not in FILE_KINDS:
        raise ConfigError(f"a training file ends in {', '.join(KINDS)} or is a datasets folder (''), not '{kind}'")
    return f"triplets{kind}"
