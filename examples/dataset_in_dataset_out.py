"""A datasets.Dataset in, a datasets.Dataset out, with Hardneg's filters."""

import os
from pathlib import Path

from datasets import Dataset

from hardneg import mine

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")

pairs = Dataset.from_csv(str(Path(__file__).parent / "faq.csv"))
run = mine(pairs, {"negatives": 3, "output_format": "n-tuple"}, model=MODEL)
mined = run.to_dataset()
print(mined)
print(mined[0])
