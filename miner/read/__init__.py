"""Readers of datasets: a BEIR folder, three files, pairs, or lists in memory become a Dataset, checked line by line.

Imports types and errors only.
"""

from miner.read.beir_folder import read_beir, read_files
from miner.read.open_inputs import InputSettings, read
from miner.read.pair_rows import read_inline, read_pairs
from miner.read.unseen_judgements import Truth, read_truth

__all__ = ["InputSettings", "Truth", "read", "read_beir", "read_files", "read_inline", "read_pairs", "read_truth"]
