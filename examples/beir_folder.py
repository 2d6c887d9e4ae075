"""A BEIR folder with two splits: mined for train, and the positives of test are known, so they are never negatives."""

import csv
import json
import os
from pathlib import Path

from hardneg import MiningConfig, mine, read_beir

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")
FOLDER = Path("faq-beir")

with (Path(__file__).parent / "faq.csv").open(encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
(FOLDER / "qrels").mkdir(parents=True, exist_ok=True)
for name, column in (("corpus", "answer"), ("queries", "question")):
    lines = (json.dumps({"_id": f"{name[0]}{place}", "text": row[column]}) + "\n" for place, row in enumerate(rows))
    (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
for split, places in (("train", range(40)), ("test", range(40, 48))):
    judgements = "".join(f"q{place}\tc{place}\t1\n" for place in places)
    (FOLDER / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judgements, encoding="utf-8")

run = mine(read_beir(FOLDER), MiningConfig(model=MODEL, columns=("ids",)), out="faq-beir-run", force=True)
print(run.file, "with", sum(1 for _ in run.rows()), "rows for", run.report["counts"]["queries"], "queries of train")
print(next(run.rows()))
