"""Names in the environment that begin with HARDNEG_: each is one that something reads, or an error. A mistyped setting is never ignored.

Kubernetes puts the addresses of a service named hardneg, or hardneg-something, there too. Those are nobody's settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from difflib import get_close_matches
from typing import Any

from miner.errors import ConfigError

PREFIX = "HARDNEG_"
OF_THE_PROGRAM = ("HARDNEG_DEBUG",)
OF_COMPOSE = ("HARDNEG_PUBLISH", "HARDNEG_IMAGE", "HARDNEG_MEMORY", "HARDNEG_METRICS_KEY")
"""Names of docker/.env, which its reader may have exported."""
OF_TESTS = ("HARDNEG_TEST_DATA",)
INJECTED = re.compile(r"HARDNEG_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


def check_environ(environ: MutableMapping[str, str]) -> None:
    """ConfigError for a name that nothing reads, with the nearest one that something does. What Kubernetes put there is taken out."""
    ours = [name for name in environ if name.startswith(PREFIX)]
    for name in [name for name in ours if is_injected(name, environ[name])]:
        del environ[name]
        ours.remove(name)
    if unknown := sorted({*ours} - known()) if ours else []:
        near = [found[0] for name in unknown if (found := get_close_matches(name, sorted(known()), 1))]
        meant = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else "; the settings are listed in docs/service.md"
        raise ConfigError(f"{', '.join(unknown)}: no setting of this name{meant}")


def is_injected(name: str, value: str) -> bool:
    """Whether Kubernetes tells of a service by this name: HARDNEG_PORT=tcp://…, HARDNEG_PORT_8000_TCP…, HARDNEG_SERVICE_HOST …"""
    return bool(INJECTED.fullmatch(name) or (name.endswith("_PORT") and ADDRESS.fullmatch(value)))


def known() -> set[str]:
    """Every name that something reads: the settings of the service, the flags of all verbs."""
    import typer

    from app.cli.verbs import app
    from app.settings import Settings

    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return {*settings, *_flags(typer.main.get_command(app)), *OF_THE_PROGRAM, *OF_COMPOSE, *OF_TESTS}


def _flags(command: Any) -> Iterator[str]:
    """Environment variables of the flags of a verb and of all below it."""
    for parameter in command.params:
        yield from [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or ()
    for below in getattr(command, "commands", {}).values():
        yield from _flags(below)
