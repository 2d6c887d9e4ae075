"""A verdict removes a false negative: the passage is never a negative of that query again."""

import json
import os
from pathlib import Path

from hardneg import MiningConfig, export, mine, read_pairs

config = MiningConfig(model=os.environ.get("MODEL", "all-MiniLM-L6-v2"), negatives=2, columns=("ids",))
run = mine(read_pairs(Path(__file__).parent / "faq.csv"), config)
row = next(run.rows())
verdict = {"query_id": row["anchor_id"], "passage_id": row["negative_id"], "verdict": "false_negative", "by": "Ada"}
Path("verdicts.jsonl").write_text(json.dumps(verdict) + "\n", encoding="utf-8")

reviewed = export(run, config, verdicts=["verdicts.jsonl"])
after = [each["negative"] for each in reviewed.rows() if each["anchor_id"] == row["anchor_id"]]
print(f"{row['anchor']}\n  before: {row['negative']}\n  after:  {after[0]}")
assert row["negative"] not in after
