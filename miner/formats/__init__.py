"""Training files: the shapes sentence-transformers trains on, written and read back. Files themselves are in `files`."""

from miner.formats import labeled_list, labeled_pair, n_tuple, triplet
from miner.formats.rows import Format, TrainingRow

FORMATS: dict[str, Format] = {
    "triplet": triplet,
    "n-tuple": n_tuple,
    "labeled-pair": labeled_pair,
    "labeled-list": labeled_list,
}

__all__ = ["FORMATS", "Format", "TrainingRow"]
