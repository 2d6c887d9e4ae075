"""Settings from several places: typed ones override those a manifest stores; filters are combined knob by knob."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from miner.config.filter_list import apply_specs, are_specs, overlay_specs
from miner.config.mining import MiningConfig
from miner.config.presets import TOUCHED

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layers:
    """Settings below the flags. stored: those of a manifest, with every default. typed: those of a config file."""

    stored: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, Any] = field(default_factory=dict)


def overlay(settings: Mapping[str, Any], layers: Layers, fixed: Collection[str] = ()) -> dict[str, Any]:
    """Settings of flags or of a request over the layers. Filters are combined knob by knob, any other setting is replaced.

    A named preset replaces the stored settings that presets set, except the `fixed` ones. Settings in a config file override it.
    """
    above = {**layers.typed, **settings}
    below = _drop_preset_settings(layers.stored, above, fixed) if above.get("preset") else dict(layers.stored)
    specs = [values["filters"] for values in (layers.typed, settings) if "filters" in values]
    if specs and all(map(are_specs, specs)):  # anything else is refused by the config
        above["filters"] = apply_specs(below.get("filters", ()), reduce(overlay_specs, specs, ()))
    return {**below, **above}


def _drop_preset_settings(stored: Mapping[str, Any], above: Mapping[str, Any], fixed: Collection[str]) -> dict[str, Any]:
    """The stored settings that presets do not set. A warning names dropped settings that differ from the default and are not set again."""
    dropped = {name: value for name, value in stored.items() if name in TOUCHED and name not in fixed}
    default = MiningConfig.of().model_dump(mode="json")
    lost = [spec for spec in dropped.get("filters", ()) if spec not in default["filters"]]
    lost += [f"{name} {value}" for name, value in dropped.items() if name not in ("filters", *above) and value != default[name]]
    if lost:
        message = "preset '%s' takes the place of stored settings: %s; give again what should stay"
        log.warning(message, above["preset"], ", ".join(lost))
    return {name: value for name, value in stored.items() if name not in dropped}
