"""What a person types after an interruption: the command that goes on, as it really works."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise

STARTS = ("--force", "--fresh", "--resume")
ENCODING = ("mine", "audit", "evaluate", "demo", "train", "loop")
"""Verbs whose vectors stay in the store."""
READING = ("export", "explain", "lint", "sweep", "report", "verify", "doctor")
"""Verbs that leave nothing where they do not end."""


def again(words: Sequence[str]) -> str:
    """What an interruption left, and the command that goes on; empty for a verb that is not one of these. words: of the command line."""
    verb = words[0] if words else ""
    if verb in ("train", "loop") and _begun(verb, words):
        return f"what was finished is kept; to go on: {_command([*(word for word in words if word not in STARTS), '--resume'])}"
    if verb in ENCODING:
        return f"what was encoded is kept; to go on: {_command([word for word in words if verb != 'mine' or word != '--fresh'])}"
    return "nothing was written, the same command begins again" if verb in READING else ""


def _command(words: Sequence[str]) -> str:
    return shlex.join(["hardneg", *words])


def _begun(verb: str, words: Sequence[str]) -> bool:
    """Whether --out holds something that --resume goes on with."""
    from miner.train.output_folder import has_interrupted_training, has_loop

    named = [word.partition("=")[2] for word in words if word.startswith("--out=")]
    named += [after for word, after in pairwise(words) if word == "--out"]
    return bool(named) and (has_interrupted_training if verb == "train" else has_loop)(named[-1])
