"""Flags that several verbs of the service share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.state import State

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of files, corpora and jobs [~/.local/share/hardneg].", envvar="HARDNEG_DATA_DIR", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.", envvar="HARDNEG_JSON")]


def open_data_folder(data_dir: Path | None) -> State:
    """Open the data folder that the flag or the environment names."""
    import os

    from app.settings import Settings, from_environ
    from app.state import open_state
    from app.state.modes import close_to_others

    values = {**from_environ(os.environ), **({"data_dir": data_dir} if data_dir else {})}
    settings = Settings.of(**values)
    close_to_others(settings.shared_data)
    return open_state(settings.data_dir, settings.database.get_secret_value() if settings.database else None, settings.shared_data)
