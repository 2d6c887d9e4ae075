"""The training formats by name: the values of `--output-format`."""

from __future__ import annotations

from miner.formats.beir import BEIR, TREC
from miner.formats.colbert import COLBERT
from miner.formats.dpr import DPR
from miner.formats.flagembedding import FLAGEMBEDDING
from miner.formats.labeled_list import LABELED_LIST
from miner.formats.labeled_pair import LABELED_PAIR
from miner.formats.ms_swift import MS_SWIFT
from miner.formats.n_tuple import N_TUPLE
from miner.formats.nemo import NEMO
from miner.formats.pylate import PYLATE
from miner.formats.row_format import Format
from miner.formats.systems import GPL, MSMARCO
from miner.formats.tevatron import TEVATRON_V1, TEVATRON_V2
from miner.formats.triplet import TRIPLET

FORMATS: dict[str, Format] = {
    "triplet": TRIPLET,
    "n-tuple": N_TUPLE,
    "labeled-pair": LABELED_PAIR,
    "labeled-list": LABELED_LIST,
    "flagembedding": FLAGEMBEDDING,
    "tevatron-v1": TEVATRON_V1,
    "tevatron-v2": TEVATRON_V2,
    "dpr": DPR,
    "colbert": COLBERT,
    "pylate": PYLATE,
    "ms-swift": MS_SWIFT,
    "nemo": NEMO,
    "msmarco": MSMARCO,
    "gpl": GPL,
    "beir": BEIR,
    "trec": TREC,
}
"""A file has the format of the last entry that matches its first row: special formats come after general ones."""
