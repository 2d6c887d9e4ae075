"""Faults in a training file of any trainer, and the same file without them."""

import json
import subprocess
import sys
from pathlib import Path

ROWS = [
    {"query": "when are you open?", "pos": ["From ten to eight."], "neg": ["Fees are paid in cash.", "From ten to eight."]},
    {"query": "is there parking?", "pos": "Forty places behind the building.", "neg": ["All floors have a lift."]},
    {"query": "may I eat inside?", "pos": ["Only in the café."], "neg": []},
]
Path("spoilt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")

for arguments in (["lint", "spoilt.jsonl"], ["lint", "spoilt.jsonl", "--fix", "right.jsonl"]):
    print("hardneg", *arguments, flush=True)
    done = subprocess.run([sys.executable, "-m", "hardneg", *arguments], check=False)
    print("exit code", done.returncode)  # 1: something was found
print(Path("right.jsonl").read_text(encoding="utf-8"))
