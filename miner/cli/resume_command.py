"""The advice after an interruption: what is stored, and the command that resumes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise

RESTART_FLAGS = ("--force", "--fresh", "--resume")
ENCODING_VERBS = ("mine", "audit", "evaluate", "demo", "train", "loop")
"""Verbs that store vectors as they go."""
READING_VERBS = ("export", "calibrate", "explain", "lint", "sweep", "report", "verify", "doctor")
"""Verbs that write nothing when they are interrupted."""


def resume_advice(arguments: Sequence[str]) -> str:
    """What is stored after an interruption, and the command that resumes; empty for other verbs. arguments: of the command line."""
    verb = arguments[0] if arguments else ""
    if verb in ("train", "loop") and _can_resume(verb, arguments):
        resumed = [*(argument for argument in arguments if argument not in RESTART_FLAGS), "--resume"]
        return f"finished work is kept; to resume: {_command(resumed)}"
    if verb in ENCODING_VERBS:
        repeated = [argument for argument in arguments if verb != "mine" or argument != "--fresh"]
        return f"vectors are kept in the embedding store; to repeat: {_command(repeated)}"
    return "nothing was written; run the same command again" if verb in READING_VERBS else ""


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["hardneg", *arguments])


def _can_resume(verb: str, arguments: Sequence[str]) -> bool:
    """Whether --out holds an interrupted training that --resume can continue."""
    from miner.train.output_folder import has_interrupted_training, has_loop

    folders = [argument.partition("=")[2] for argument in arguments if argument.startswith("--out=")]
    folders += [after for argument, after in pairwise(arguments) if argument == "--out"]
    return bool(folders) and (has_interrupted_training if verb == "train" else has_loop)(folders[-1])
