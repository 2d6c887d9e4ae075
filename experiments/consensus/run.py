"""False negatives at equal gradient mass with and without the filter `consensus` and the sampler `disagreement`, dense and BM25 together.

    python -m experiments.consensus.run [--clinc150 FOLDER --clinc150-model FOLDER] [--draws 5] [--out FILE]

As in `benchmarks/quality/peer_rules.py`: 4 negatives of each query, hardness is the mean gradient mass over all queries, a rule's rate at a
mass lies on the lower hull of its settings, intervals are 95 % of 500 draws of whole queries, the same for both sides of a difference. Each
family is compared with the same settings without its last part, over the same candidates: those of both sources, scored by the dense one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.inputs import MINILM, arguments
from benchmarks.quality.equal_hardness import MASSES, SearchResult, at_masses, differences, points, rates_shown, show, weights_of
from benchmarks.quality.hidden_positives import clinc150, demo
from benchmarks.quality.peer_rules import ALL, BACKGROUNDS, HiddenPositives, of_ours
from benchmarks.record import record
from miner import Inputs, MiningConfig, mine
from miner.config import Runtime
from miner.read import read_truth

Setting = dict[str, Any]

BOTH = ("dense", "bm25")
SKIPS = (0, 2, 5, 10, 20, 40, 75, 150, 300, 500, 700)
MARGINS = (-0.3, -0.1, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
BARE = ("near_positive:off", "nearest:off", "margin:off")
CEILING = ("near_positive:cosine=0.9,most=1", "nearest:off", "margin:relative=0.05,background=0.3,relax=true")
"""The default with a ceiling for every positive, as it was when decision 20 was taken."""
STRICT, BOTH_SAY = "consensus:sources=1", "consensus:sources=2"
FIRSTS = (5, 10, 20, 30, 60, 120, 200)


def by_background(*more: str) -> dict[str, Setting]:
    """That default with another margin:background, and more filters."""
    return {f"{b}": {"filters": (*CEILING, f"margin:relative=0.05,background={b},relax=true", *more)} for b in BACKGROUNDS}


def by_skip(*more: str, **how: Any) -> dict[str, Setting]:
    """A window of ranks that begins later and later."""
    return {f"{k}": {"filters": (*more, f"ranks:skip={k}"), **how, **ALL} for k in SKIPS}


FAMILIES: dict[str, tuple[str | None, dict[str, Setting]]] = {
    "default": (None, by_background()),
    "default, consensus:sources=1": ("default", by_background(STRICT)),
    "default, consensus:sources=2": ("default", by_background(BOTH_SAY)),
    "ceiling of the dense source alone": (
        None,
        {f"{m}": {"filters": (*BARE, f"margin:relative={m},background=0,below=0")} for m in MARGINS},
    ),
    "consensus:sources=1 alone": (
        "ceiling of the dense source alone",
        {f"{m}": {"filters": (*BARE, f"{STRICT},margin={m}")} for m in MARGINS},
    ),
    "consensus:sources=2 alone": (
        "ceiling of the dense source alone",
        {f"{m}": {"filters": (*BARE, f"{BOTH_SAY},margin={m}")} for m in MARGINS},
    ),
    "ranks": (None, by_skip(*BARE)),
    "ranks, consensus:sources=1": ("ranks", by_skip(*BARE, STRICT)),
    "ranks, consensus:sources=2": ("ranks", by_skip(*BARE, BOTH_SAY)),
    "noisy-positives": (None, by_skip(preset="noisy-positives")),
    "noisy-positives, consensus:sources=1": ("noisy-positives", by_skip(STRICT, preset="noisy-positives")),
    "noisy-positives, consensus:sources=2": ("noisy-positives", by_skip(BOTH_SAY, preset="noisy-positives")),
    "default, sampler disagreement": (
        "default",
        {
            f"{b}, first={f}": {
                "filters": (*CEILING, f"margin:relative=0.05,background={b},relax=true"),
                "sampler": f"disagreement:first={f}",
            }
            for b in (0, 0.3, 0.6)
            for f in FIRSTS
        },
    ),
    "ranks, sampler disagreement": ("ranks", by_skip(*BARE, sampler="disagreement")),
    "noisy-positives, sampler disagreement": ("noisy-positives", by_skip(preset="noisy-positives", sampler="disagreement")),
}
"""By name: what it is held against, and its settings."""


def all_counted(inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path, seed: int) -> SearchResult:
    """Every setting on one draw of shown positives: over candidates 1,000 deep, or as deep as the default goes."""
    deep = mine(inputs, MiningConfig(sources=BOTH, ladder=0, **ALL), model=model, runtime=runtime, out=work / "deep")
    ours = mine(inputs, MiningConfig(sources=BOTH, filters=CEILING), model=model, runtime=runtime, out=work / "ours")
    hidden = HiddenPositives(deep.dataset, read_truth(truth, deep.dataset))
    told: SearchResult = {}
    for family, (_, settings) in FAMILIES.items():
        told[family] = {
            name: of_ours(deep if "depth" in given else ours, MiningConfig(sources=BOTH, **given), hidden)
            for name, given in settings.items()
        }
        print(family, flush=True)
    return told


def compared(found: SearchResult) -> dict[str, Any]:
    """Every family at every mass, and its difference from what it is held against."""
    weights = weights_of(found)
    at = at_masses(found, weights)
    families: dict[str, Any] = {}
    for family, values in at.items():
        against, _ = FAMILIES[family]
        families[family] = {"rate": rates_shown(values[0]), "settings (mass, rate)": points(found[family], weights)}
        if against:
            families[family] |= {"less": against, "difference": differences(values, at[against])}
    return {"at": list(MASSES), "families": families}


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--clinc150-model")
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    runtime, tables = Runtime.of(), {}
    if args.draws:
        tables[f"demo, {MINILM}"] = compared(demo(args.draws, runtime, all_counted))
    if args.clinc150:
        tables[f"clinc150, {Path(args.clinc150_model).name}"] = compared(clinc150(args.clinc150, args.clinc150_model, runtime, all_counted))
    show(tables, "families", "difference")
    record(tables, args.out)


if __name__ == "__main__":
    main()
