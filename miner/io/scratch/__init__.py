"""Temporary folders of a process: locked by it, recorded for other runs, removed when the process has ended."""

from miner.io.scratch.folders import LOCK, hold, make_scratch, remove_scratch, scratch
from miner.io.scratch.leftovers import Leftover, is_held, leftovers, remove_leftovers
from miner.io.scratch.records import default_cache, forget, record

__all__ = ["LOCK", "Leftover", "default_cache", "forget", "hold", "is_held", "leftovers", "make_scratch", "record", "remove_scratch"]
__all__ += ["remove_leftovers", "scratch"]
