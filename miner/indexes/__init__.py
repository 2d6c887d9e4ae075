"""Nearest neighbours: exact, or any FAISS factory string. An index only proposes; the source re-scores, so its bits do not matter."""

from miner.indexes.blas import limit_threads, tune_blas
from miner.indexes.exact import Exact
from miner.indexes.faiss_factory import Factory, check_factory, check_name
from miner.indexes.index_plan import IndexPlan, plan_index
from miner.indexes.index_spec import AUTO, EXACT, IndexSpec
from miner.indexes.opening import open_index

__all__ = ["AUTO", "EXACT", "Exact", "Factory", "IndexPlan", "IndexSpec", "check_factory", "check_name", "limit_threads", "open_index"]
__all__ += ["plan_index", "tune_blas"]
