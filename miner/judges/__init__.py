"""Second judges: models that score a query and a passage again, after the search. Each gives one score a pair; higher is more relevant.

A judge is named by its kind, a second one of a kind `bi-encoder-2`, and so on; rules go by it with `by=NAME`.
"""

from miner.judges.judge_parts import BiEncoderPart, CrossEncoderPart, JudgePart
from miner.judges.stored_scores import Judge, StoredScores

__all__ = ["JUDGES", "Judge", "JudgePart", "StoredScores"]

JUDGES: dict[str, type[JudgePart]] = {"cross-encoder": CrossEncoderPart, "bi-encoder": BiEncoderPart}
