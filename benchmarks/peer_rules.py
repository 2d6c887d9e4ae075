"""False negatives at equal gradient mass: our settings against peers' rules, where hidden positives are known.

    python benchmarks/peer_rules.py [--clinc150 FOLDER --clinc150-model FOLDER] [--draws 5] [--out results/peer_rules.json]

Hard negatives are useful and often false; a rule is better when it has fewer false ones at the same hardness. Hardness is the gradient
mass (τ 0.05), its mean over all queries, 0 where a rule finds nothing. Every rule takes 4 negatives of each query from the same scores.
Each has a knob, and its false-negative rate at a mass lies on the lower hull of its settings: a mixture of two gives what lies between
them. Peers' rules are written anew here, from their papers and sources; ours are run as they are.

Sets: the demo's (docstrings, all-MiniLM-L6-v2), another shown positive for each draw; clinc150 (`train.tsv` shown, `train_full.tsv` true).
Intervals: 95 % of 500 draws of whole queries, the same for both sides of a difference.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from false_negatives import positives, show_one

from miner import Inputs, MiningConfig, mine
from miner.analysis.sweep import Hidden
from miner.cli.demo import packaged_model
from miner.config import Runtime
from miner.encode import load_encoder
from miner.read import read_truth
from miner.read.docstrings import build
from miner.runs.candidate_store import read_blocks
from miner.runs.rechoose import chooser as chooser_of

N, TAU, DEEP = 4, 0.05, 1000
MASSES = (0.3, 0.4, 0.5)
DRAWS = 500

Array = np.ndarray
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
    return ~pool.known & (pool.scores <= (pool.bar - np.abs(pool.bar) * relative - absolute)[:, None])


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
    "sentence-transformers, top after range_min": {f"{k}": lambda p, d, k=k: first(~p.known, k) for k in SKIPS},
    "sentence-transformers, relative_margin; NV-Retriever and NeMo PercPos": {
        f"{r}": lambda p, d, r=r: first(under(p, r)) for r in RELATIVE
    },
    "sentence-transformers, absolute_margin; NV-Retriever MarginPos": {
        f"{m}": lambda p, d, m=m: first(under(p, 0.0, m)) for m in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    },
    "sentence-transformers, max_score; NV-Retriever Abs": {
        f"{c}": lambda p, d, c=c: first(~p.known & (p.scores <= c))
        for c in (0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2)
    },
    "sentence-transformers, relative_margin 0.05 and range_min": {f"{k}": lambda p, d, k=k: first(under(p, 0.05), k) for k in SKIPS},
    "NV-Retriever, drawn from the first 10 of PercPos": {
        f"{r}": lambda p, d, r=r: drawn(under(p, r) & (np.cumsum(under(p, r), axis=1) <= 10), d) for r in RELATIVE
    },
    "FlagEmbedding, SFR, RAGatouille: drawn from a window of ranks": {
        f"{a}-{b}": lambda p, d, a=a, b=b: drawn(window(a, b, p), d) for a, b in WINDOWS
    },
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


NAMES = ("false", "every", "mass", "row", "asked")


@dataclass
class Counted:
    """Of each query (Q,): false negatives, negatives, gradient mass (0 without a row), whether it has a row, and how often it was asked."""

    false: Array
    every: Array
    mass: Array
    row: Array
    asked: Array

    def added(self, other: Counted) -> Counted:
        """Of further draws: counts are added up."""
        return Counted(*(getattr(self, name) + getattr(other, name) for name in NAMES))


SearchResult = dict[str, dict[str, Counted]]
"""What was counted, by rule and setting."""


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


def pool_of(run: Any, hidden: Hidden) -> tuple[Pool, Array]:
    """All candidates of a run, in the order of queries."""
    parts = [part for block in read_blocks(run.folder / "candidates.parquet") for part in block.longest]
    order = np.argsort(np.concatenate([part.queries for part in parts]))
    take = lambda values: np.concatenate(values)[order]  # noqa: E731
    wrong = take([hidden.among(part.queries, part.rows) for part in parts])
    known = take([(part.rows[:, :, None] == part.positives[:, None, :]).any(axis=2) for part in parts])
    scores, bar = (
        take([part.scores for part in parts]).astype(np.float64),
        take([part.reference_scores for part in parts]).astype(np.float64),
    )
    return Pool(scores, bar, known, wrong, len(run.dataset.corpus)), hidden.queries


def of_ours(run: Any, config: MiningConfig, hidden: Hidden) -> Counted:
    """What our settings take, from a run's candidates."""
    path, dataset = run.folder / "candidates.parquet", run.dataset
    chooser, found = chooser_of(path, dataset, config), []
    for part in (part for block in read_blocks(path) for part in chooser.searched(block)):
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


def runs(inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path) -> tuple[Any, Any, Hidden]:
    """One run whose candidates are all 1,000 deep, one as deep as our default goes; both with everything measured."""
    evidence = ("containment", "near_text", "near_positive", "duplicate_question")
    deep = mine(inputs, MiningConfig(evidence=evidence, ladder=0, **ALL), model=model, runtime=runtime, out=work / "deep")
    ours = mine(inputs, MiningConfig(evidence=evidence), model=model, runtime=runtime, out=work / "ours")
    return deep, ours, Hidden(deep.dataset, read_truth(truth, deep.dataset))


def all_counted(inputs: Inputs, truth: Path, model: Any, runtime: Runtime, work: Path, seed: int) -> SearchResult:
    """Every setting of every rule on one draw of shown positives."""
    deep, ours, hidden = runs(inputs, truth, model, runtime, work)
    pool, asked = pool_of(deep, hidden)
    told = {family: {name: of_rule(rule, pool, asked, seed) for name, rule in rules.items()} for family, rules in PEERS.items()}
    for family, points in OURS.items():
        told[family] = {name: of_ours(deep if "depth" in given else ours, MiningConfig(**given), hidden) for name, given in points}
    return told


