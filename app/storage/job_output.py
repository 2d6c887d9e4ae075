"""A file that a job has made, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """A file that a job has made: role in the result, name for people, path in the job's folder, suffix, hash."""

    role: str
    name: str
    path: str
    suffix: str
    sha256: str
