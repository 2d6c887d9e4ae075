"""Training files: the shapes trainers read, written and read back. Files themselves are in `files` and `readers`."""

from miner.formats.rows import Format, TrainingRow
from miner.formats.table import FORMATS
from miner.formats.training import read_training, recognise

__all__ = ["FORMATS", "Format", "TrainingRow", "read_training", "recognise"]