# ---------------------------------------------------------------- at equal mass


def hull_at(masses: Array, rates: Array, wanted: Sequence[float]) -> Array:
    """The lower convex hull of points (mass, rate) at some masses; NaN outside."""
    order = np.lexsort((rates, masses))
    hull: list[tuple[float, float]] = []
    for x, y in zip(masses[order], rates[order], strict=True):
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (x - hull[-2][0]) >= (y - hull[-2][1]) * (hull[-1][0] - hull[-2][0]):
            hull.pop()
        if not hull or x > hull[-1][0]:
            hull.append((x, y))
    xs, ys = zip(*hull, strict=True)
    return np.interp(wanted, xs, ys, left=np.nan, right=np.nan)


def rates(settings: dict[str, Counted], weights: Array) -> Iterator[tuple[Array, Array]]:
    """Masses (S,) and rates (S,) of a rule's settings under each row of weights (R, Q)."""
    tables = {name: np.stack([getattr(each, name) for each in settings.values()], axis=1) for name in NAMES}
    sums = {name: weights @ table for name, table in tables.items()}
    for r in range(len(weights)):
        yield sums["mass"][r] / sums["asked"][r], sums["false"][r] / np.maximum(sums["every"][r], 1)


def compared(found: SearchResult) -> dict[str, Any]:
    """Every rule at every mass; the best of ours less the best of theirs, with an interval."""
    queries = len(next(iter(next(iter(found.values())).values())).false)
    draw = np.random.default_rng(0)
    weights = np.concatenate([np.ones((1, queries)), draw.multinomial(queries, np.full(queries, 1 / queries), size=DRAWS)]).astype(
        np.float64
    )
    at = {family: np.array([hull_at(x, y, MASSES) for x, y in rates(settings, weights)]) for family, settings in found.items()}
    told: dict[str, Any] = {"rules": {}, "at": list(MASSES)}
    for family, values in at.items():
        x, y = next(rates(found[family], weights[:1]))
        rows = [float(each.row.sum() / each.asked.sum()) for each in found[family].values()]
        points = {name: [round(float(v), 4) for v in point] for name, *point in zip(found[family], x, y, rows, strict=True)}
        told["rules"][family] = {
            "rate": [None if np.isnan(v) else round(float(v), 4) for v in values[0]],
            "settings (mass, rate, rows)": points,
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of masses that nobody reaches
        theirs = np.nanmin(np.stack([at[family] for family in PEERS]), axis=0)
    for family in OURS:
        difference = at[family] - theirs
        told["rules"][family]["less the best of theirs"] = [_spread(difference[:, i]) for i in range(len(MASSES))]
    told["best of theirs"] = [
        min((told["rules"][f]["rate"][i], f) for f in PEERS if told["rules"][f]["rate"][i] is not None) for i in range(len(MASSES))
    ]
    return told


def _spread(values: Array) -> list[float] | None:
    """The first value and what 95 % of the others lie between; None where a mass was not reached."""
    if np.isnan(values[0]):
        return None
    return [round(float(v), 4) for v in (values[0], *np.nanquantile(values[1:], [0.025, 0.975]))]


def demo(draws: int, runtime: Runtime, count: Callable[..., SearchResult] = all_counted) -> SearchResult:
    """The demo's set, what `count` counts of all draws added up."""
    encoder = load_encoder(MiningConfig(model=packaged_model()), runtime)
    total: SearchResult = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        build(data)
        known = positives(data)
        for seed in range(draws):
            qrels = Path(folder) / f"shown-{seed}.tsv"
            qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{p}\t1\n" for q, p in show_one(known, seed).items()))
            inputs = Inputs.of(corpus=str(data / "corpus.jsonl"), queries=str(data / "queries.jsonl"), qrels=(str(qrels),))
            (work := Path(folder) / f"{seed}").mkdir()
            told = count(inputs, data / "all.tsv", encoder, runtime, work, seed)
            total = {f: {n: total[f][n].added(c) if total else c for n, c in s.items()} for f, s in told.items()}
            print("demo, draw", seed, flush=True)
    return total


def clinc150(data: Path, model: str, runtime: Runtime, count: Callable[..., SearchResult] = all_counted) -> SearchResult:
    """One positive of each query shown, 99 hidden."""
    encoder = load_encoder(MiningConfig(model=model), runtime)
    shown = data / "qrels" / "train.tsv"  # by itself: what lies beside it in the folder would be known
    inputs = Inputs.of(corpus=str(data / "corpus.jsonl"), queries=str(data / "queries.jsonl"), qrels=(str(shown),))
    with tempfile.TemporaryDirectory() as folder:
        return count(inputs, data / "qrels" / "train_full.tsv", encoder, runtime, Path(folder), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--clinc150-model")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    runtime = Runtime.of()
    told = {}
    if given.draws:
        told["demo, all-MiniLM-L6-v2"] = compared(demo(given.draws, runtime))
    if given.clinc150:
        told[f"clinc150, {Path(given.clinc150_model).name}"] = compared(clinc150(given.clinc150, given.clinc150_model, runtime))
    for name, table in told.items():
        print(f"\n{name}: false negatives at mass {', '.join(map(str, MASSES))}")
        for family, row in table["rules"].items():
            print(
                "  ".join("    –  " if rate is None else f"{100 * rate:6.2f}%" for rate in row["rate"]),
                family,
                row.get("less the best of theirs", ""),
            )
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
