"""The error tree. A message says what is wrong, the value, where, and what would be right.

    HardnegError                 anything we raise on purpose
    ├── ConfigError              a setting is wrong, or two do not go together          exit 2
    ├── InputError               the user's data is wrong; `where` is file:line         exit 3
    ├── StorageError             the disk is full, unreadable, or holds something else  exit 5
    │   └── BusyError            another process is at work there: try again later      exit 75
    ├── ModelError               a model cannot be loaded, or answers with nonsense     exit 6
    └── IntegrityError           a run folder does not match its manifest               exit 1
        └── NoRunError           there is no run folder to look at                      exit 3

The command line maps classes to exit codes, the service maps them to statuses; each has one table. This module imports nothing of ours.

Messages are written with the flags of the command line. There they are shown so (`with_flags`); everywhere else `str` shows the names of
Python and JSON in their place: `force=True` for `--force`, `fields={"query": "COLUMN"}` for `--field query=COLUMN`.
"""

from __future__ import annotations

import json
import re

SWITCHES = {"force": "force=True", "fresh": "resume=False", "resume": "resume=True", "stored": "stored=True"}
LISTS = {
    "filter": "filters",
    "judge": "judges",
    "evidence": "evidence",
    "column": "columns",
    "variation": "variations",
    "leave-out": "leave_out",
    "allow-code": "allow_code",
}
"""Flags that are repeated on the command line, and the setting that lists their values."""
QUOTED = r"`[^`]*`|(?<!\w)'[^']*'(?!\w)"
"""A command of the shell, or a value of the user's: shown as it is."""
FLAG = re.compile(rf"""{QUOTED}|(?<![\w-])--(?:(field|{"|".join(LISTS)}) (?:'([^']+)'|([\w-]+(?:[:=][^\s,;)]+)?))|([a-z][a-z-]*[a-z]))""")


class HardnegError(Exception):
    """Anything this project raises on purpose: the message is one sentence for a person."""

    def __str__(self) -> str:
        """Return the message with the names of settings."""
        return with_settings(self.with_flags)

    @property
    def with_flags(self) -> str:
        """The message with the flags of the command line."""
        return super().__str__()


def with_settings(message: str) -> str:
    """Return a message with the names of settings in place of flags."""
    return FLAG.sub(_setting, message)


def _setting(flag: re.Match[str]) -> str:
    option, quoted, plain, name = flag.groups()
    if not flag[0].startswith("-"):
        return flag[0]
    if name:
        return SWITCHES.get(name) or f"{LISTS.get(name, 'fields' if name == 'field' else name.replace('-', '_'))}="
    value = quoted or plain
    if option == "field":
        field, equals, column = value.partition("=")
        if not equals:
            return f"fields[{json.dumps(field, ensure_ascii=False)}]"
        return f"fields={json.dumps({field: column}, ensure_ascii=False)}"
    return f"{LISTS[option]}={json.dumps([value], ensure_ascii=False)}"


class ConfigError(HardnegError):
    """A setting is wrong, or two settings do not go together."""


class InputError(HardnegError):
    """The user's data is wrong. `where` is `file:line` when it is known."""

    def __init__(self, message: str, where: str | None = None) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class StorageError(HardnegError):
    """The disk is full, a file cannot be read or written, or something of the user's is in the way."""


class BusyError(StorageError):
    """Another process is at work there; the same command may succeed later."""


class ModelError(HardnegError):
    """A model cannot be loaded safely, or its vectors are unusable."""


class IntegrityError(HardnegError):
    """A run folder does not match its manifest."""


class NoRunError(IntegrityError):
    """There is no run folder, or none of this version."""
