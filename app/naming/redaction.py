"""Removes the paths of this machine from sentences of the library, for answers, events and the errors of jobs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path


class Redaction:
    """Replaces each folder of the service by a name: DATA, CACHE, CORPUS, the public name of a model."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        """Take the folders of the service: path → name."""
        places = {**folders, tempfile.gettempdir(): "TMP", sys.prefix: "PYTHON", str(Path.home()): "HOME", str(Path.cwd()): "."}
        real = {os.path.realpath(place): name for place, name in places.items()}
        self._places = _ordered({**real, **places})

    def __call__(self, text: str) -> str:
        """The text with all folders replaced, longer ones first."""
        for place, name in self._places.items():
            text = text.replace(place, name)
        return text


def _ordered(places: Mapping[str, str]) -> dict[str, str]:
    return {place: places[place] for place in sorted(places, key=len, reverse=True) if len(place) > 1}
