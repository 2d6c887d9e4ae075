"""False negatives at equal gradient mass: our settings against peers' rules, where hidden positives are known.

    python -m benchmarks.quality.peer_rules [--clinc150 FOLDER --clinc150-model FOLDER] [--draws 5] [--out FILE]

Hard negatives are useful and often false; a rule is better when it has fewer false ones at the same hardness. Hardness is the gradient
mass (τ 0.05), its mean over all queries, 0 where a rule finds nothing. Every rule takes 4 negatives of each query from the same scores.
Each has a knob, and its false-negative rate at a mass lies on the lower hull of its settings: a mixture of two gives what lies between
them. Peers' rules are written anew here, from their papers and sources; ours are run as they are.

Sets: the demo's (docstrings, all-MiniLM-L6-v2), another shown positive for each draw; clinc150 (`train.tsv` shown, `train_full.tsv` true).
Intervals: 95 % of 500 draws of whole queries, the same for both sides of a difference.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.inputs import MINILM, arguments
from benchmarks.quality.equal_hardness import (
    MASSES,
    NAMES,
    Array,
    Counted,
    SearchResult,
    at_masses,
    differences,
    points,
    rates_shown,
    show,
    weights_of,
)
from benchmarks.quality.hidden_positives import clinc150, demo
from benchmarks.record import record
from miner import Inputs, MiningConfig, mine
from miner.analysis.false_negatives import HiddenPositives
from miner.config import Runtime
from miner.read import read_truth
from miner.runs.candidate_store import read_blocks
from miner.runs.rechoose import chooser as chooser_of

N, TAU, DEEP = 4, 0.05, 1000

Rule = Callable[["Pool", np.random.Generator], Array]


@dataclass
class Pool:
    """scores (Q, K), best first, known positives among them; bar (Q,): the weakest known positive's score; known, wrong (Q, K)."""

    scores: Array
    bar: Array
    known: Array
    wrong: Array
    corpus: int


# ---------------------------------------------------------------- peers' rules: columns (Q, N), -1 where there is none


def first(keep: Array, skip: int = 0) -> Array:
    """The first N that are kept, after `skip` of them."""
    nth = np.cumsum(keep, axis=1)
    out = np.full((len(keep), N), -1)
    rows, columns = np.nonzero(keep & (nth > skip) & (nth <= skip + N))
    out[rows, nth[rows, columns] - skip - 1] = columns
    return out


def drawn(keep: Array, draw: np.random.Generator, weights: Array | None = None) -> Array:
    """N of the kept, in proportion to their weights (Q, K), without replacement."""
    noise = -np.log(-np.log(draw.random(keep.shape)))
    value = np.where(keep, noise + (0.0 if weights is None else np.log(weights + 1e-300)), -np.inf)
    order = np.argsort(-value, axis=1)[:, :N]
    return np.where(np.take_along_axis(keep, order, axis=1), order, -1)


def under(pool: Pool, relative: float = 0.0, absolute: float = 0.0) -> Array:
    """Not known, and not above bar - |bar| × relative - absolute."""
    ceiling: Array = (pool.bar - np.abs(pool.bar) * relative - absolute)[:, None]
    keep: Array = ~pool.known & (pool.scores <= ceiling)
    return keep


def window(start: int, stop: int, pool: Pool) -> Array:
    """Raw ranks start+1 … stop, known positives counted and then left out (FlagEmbedding)."""
    keep = ~pool.known
    keep[:, :start] = False
    keep[:, stop:] = False
    return keep


def simans(a: float, b: float) -> Rule:
    """SimANS: exp(-a (s - s+ - b)²) over the first 100."""
    return lambda pool, draw: drawn(window(0, 100, pool), draw, np.exp(-a * (pool.scores - pool.bar[:, None] - b) ** 2))


def ceiling_of_all(share: float) -> Rule:
    """Percentile of all positives' scores as a common ceiling (mine-hard-negatives)."""
    return lambda pool, draw: first(~pool.known & (pool.scores <= np.quantile(pool.bar, share)))


def top(skip: int) -> Rule:
    """The best but for `skip`."""
    return lambda pool, draw: first(~pool.known, skip)


def below(relative: float = 0.0, absolute: float = 0.0, skip: int = 0) -> Rule:
    """The best under a margin, but for `skip`."""
    return lambda pool, draw: first(under(pool, relative, absolute), skip)


def at_most(score: float) -> Rule:
    """The best with at most this score."""
    return lambda pool, draw: first(~pool.known & (pool.scores <= score))


