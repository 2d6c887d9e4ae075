"""Tables and a page from the cells: for each set and arm the rate that dev chose, its test values over seeds, intervals and tests.

python benchmarks/downstream/tables.py WORK/cells OUT      → OUT.json, OUT.md, OUT-SET.html
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miner.page import comparison
from miner.significance import bootstrap, bootstrap_difference, holm, randomisation

PLANNED = (("A8", "A4"), ("A8", "A5"), ("A9", "A8"), ("A8", "A1"), ("A8", "A1b"), ("A8", "A2"), ("A8", "A6"))
"""Comparisons named before the run; Holm's correction is over those of one set."""


def chosen(cells: Path) -> dict[str, tuple[float, np.ndarray]]:
    """{arm: (rate, (seeds, queries, 1) test values)}: of each arm the rate with the best mean dev score."""
    by_rate: dict[str, dict[float, list[tuple[float, Path]]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(cells.glob("A*/*/cell.json")):
        told = json.loads(path.read_text())
        by_rate[told["arm"]][told["rate"]].append((told["dev"], path.with_name("test.npy")))
    made = {}
    for arm, rates in by_rate.items():
        rate = max(rates, key=lambda rate: (np.mean([dev for dev, _ in rates[rate]]), -rate))
        made[arm] = (rate, np.stack([np.load(path) for _, path in rates[rate]])[:, :, None])
    return made


def of_set(cells: Path) -> dict[str, Any]:
    """Means, intervals, planned differences."""
    arms = chosen(cells)
    told: dict[str, Any] = {"arms": {}, "differences": {}}
    for arm, (rate, values) in arms.items():
        low, high = bootstrap(values)[:, 0].tolist()
        by_seed = values.mean(axis=(1, 2))
        about = {"rate": rate, "seeds": len(values), "mean": float(by_seed.mean()), "sd": float(by_seed.std())}
        told["arms"][arm] = {**about, "interval": [low, high]}
    planned = [(one, other) for one, other in PLANNED if one in arms and other in arms]
    ps = []
    for one, other in planned:
        ours, theirs = arms[one][1], arms[other][1]
        low, high = bootstrap_difference(ours, theirs)[:, 0].tolist()
        mean = ours.mean(axis=0) - theirs.mean(axis=0)
        ps.append(float(randomisation(mean)[0]))
        told["differences"][f"{one} - {other}"] = {"mean": float(mean.mean()), "interval": [low, high], "p": ps[-1]}
    for (one, other), corrected in zip(planned, holm(ps), strict=True):
        told["differences"][f"{one} - {other}"]["p_holm"] = corrected
    return told


def markdown(sets: Mapping[str, Any]) -> str:
    """The same as tables to read."""
    lines = ["nDCG@10 on test, the rate chosen on dev; 95 % two-way bootstrap over seeds and queries.", ""]
    for name, told in sets.items():
        lines += [f"## {name}", "", "| arm | rate | seeds | mean | interval | sd over seeds |", "| --- | ---: | ---: | ---: | --- | ---: |"]
        for arm, each in told["arms"].items():
            (low, high), mean = each["interval"], f"{each['mean']:.4f}"
            lines.append(f"| {arm} | {each['rate']:g} | {each['seeds']} | {mean} | {low:.4f} to {high:.4f} | {each['sd']:.4f} |")
        lines += ["", "| difference | mean | interval | p (randomisation) | p (Holm) |", "| --- | ---: | --- | ---: | ---: |"]
        for label, each in told["differences"].items():
            low, high = each["interval"]
            lines.append(f"| {label} | {each['mean']:+.4f} | {low:+.4f} to {high:+.4f} | {each['p']:.4f} | {each['p_holm']:.4f} |")
        lines.append("")
    return "\n".join(lines)


def write(cells: Path, out: Path, settings: Mapping[str, Any] | None = None) -> None:
    """OUT.json, OUT.md, and one page for each set."""
    sets = {folder.name: of_set(folder) for folder in sorted(cells.iterdir()) if folder.is_dir() and list(folder.glob("A*/*/cell.json"))}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps({"settings": settings, "sets": sets}, indent=1, default=str) + "\n")
    out.with_suffix(".md").write_text(markdown(sets))
    for name, told in sets.items():
        out.with_name(f"{out.name}-{name}.html").write_text(page(name, told, cells / name))


def page(name: str, told: Mapping[str, Any], cells: Path) -> str:
    """The page of a set: arms as models, differences as planned, dev scores by step of the chosen rate's first seed."""
    models = {}
    for arm, each in told["arms"].items():
        found = sorted((cells / arm).glob(f"{each['rate']:g}-*/cell.json"))
        histories = [json.loads(path.read_text()).get("history") or [] for path in found[:1]]
        about = {"models": [""] * each["seeds"], "history": [h for h in histories if h]}
        models[arm] = {**about, "ndcg@10": {"mean": each["mean"], "interval": each["interval"]}}
    queries = len(np.load(next(iter(sorted(cells.glob("A*/*/test.npy"))))))
    data = {"queries": queries, "passages": None, "judgements": None}
    shown = {"data": data, "measures": ["ndcg@10"], "baseline": f"the arm named ({name})", "models": models}
    return comparison({**shown, "differences": {label: {"ndcg@10": each} for label, each in told["differences"].items()}})


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
