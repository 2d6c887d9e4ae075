"""What a judgement needs beside the score, measured once per candidate in pass 1 and stored with it.

A maker takes (dataset, source). What filters and sampler need is measured, what the config's `evidence` names, and what is cheap: ALWAYS.
"""

from collections.abc import Callable

from miner.evidence.identity import KnownPositive, SameId, SameText
from miner.evidence.near_positive import NearPositive
from miner.types import Evidence

EVIDENCE: dict[str, Callable[..., Evidence]] = {
    "known_positive": KnownPositive,
    "same_text": SameText,
    "same_id": SameId,
    "near_positive": NearPositive,
}

ALWAYS = ("known_positive", "same_text", "same_id", "near_positive")
"""Cheap enough to be stored whether or not anybody asked, so that an export may ask later."""

FROM_TEXTS: frozenset[str] = frozenset()
"""Evidence that needs texts and judgements only: its maker takes None for the source, so pass 2 measures what was not stored."""
