"""Pairs in a CSV file become triplets: query, positive, hard negative."""

import os
from pathlib import Path

from hardneg import MiningConfig, mine, read_pairs

FAQ = Path(__file__).parent / "faq.csv"
MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")

run = mine(read_pairs(FAQ), MiningConfig(model=MODEL, negatives=2, columns=("scores",)))
for row in list(run.rows())[:4]:
    print(f"{row['anchor']}\n  + {row['positive']}\n  - {row['negative']}  {row['scores']}")
print(run.report["counts"]["chosen"], "negatives, coverage", run.report["coverage"]["all"])
