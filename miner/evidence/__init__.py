"""What a judgement needs beside the score, measured once per candidate in pass 1 and stored with it.

A maker takes (dataset, source). What filters and sampler need is measured, what the config's `evidence` names, and what is cheap: ALWAYS.
"""

from collections.abc import Callable

from miner.evidence.containment import Containment
from miner.evidence.duplicate_question import DuplicateQuestion
from miner.evidence.group import Group
from miner.evidence.identity import KnownPositive, SameId, SameText
from miner.evidence.judged import Judged
from miner.evidence.near_positive import NearPositive
from miner.evidence.near_text import NearText
from miner.types import Evidence

EVIDENCE: dict[str, Callable[..., Evidence]] = {
    "known_positive": KnownPositive,
    "same_text": SameText,
    "same_id": SameId,
    "judged": Judged,
    "group": Group,
    "containment": Containment,
    "near_text": NearText,
    "near_positive": NearPositive,
    "duplicate_question": DuplicateQuestion,
}

TABLES = ("vectors",)
"""What pass 2 looks up by passage: kept in the run if the sampler, `distinct` or the config's `evidence` asks for it."""

ALWAYS = ("known_positive", "same_text", "same_id", "judged", "group", "near_positive")
"""Cheap enough to be stored whether or not anybody asked, so that an export may ask later."""

FROM_TEXTS = frozenset({"group", "containment", "near_text"})
"""Evidence that needs texts and judgements only: its maker takes None for the source, so pass 2 measures what was not stored."""

FROM_VECTORS = frozenset({"near_positive", "duplicate_question", *TABLES})
"""Evidence that compares vectors: there is none of it where no source has any."""

FROM_SOURCES = frozenset({"gap", "score"})
"""What a search by several sources tells by itself, one column for each but the first: `gap:bm25`, `score:bm25`."""