def drawn_below(relative: float) -> Rule:
    """Drawn from the first ten under a margin."""

    def rule(pool: Pool, draw: np.random.Generator) -> Array:
        keep = under(pool, relative)
        return drawn(keep & (np.cumsum(keep, axis=1) <= 10), draw)

    return rule


def drawn_within(start: int, stop: int) -> Rule:
    """Drawn from a window of ranks."""
    return lambda pool, draw: drawn(window(start, stop, pool), draw)


def survivors(relative: float) -> Rule:
    """contrastors: below (1 - relative) × the positive; a row with fewer than 75 such of the first 1,000 is dropped."""

    def rule(pool: Pool, draw: np.random.Generator) -> Array:
        keep = under(pool, relative)
        return np.where(keep.sum(axis=1)[:, None] >= 75, first(keep), -1)

    return rule


RELATIVE = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
SKIPS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 700, 900)
WINDOWS = (
    *((0, 10), (0, 20), (0, 50), (0, 100), (2, 200), (10, 60), (10, 110), (10, 210), (10, 300), (20, 120), (30, 100), (30, 200), (50, 100)),
    *((50, 150), (60, 200), (100, 200), (100, 300), (150, 300), (200, 300), (300, 600), (500, 1000), (700, 1000)),
)
PEERS: dict[str, dict[str, Rule]] = {
    "sentence-transformers, top after range_min": {f"{k}": top(k) for k in SKIPS},
    "sentence-transformers, relative_margin; NV-Retriever and NeMo PercPos": {f"{r}": below(r) for r in RELATIVE},
    "sentence-transformers, absolute_margin; NV-Retriever MarginPos": {
        f"{m}": below(absolute=m) for m in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    },
    "sentence-transformers, max_score; NV-Retriever Abs": {
        f"{c}": at_most(c) for c in (0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2)
    },
    "sentence-transformers, relative_margin 0.05 and range_min": {f"{k}": below(0.05, skip=k) for k in SKIPS},
    "NV-Retriever, drawn from the first 10 of PercPos": {f"{r}": drawn_below(r) for r in RELATIVE},
    "FlagEmbedding, SFR, RAGatouille: drawn from a window of ranks": {f"{a}-{b}": drawn_within(a, b) for a, b in WINDOWS},
    "contrastors, relative with 75 survivors": {f"{r}": survivors(r) for r in RELATIVE},
    "SimANS": {f"a={a},b={b}": simans(a, b) for a in (0.5, 5, 50, 500) for b in (0, -0.05, -0.1, -0.2, -0.3)},
    "mine-hard-negatives, percentile of all positives": {f"{u}": ceiling_of_all(u) for u in (0.9, 0.75, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)},
}

# ---------------------------------------------------------------- ours

BACKGROUNDS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ALL = {"depth": DEEP, "max_depth": DEEP}
"""Where a preset skips ranks most queries run short within 200, and are searched to 1,000 anyway."""

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
OURS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Hardneg, default with another nearest:share": [(f"{share}", {"filters": (f"nearest:share={share}",)}) for share in SHARES],
    "Hardneg, default, a ceiling for every positive, with another margin:background": [
        (f"{b}", {"filters": (f"margin:relative=0.05,background={b},relax=true",)}) for b in BACKGROUNDS
    ],
    "Hardneg, the same with half of the nearest dropped": [
        (f"{b}", {"filters": (f"margin:relative=0.05,background={b},relax=true", "nearest:share=0.5")}) for b in BACKGROUNDS
    ],
    "Hardneg, safe with another margin:background": [
        (f"{b}", {"preset": "safe", "filters": (f"margin:background={b},relax=true",)}) for b in BACKGROUNDS
    ],
    "Hardneg, noisy-positives with another ranks:skip": [
        (f"{k}", {"preset": "noisy-positives", "filters": (f"ranks:skip={k}",), **ALL}) for k in SKIPS
    ],
}


# ---------------------------------------------------------------- counting


def counted(scores: Array, wrong: Array, there: Array, bar: Array, asked: Array) -> Counted:
    """scores, wrong, there (Q, N): the negatives; bar (Q,): the one shown positive; asked (Q,): has hidden positives."""
    weights = np.where(there, np.exp((scores - bar[:, None]) / TAU), 0.0).sum(axis=1)
    there_is = there.any(axis=1).astype(int)
    false, every = (wrong & there).sum(axis=1) * asked, there.sum(axis=1) * asked
    return Counted(false, every, weights / (1 + weights), there_is, np.ones(len(bar), dtype=int))


