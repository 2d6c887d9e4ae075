"""Filters: which candidates may be negatives. They run in this order, from identity to score; the first that drops names the reason."""

from miner.filters.identity import KnownPositive, NearPositive, SameText, SelfMatch
from miner.filters.score import Margin, MaxScore, MinScore
from miner.filters.window import Ranks
from miner.types import Filter

FILTERS: dict[str, type[Filter]] = {
    "known_positive": KnownPositive,
    "self_match": SelfMatch,
    "same_text": SameText,
    "near_positive": NearPositive,
    "margin": Margin,
    "max_score": MaxScore,
    "min_score": MinScore,
    "ranks": Ranks,
}

DEFAULTS = ("known_positive", "self_match", "same_text", "near_positive:cosine=0.9", "margin:relative=0.05,background=0.3")
