"""Other settings from stored candidates: no model, and seconds on any corpus. What each gives is in its report."""

import os
from pathlib import Path

from hardneg import MiningConfig, export, mine, read_pairs

MODEL = os.environ.get("MODEL", "all-MiniLM-L6-v2")
SETTINGS = {
    "the defaults": {},
    "none above the positive": {"filters": ("margin:relative=0.05",)},
    "drawn, not the hardest": {"sampler": "softmax:temperature=0.1"},
    "fewer false negatives": {"preset": "safe"},
}

measured = ("duplicate_question",)  # `safe` needs it, and an export cannot measure it
run = mine(read_pairs(Path(__file__).parent / "faq.csv"), MiningConfig(model=MODEL, evidence=measured))
for name, settings in SETTINGS.items():
    again = export(run, MiningConfig(model=MODEL, evidence=measured, **settings))
    report = again.report
    above, mass = report["counts"]["above_positive"], report["hardness"]["gradient_mass"]
    print(f"{name:<24} {report['counts']['chosen']:>4} negatives  {above:>3} above their positive  gradient mass {mass:.2f}")
