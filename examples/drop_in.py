"""sentence-transformers' mine_hard_negatives with one import changed: the same arguments, rows and messages, and its own rules."""

import os
from pathlib import Path

from datasets import Dataset
from sentence_transformers import SentenceTransformer

from hardneg.compat import mine_hard_negatives  # was: from sentence_transformers.util import mine_hard_negatives

pairs = Dataset.from_csv(str(Path(__file__).parent / "faq.csv"))
model = SentenceTransformer(os.environ.get("MODEL", "all-MiniLM-L6-v2"), device="cpu")
mined = mine_hard_negatives(pairs, model, num_negatives=2, relative_margin=0.05, output_format="n-tuple")
print(mined[0])
