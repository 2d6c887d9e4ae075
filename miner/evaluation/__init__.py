"""Evaluation of models: exact search over the corpus, measures per query, comparison of models with intervals and paired tests.

Uses the encoders, the vector store and the exact search of mining.
"""

from miner.evaluation.compare import EvaluateConfig, Evaluation, evaluate
from miner.evaluation.counts import EvaluationCounts, count
from miner.evaluation.measures import MEASURES, measure
from miner.evaluation.ranking import Ranking, rank
from miner.evaluation.run_files import RunFile

__all__ = ["MEASURES", "EvaluateConfig", "Evaluation", "EvaluationCounts", "Ranking", "RunFile", "count", "evaluate", "measure", "rank"]
