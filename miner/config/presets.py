"""Presets: settings that go together, by name. Only data; a setting that is given beside a preset wins over the preset's.

default            ours
safe               fewer false negatives, easier negatives: for noisy or shallow judgements
hard               no ceiling under the positive: for judgements that are complete
percpos            NV-Retriever's rule alone (arXiv 2407.15831): 95 % of the positive's score, the four best
bge                FlagEmbedding's hn_mine: 15 drawn from ranks 11 to 210, no ceiling, filled at random
st-compat          sentence-transformers' defaults: the three nearest that are no known positive, by identity of text
noisy-positives    the positives' own scores cannot be trusted: skip the first ten instead of setting a ceiling
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from miner.config.filter_list import are_specs, overlay_specs
from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

BARE = ("self_match:off", "same_text:off", "group:off", "near_positive:off", "nearest:off")


class PresetSettings(TypedDict, total=False):
    """The settings that presets may set: fields of the config."""

    depth: int
    filters: tuple[str, ...]
    judged: Literal["prefer", "trust", "ignore"]
    negatives: int
    ladder: int
    sampler: str
    fill: Literal["none", "random", "repeat"]


PRESETS: dict[str, PresetSettings] = {
    "default": {},
    "safe": {
        "filters": (
            "containment",
            "near_text",
            "near_positive:cosine=0.8",
            "nearest:share=0.5",
            "duplicate_question",
            "margin:absolute=0,relative=0.1,background=0.3,below=0",
        )
    },
    "hard": {"filters": ("nearest:off", "margin:off")},
    "percpos": {
        "filters": (*BARE, "margin:absolute=0,relative=0.05,background=0,below=0"),
        "judged": "ignore",
        "negatives": 4,
        "ladder": 1,
    },
    "bge": {
        "filters": (*BARE[1:], "margin:off", "ranks:skip=10,last=210,of=raw"),
        "judged": "ignore",
        "depth": 210,
        "negatives": 15,
        "sampler": "uniform",
        "ladder": 0,
        "fill": "random",
    },
    "st-compat": {"filters": (*BARE, "margin:off"), "judged": "ignore", "negatives": 3, "ladder": 0},
    "noisy-positives": {"filters": ("near_positive:cosine=0.9", "nearest:share=0.5", "margin:off", "ranks:skip=10")},
}

TOUCHED = frozenset(name for settings in PRESETS.values() for name in settings)
"""Settings that at least one preset sets."""


def expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` over those of their preset; a filter that both name is combined knob by knob."""
    name = values.get("preset")
    if name is None:
        return dict(values)
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(unknown_name("preset", str(name), PRESETS))
    under = PRESETS[name]
    specs = values.get("filters") or ()
    filters = overlay_specs(under.get("filters", ()), specs) if are_specs(specs) else specs  # else the field's check fails
    return {**under, **values, **({"filters": filters} if filters else {})}
