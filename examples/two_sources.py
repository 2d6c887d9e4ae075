"""Vectors and words together: candidates are pooled by rank, and the sampler takes what only the model places high."""

import os
from pathlib import Path

from hardneg import MiningConfig, mine, read_pairs

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")

config = MiningConfig(model=MODEL, sources=("dense", "bm25"), sampler="disagreement", negatives=1, columns=("sources",))
run = mine(read_pairs(Path(__file__).parent / "faq.csv"), config)
for row in list(run.rows())[:4]:
    print(f"{row['anchor']}\n  - {row['negative']}  {row['sources']}")
