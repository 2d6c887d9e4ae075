"""What a judgement needs beside the score, measured once per candidate in pass 1 and stored with it."""

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
