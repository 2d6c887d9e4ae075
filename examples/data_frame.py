"""A pandas DataFrame in, one out; further passages from a Series; rows that a trainer takes as they are."""

import os
from pathlib import Path

import pandas as pd

from hardneg import mine

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")

faq = pd.read_csv(Path(__file__).parent / "faq.csv")
further = pd.Series(["The cafe sells tea.", "The garden is closed in winter."])
run = mine(faq, {"negatives": 2}, corpus=further, model=MODEL)
mined = run.to_pandas()
print(mined.groupby("anchor", sort=False)["negative"].first().head(3).to_string())
print(f"{len(mined)} rows; {run.report['hardness']['triplet_error']:.1%} of the negatives score above their positive")
