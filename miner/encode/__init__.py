"""Texts to vectors: the sentence-transformers encoder with its content-addressed store, or the user's precomputed vectors.

Must not import the families. torch is imported inside functions only.
"""

from miner.encode.model import Encoder, check_encoder, load_encoder
from miner.encode.model_checks import check_model
from miner.encode.precomputed import Precomputed, check_vectors
from miner.encode.store import Store, prune, stores
from miner.encode.stored_vectors import StoredVectors
from miner.encode.trial_vectors import TrialVectors

__all__ = [
    "Encoder",
    "Precomputed",
    "Store",
    "StoredVectors",
    "TrialVectors",
    "check_encoder",
    "check_model",
    "check_vectors",
    "load_encoder",
    "prune",
    "stores",
]
