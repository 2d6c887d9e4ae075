"""What a finished run says to a program: its summary through `logging`, and its report as a notebook shows it."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miner.errors import with_settings
from miner.io.plain_files import read_text
from miner.report import summary_lines

log = logging.getLogger(__name__)
FRAME_STYLE = "width:100%;height:640px;border:1px solid #8884"


class NotebookReport(dict[str, Any]):
    """The numbers beside a training file. A notebook shows them as the page, with its pictures."""

    def __init__(self, values: Mapping[str, Any], page: Path) -> None:
        super().__init__(values)
        self._page = page

    def _repr_html_(self) -> str | None:
        return page_frame(self._page)


def log_summary(report: Mapping[str, Any]) -> None:
    """Log the summary as information, and what is unusual as warnings, with the names of settings in place of flags."""
    for line in summary_lines(report):
        log.info("%s", line)
    for note in report["notes"]:
        log.warning("%s", with_settings(note))


def page_frame(page: Path) -> str | None:
    """Return a page inside a frame, so that its style stays its own; None where there is no page."""
    if not page.is_file():
        return None
    text = read_text(page)
    return f'<iframe title="report" style="{FRAME_STYLE}" srcdoc="{html.escape(text, quote=True)}"></iframe>'
