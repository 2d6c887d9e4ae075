"""The training formats by name: what `--output-format` may be."""

from __future__ import annotations

from miner.formats.flagembedding import FLAGEMBEDDING
from miner.formats.labeled_list import LABELED_LIST
from miner.formats.labeled_pair import LABELED_PAIR
from miner.formats.n_tuple import N_TUPLE
from miner.formats.rows import Format
from miner.formats.triplet import TRIPLET

FORMATS: dict[str, Format] = {
    "triplet": TRIPLET,
    "n-tuple": N_TUPLE,
    "labeled-pair": LABELED_PAIR,
    "labeled-list": LABELED_LIST,
    "flagembedding": FLAGEMBEDDING,
}
"""A format is recognised by the last entry that knows a row: special shapes stand after general ones."""
