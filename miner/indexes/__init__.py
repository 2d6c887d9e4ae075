"""Nearest neighbours: exact, or any FAISS factory string. An index only proposes; the source re-scores, so its bits do not matter."""

from miner.indexes.blas import limit_threads, tune_blas
from miner.indexes.exact import Exact
from miner.indexes.faiss_factory import Factory, check_factory, check_name, recall

__all__ = ["Exact", "Factory", "check_factory", "check_name", "limit_threads", "recall", "tune_blas"]
