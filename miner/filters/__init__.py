"""Filters: which candidates may be negatives. They run in this order, from identity to score; the first that drops names the reason."""

from miner.filters.consensus import Consensus
from miner.filters.copies import Containment, DuplicateQuestion, Group, NearText, PartlyRelevant
from miner.filters.identity import KnownPositive, NearPositive, SameText, SelfMatch
from miner.filters.nearest import Nearest
from miner.filters.percentile import Percentile
from miner.filters.score import Margin, MaxScore, MinScore, Scored
from miner.filters.verdict import Verdict
from miner.filters.window import Ranks
from miner.types import Filter

FILTERS: dict[str, type[Filter]] = {
    "known_positive": KnownPositive,
    "verdict": Verdict,
    "partly_relevant": PartlyRelevant,
    "self_match": SelfMatch,
    "same_text": SameText,
    "group": Group,
    "containment": Containment,
    "near_text": NearText,
    "near_positive": NearPositive,
    "nearest": Nearest,
    "duplicate_question": DuplicateQuestion,
    "margin": Margin,
    "percentile": Percentile,
    "consensus": Consensus,
    "max_score": MaxScore,
    "min_score": MinScore,
    "scored": Scored,
    "ranks": Ranks,
}

DEFAULTS = (
    *("known_positive", "self_match", "same_text", "group:relax=true"),
    *("near_positive:cosine=0.8,most=0.5,relax=true", "nearest:share=0.05,relax=true"),
    "margin:relative=0.05,background=0.3,below=10,relax=true",
)
"""Why these: docs/decisions/0021-a-ceiling-for-weak-positives.md. Why only these may be relaxed: 0022-a-rule-that-is-given-holds.md."""
