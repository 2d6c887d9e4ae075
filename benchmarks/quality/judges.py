"""False negatives at equal gradient mass with a second judge: its rules alone and with ours, against ours without it and peers' rules.

    python -m benchmarks.quality.judges --judge FOLDER [--clinc150 FOLDER --clinc150-model FOLDER] [--draws 5] [--out FILE]

What is counted, and how rules are compared, is as in `peer_rules`: 4 negatives of each query, the same scores, the lower hull of a rule's
settings. The judge is a bi-encoder (--judge), or a cross-encoder (--cross, with its prompts as the part has them). It scores all
candidates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.inputs import MINILM, arguments
from benchmarks.quality.equal_hardness import MASSES, SearchResult, at_masses, differences, points, rates_shown, show, weights_of
from benchmarks.quality.hidden_positives import clinc150, demo
from benchmarks.quality.peer_rules import ALL, PEERS, SKIPS, of_ours, of_rule, pool_of
from benchmarks.record import record
from miner import Inputs, MiningConfig, export, mine
from miner.analysis.false_negatives import HiddenPositives
from miner.config import Runtime
from miner.read import read_truth

BASE = "Hardneg, noisy-positives with another ranks:skip"
RELATIVE = (-0.3, -0.1, 0, 0.05, 0.1, 0.2, 0.3, 0.5)
OFF = ("near_positive:off", "nearest:off", "margin:off")
FEW_SKIPS, FIRM = (0, 5, 10, 15, 20), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
BETAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


def families(judge: str) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Our settings by family. judge: its name in the config."""
    noisy = {"preset": "noisy-positives", **ALL}
    by = f"by={judge}"
    return {
        BASE: [(f"{k}", {**noisy, "filters": (f"ranks:skip={k}",)}) for k in SKIPS],
        "the judge's margin alone": [(f"{r}", {**ALL, "ladder": 0, "filters": (*OFF, f"margin:{by},relative={r}")}) for r in RELATIVE],
        "the judge's percentile alone": [
            (f"{b}", {**ALL, "ladder": 0, "filters": (*OFF, f"percentile:{by},beta={b}")}) for b in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1)
        ],
        "default and the judge's margin": [(f"{r}", {**ALL, "filters": (f"margin:{by},relative={r}",)}) for r in RELATIVE],
        "noisy-positives and the judge's margin": [
            (f"{k}, {r}", {**noisy, "filters": (f"ranks:skip={k}", f"margin:{by},relative={r}")}) for k in FEW_SKIPS for r in FIRM
        ],
        "noisy-positives and the judge's percentile": [
            (f"{k}, {b}", {**noisy, "filters": (f"ranks:skip={k}", f"percentile:{by},beta={b}")}) for k in FEW_SKIPS for b in BETAS
        ],
    }


class Counter:
    """Counts every setting on one draw of shown positives, as `peer_rules.all_counted` does."""

    def __init__(self, judge: str) -> None:
        self._judge, self._name = judge, judge.partition(":")[0]

    def __call__(self, inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path, seed: int) -> SearchResult:
        evidence = ("containment", "near_text", "near_positive", "duplicate_question")
        plain = mine(inputs, MiningConfig.of(evidence=evidence, ladder=0, **ALL), model=model, runtime=runtime, out=work / "deep")
        judges = (f"{self._judge},first={ALL['depth']},pairs=all",)
        run = export(plain, plain.config.model_copy(update={"judges": judges}), runtime=runtime, out=work / "judged")
        hidden = HiddenPositives(run.dataset, read_truth(truth, run.dataset))
        pool, asked = pool_of(run, hidden)
        told = {family: {name: of_rule(rule, pool, asked, seed) for name, rule in rules.items()} for family, rules in PEERS.items()}
        for family, settings in families(self._name).items():
            told[family] = {name: of_ours(run, MiningConfig.of(judges=judges, **given), hidden) for name, given in settings}
        return told


def compared(found: SearchResult) -> dict[str, Any]:
    """Every rule at every mass, and what it has less than ours without a judge, with an interval."""
    weights = weights_of(found)
    at = at_masses(found, weights)
    rules: dict[str, Any] = {}
    for family, values in at.items():
        full = [float(each.row.sum() / each.asked.sum()) for each in found[family].values()]
        rules[family] = {"rate": rates_shown(values[0]), "settings (mass, rate, rows)": points(found[family], weights, full)}
        rules[family]["less ours without a judge"] = differences(values, at[BASE])
    return {"rules": rules, "at": list(MASSES)}


def main() -> None:
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("--judge", help="folder of a bi-encoder")
    parser.add_argument("--cross", help="a cross-encoder's part: cross-encoder:model=FOLDER,…")
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--clinc150-model")
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    runtime, count = Runtime.of(), Counter(args.cross or f"bi-encoder:model={args.judge}")
    tables = {}
    if args.clinc150:
        tables[f"clinc150, {Path(args.clinc150_model).name}"] = compared(clinc150(args.clinc150, args.clinc150_model, runtime, count))
    if args.draws:
        tables[f"demo, {MINILM}"] = compared(demo(args.draws, runtime, count))
    show(tables, "rules", "less ours without a judge")
    record(tables, args.out)


if __name__ == "__main__":
    main()
