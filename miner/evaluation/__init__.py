"""How well models rank: exact search over the corpus, measures per query, models compared with intervals and paired tests.

Finds with the same encoder, store and exact search as mining; there is no second search engine here.
"""

from miner.evaluation.compare import EvaluateConfig, Evaluation, evaluate
from miner.evaluation.counts import Counts, count
from miner.evaluation.measures import MEASURES, measure
from miner.evaluation.ranking import Ranking, rank

__all__ = ["MEASURES", "Counts", "EvaluateConfig", "Evaluation", "Ranking", "count", "evaluate", "measure", "rank"]
