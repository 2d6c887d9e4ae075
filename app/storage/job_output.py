"""A file that a job has written, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """A file that a job has written.

    role: its key in the result of the job.
    name: the name that clients see.
    path: relative to the job's folder.
    """

    role: str
    name: str
    path: str
    suffix: str
    sha256: str
