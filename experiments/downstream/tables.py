"""Tables and pictures from the cells: for each set and arm the rate that dev chose, its test values over seeds, intervals and tests.

python experiments/downstream/tables.py WORK/cells OUT      → OUT.json, OUT.md, OUT.svg
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miner.evaluation.significance import bootstrap, bootstrap_difference, holm, randomisation
from miner.page.model_comparison import intervals
from miner.support.noise import generator

Chosen = dict[str, tuple[float, np.ndarray]]
Pairs = tuple[tuple[str, str], ...]
PLANNED: Pairs = (
    *(("A8", "A4"), ("A8", "A5"), ("A8", "A6"), ("A8", "A7"), ("A9", "A8")),
    *(("A8", "A1"), ("A8", "A1b"), ("A8", "A2"), ("A8", "A8o")),
)
"""Comparisons named before the run; Holm's correction is over those of one set."""
MEANS = {
    "A0": "no training",
    "A1": "in-batch alone",
    "A1b": "in-batch alone, as many passages a step",
    "A2": "random",
    "A3": "BM25",
    "A4": "their defaults",
    "A5": "their margin .05 of 100",
    "A5r": "the same, its rows alone",
    "A6": "their range_min 10",
    "A7": "ranks 10-210 at random",
    "A8": "ours",
    "A8o": "ours, a ceiling for every positive",
    "A8h": "ours, preset hard",
    "A8n": "ours, margin off, near_positive .8",
    "A8k": "ours, margin off, nearest",
    "A9": "ours in rounds",
    "A10": "ours, all positives known",
}
STYLE = "text{font:12px sans-serif}.axis{stroke:#555;stroke-width:2}.dot{fill:#1a6}.zero{stroke:#bbb}.title{font-weight:bold}"


def chosen(cells: Path) -> Chosen:
    """{arm: (rate, (seeds, queries, 1) test values)}: of each arm the rate with the best mean dev score; seeds that every arm has."""
    found: dict[str, dict[float, dict[int, tuple[float, Path]]]] = defaultdict(lambda: defaultdict(dict))
    for path in sorted(cells.glob("*/*/cell.json")):
        told = json.loads(path.read_text())
        found[told["arm"]][told["rate"]][told["seed"]] = told["dev"], path.with_name("test.npy")
    every = [seeds for arm, rates in found.items() if arm != "A0" for seeds in rates.values()]
    shared = set.intersection(*map(set, every)) if every else set()
    made = {}
    for arm, rates in sorted(found.items(), key=lambda item: (int("".join(filter(str.isdigit, item[0])) or 0), item[0])):
        seeds = sorted(shared) if arm != "A0" else [0]
        rate = max(rates, key=lambda rate: (np.mean([rates[rate][seed][0] for seed in seeds]), -rate))
        made[arm] = (rate, np.stack([np.load(rates[rate][seed][1]) for seed in seeds])[:, :, None])
    return made


def of_set(cells: Path, pairs: Pairs = PLANNED) -> dict[str, Any]:
    """Means, intervals, planned differences."""
    arms = chosen(cells)
    told: dict[str, Any] = {"queries": next(iter(arms.values()))[1].shape[1], "arms": {}, "differences": {}}
    for arm, (rate, values) in arms.items():
        low, high = bootstrap(values)[:, 0].tolist()
        by_seed = values.mean(axis=(1, 2))
        about = {"rate": rate, "seeds": len(values), "mean": float(by_seed.mean()), "sd": float(by_seed.std())}
        told["arms"][arm] = {**about, "interval": [low, high]}
    planned = [(one, other) for one, other in pairs if one in arms and other in arms]
    for one, other in planned:
        told["differences"][f"{one} - {other}"] = difference(arms[one][1], arms[other][1])
    ps = [each["p"] for each in told["differences"].values()]
    for each, corrected in zip(told["differences"].values(), holm(ps), strict=True):
        each["p_holm"] = corrected
    if {"A4", "A8", "A10"} <= arms.keys():
        told["distance"] = distance(*(arms[arm][1][:, :, 0] for arm in ("A4", "A8", "A10")))
    return told


def difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """The mean difference, its two-way interval, the p of paired randomisation over queries (seeds averaged)."""
    low, high = bootstrap_difference(ours, theirs)[:, 0].tolist()
    mean = ours.mean(axis=0) - theirs.mean(axis=0)
    return {"mean": float(mean.mean()), "interval": [low, high], "p": float(randomisation(mean)[0])}


def distance(defaults: np.ndarray, ours: np.ndarray, oracle: np.ndarray, resamples: int = 2000) -> dict[str, Any]:
    """Which share of the way from their defaults to the oracle ours goes; (seeds, queries) each, both drawn again for the interval."""
    draw, shares = generator(0, "distance"), []
    for _ in range(resamples):
        seeds, queries = draw.integers(len(ours), size=len(ours)), draw.integers(ours.shape[1], size=ours.shape[1])
        low, middle, high = (part[np.ix_(seeds, queries)].mean() for part in (defaults, ours, oracle))
        shares.append((middle - low) / (high - low))
    share = (ours.mean() - defaults.mean()) / (oracle.mean() - defaults.mean())
    return {"share": float(share), "interval": np.quantile(shares, [0.025, 0.975]).tolist()}


def markdown(sets: Mapping[str, Any]) -> str:
    """The same as tables to read."""
    lines = ["nDCG@10 on test, the rate chosen on dev; 95 % two-way bootstrap over seeds and queries.", ""]
    for name, told in sets.items():
        lines += [f"## {name}: {told['queries']:,} test queries", ""]
        lines += ["| arm | rate | seeds | mean | interval | sd over seeds |", "| --- | ---: | ---: | ---: | --- | ---: |"]
        for arm, each in told["arms"].items():
            (low, high), mean = each["interval"], f"{each['mean']:.4f}"
            lines.append(f"| {label(arm)} | {each['rate']:g} | {each['seeds']} | {mean} | {low:.4f} to {high:.4f} | {each['sd']:.4f} |")
        lines += ["", "| difference | mean | interval | p (randomisation) | p (Holm) |", "| --- | ---: | --- | ---: | ---: |"]
        for which, each in told["differences"].items():
            low, high = each["interval"]
            lines.append(f"| {which} | {each['mean']:+.4f} | {low:+.4f} to {high:+.4f} | {each['p']:.4f} | {each['p_holm']:.4f} |")
        if "distance" in told:
            share, (low, high) = told["distance"]["share"], told["distance"]["interval"]
            lines += ["", f"Of the way from A4 to A10, A8 goes {share:.0%} ({low:.0%} to {high:.0%})."]
        lines.append("")
    return "\n".join(lines)


def label(arm: str) -> str:
    """The arm with its meaning."""
    return f"{arm} {MEANS[arm]}" if arm in MEANS else arm


def picture(sets: Mapping[str, Any]) -> str:
    """One SVG: for each set every arm's mean with its interval, then the planned differences."""
    panels = []
    for name, told in sets.items():
        panels.append((name, intervals({label(arm): (each["mean"], *each["interval"]) for arm, each in told["arms"].items()})))
        if told["differences"]:
            gaps = {which: (each["mean"], *each["interval"]) for which, each in told["differences"].items()}
            panels.append((f"{name}: differences", intervals(gaps, zero=True)))
    parts, top = [], 0
    for title, panel in panels:
        height = int(re.search(r'viewBox="0 0 640 (\d+)"', panel)[1])  # type: ignore[index]
        inner = panel.removeprefix("<figure>").removesuffix("</figure>")
        parts += [f'<text class="title" x="0" y="{top + 16}">{title}: nDCG@10, 95 %</text>']
        parts += [inner.replace("<svg ", f'<svg y="{top + 24}" width="640" height="{height}" ', 1)]
        top += height + 44
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {top}" width="640"><style>{STYLE}</style>{"".join(parts)}</svg>\n'


def write(cells: Path, out: Path, settings: Mapping[str, Any] | None = None, pairs: Pairs = PLANNED) -> None:
    """OUT.json, OUT.md, OUT.svg."""
    sets = {folder.name: of_set(folder, pairs) for folder in sorted(cells.iterdir()) if list(folder.glob("*/*/cell.json"))}
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = {"settings": settings, "sets": sets}
    out.with_suffix(".json").write_text(json.dumps(kept, indent=1, default=str) + "\n")
    out.with_suffix(".md").write_text(markdown(sets))
    out.with_suffix(".svg").write_text(picture(sets))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
