"""A datasets.Dataset in, a datasets.Dataset out, with Hardneg's filters."""

import os
from pathlib import Path

from datasets import Dataset

from hardneg import MiningConfig, mine, read_inline

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")

pairs = Dataset.from_csv(str(Path(__file__).parent / "faq.csv"))
queries = [{"id": f"q{place}", "text": row["question"], "positive_texts": [row["answer"]]} for place, row in enumerate(pairs)]

run = mine(read_inline(queries), MiningConfig(model=MODEL, negatives=3, output_format="n-tuple"))
mined = Dataset.from_list(list(run.rows()))  # keep `run` while its rows are read: without `out` its folder goes with it
print(mined)
print(mined[0])
