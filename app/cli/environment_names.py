"""Checks the names of environment variables that begin with HARDNEG_: an unknown one is an error, so a mistyped setting is never ignored.

Kubernetes sets such variables too, with the addresses of a service named hardneg or hardneg-*. They are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from difflib import get_close_matches
from typing import Any

from miner.errors import ConfigError

PREFIX = "HARDNEG_"
PROGRAM_NAMES = ("HARDNEG_DEBUG",)
COMPOSE_NAMES = ("HARDNEG_PUBLISH", "HARDNEG_IMAGE", "HARDNEG_MEMORY", "HARDNEG_METRICS_KEY")
"""Names of docker/.env, which a user may have exported."""
TEST_NAMES = ("HARDNEG_TEST_DATA",)
KUBERNETES_NAME = re.compile(r"HARDNEG_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


def check_environ(environ: MutableMapping[str, str]) -> None:
    """Remove the variables of Kubernetes. ConfigError for an unknown name, with the most similar known one."""
    names = [name for name in environ if name.startswith(PREFIX)]
    for name in [name for name in names if is_injected(name, environ[name])]:
        del environ[name]
        names.remove(name)
    if unknown := sorted({*names} - known_names()) if names else []:
        suggestions = [matches[0] for name in unknown if (matches := get_close_matches(name, sorted(known_names()), 1))]
        hint = f"; did you mean {', '.join(dict.fromkeys(suggestions))}?" if suggestions else "; the settings are listed in docs/service.md"
        raise ConfigError(f"{', '.join(unknown)}: no setting of this name{hint}")


def is_injected(name: str, value: str) -> bool:
    """Whether Kubernetes has set the variable: HARDNEG_PORT=tcp://…, HARDNEG_PORT_8000_TCP…, HARDNEG_SERVICE_HOST …"""
    return bool(KUBERNETES_NAME.fullmatch(name) or (name.endswith("_PORT") and ADDRESS.fullmatch(value)))


def known_names() -> set[str]:
    """All known names: of the settings of the service, and of the flags of all verbs."""
    import typer

    from app.cli.verbs import app
    from app.settings import Settings

    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return {*settings, *_flags(typer.main.get_command(app)), *PROGRAM_NAMES, *COMPOSE_NAMES, *TEST_NAMES}


def _flags(command: Any) -> Iterator[str]:
    """The environment variables of the flags of a command and of its subcommands."""
    for parameter in command.params:
        yield from [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or ()
    for subcommand in getattr(command, "commands", {}).values():
        yield from _flags(subcommand)
