"""Progress bars of a run that is started from Python: in a notebook, and on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from miner.errors import ConfigError
from miner.support.value_types import shown
from miner.types import Progress


class ProgressBars:
    """A progress callback that shows a bar for each stage that counts something."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        from tqdm.auto import tqdm

        if stage != self._stage:
            self.close()
            self._stage = stage
        if not total:
            return
        if self._bar is None:
            self._bar = tqdm(total=total, desc=stage, dynamic_ncols=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Close the bar of the present stage."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None


@contextmanager
def watched(show: bool | None, on_progress: Progress | None) -> Iterator[Progress | None]:
    """Yield the callback of a run: the user's own, else bars.

    show: whether to show bars; None: in a notebook, and on a terminal.
    """
    if on_progress is not None and not callable(on_progress):
        raise ConfigError(f"on_progress is {shown(on_progress)}: a function of stage, done and total is needed")
    is_seen = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    if on_progress is not None or not (is_seen if show is None else show):
        yield on_progress
        return
    bars = ProgressBars()
    try:
        yield bars
    finally:
        bars.close()