def of_rule(rule: Rule, pool: Pool, asked: Array, seed: int) -> Counted:
    """What a peer's rule takes."""
    columns = rule(pool, np.random.default_rng(seed))
    at, there = np.maximum(columns, 0), columns >= 0
    return counted(np.take_along_axis(pool.scores, at, axis=1), np.take_along_axis(pool.wrong, at, axis=1), there, pool.bar, asked)


def pool_of(run: Any, hidden: HiddenPositives) -> tuple[Pool, Array]:
    """All candidates of a run, in the order of queries."""
    parts = [part for block in read_blocks(run.folder / "candidates.parquet") for part in block.longest]
    order = np.argsort(np.concatenate([part.queries for part in parts]))

    def take(values: list[Array]) -> Array:
        return np.concatenate(values)[order]

    wrong = take([hidden.among(part.queries, part.rows) for part in parts])
    known = take([(part.rows[:, :, None] == part.positives[:, None, :]).any(axis=2) for part in parts])
    scores, bar = (
        take([part.scores for part in parts]).astype(np.float64),
        take([part.reference_scores for part in parts]).astype(np.float64),
    )
    return Pool(scores, bar, known, wrong, len(run.dataset.corpus)), hidden.queries


def of_ours(run: Any, config: MiningConfig, hidden: HiddenPositives) -> Counted:
    """What our settings take, from a run's candidates."""
    path, dataset = run.folder / "candidates.parquet", run.dataset
    chooser, found = chooser_of(path, dataset, config), []
    for part in (part for block in read_blocks(path) for part in chooser.lists_in_use(block)):
        anchors, _, negatives = chooser.choose(part)
        wrong = hidden.among(negatives.queries, negatives.rows)
        told = counted(
            negatives.scores.astype(np.float64),
            wrong,
            negatives.rows >= 0,
            anchors.reference_scores.astype(np.float64),
            hidden.queries[part.queries],
        )
        found.append((part.queries, told))
    order = np.argsort(np.concatenate([queries for queries, _ in found]))
    return Counted(*(np.concatenate([getattr(each, name) for _, each in found])[order] for name in NAMES))


def runs(inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path) -> tuple[Any, Any, HiddenPositives]:
    """One run whose candidates are all 1,000 deep, one as deep as our default goes; both with everything measured."""
    evidence = ("containment", "near_text", "near_positive", "duplicate_question")
    deep = mine(inputs, MiningConfig.of(evidence=evidence, ladder=0, **ALL), model=model, runtime=runtime, out=work / "deep")
    ours = mine(inputs, MiningConfig.of(evidence=evidence), model=model, runtime=runtime, out=work / "ours")
    return deep, ours, HiddenPositives(deep.dataset, read_truth(truth, deep.dataset))


def all_counted(inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path, seed: int) -> SearchResult:
    """Every setting of every rule on one draw of shown positives."""
    deep, ours, hidden = runs(inputs, truth, model, runtime, work)
    pool, asked = pool_of(deep, hidden)
    told = {family: {name: of_rule(rule, pool, asked, seed) for name, rule in rules.items()} for family, rules in PEERS.items()}
    for family, settings in OURS.items():
        told[family] = {name: of_ours(deep if "depth" in given else ours, MiningConfig.of(**given), hidden) for name, given in settings}
    return told


# ---------------------------------------------------------------- at equal mass


def compared(found: SearchResult) -> dict[str, Any]:
    """Every rule at every mass; the best of ours less the best of theirs, with an interval."""
    weights = weights_of(found)
    at = at_masses(found, weights)
    rules: dict[str, Any] = {}
    for family, values in at.items():
        full = [float(each.row.sum() / each.asked.sum()) for each in found[family].values()]
        rules[family] = {"rate": rates_shown(values[0]), "settings (mass, rate, rows)": points(found[family], weights, full)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of masses that nobody reaches
        theirs = np.nanmin(np.stack([at[family] for family in PEERS]), axis=0)
    for family in OURS:
        rules[family]["less the best of theirs"] = differences(at[family], theirs)
    best = [min((rules[f]["rate"][i], f) for f in PEERS if rules[f]["rate"][i] is not None) for i in range(len(MASSES))]
    return {"rules": rules, "at": list(MASSES), "best of theirs": best}


def main() -> None:
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--clinc150-model")
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    runtime = Runtime.of()
    tables = {}
    if args.draws:
        tables[f"demo, {MINILM}"] = compared(demo(args.draws, runtime, all_counted))
    if args.clinc150:
        tables[f"clinc150, {Path(args.clinc150_model).name}"] = compared(clinc150(args.clinc150, args.clinc150_model, runtime, all_counted))
    show(tables, "rules", "less the best of theirs")
    record(tables, args.out)


if __name__ == "__main__":
    main()
