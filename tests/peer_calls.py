"""Random calls of `mine_hard_negatives`: every argument by chance, about one call in four refused."""

from __future__ import annotations

import numpy as np
from peer import Call

NAMES = ["query", "answer", "note"]


def call_of(seed: int) -> Call:
    """A call, every argument by chance; about one in eight is refused."""
    rng = np.random.default_rng(seed)
    pool = [f"p{i}" for i in range(int(rng.integers(2, 31)))]
    queries = [f"q{i}" for i in range(int(rng.integers(1, 7)))]
    rows = [(_one(rng, queries), _one(rng, pool)) for _ in range(int(rng.integers(1, 13)))]
    if rng.random() < 0.2:  # one query with many positives
        rows += [("q0", text) for text in pool[: int(rng.integers(2, 12))]]
    if rng.random() < 0.02:
        rows = []
    columns = dict(zip(NAMES, [[a for a, _ in rows], [p for _, p in rows], ["x"] * len(rows)], strict=True))
    columns = {
        name: columns[name] for name in _one(rng, [NAMES, NAMES, NAMES[:2], ["note", "answer", "query"], NAMES[:1]], [4, 4, 8, 2, 0.3])
    }
    arguments = _window(rng) | _scores(rng) | _shape(rng) | _names(rng, columns) | _speed(rng)
    if rng.random() < 0.6:
        arguments["corpus"] = [*rng.permutation(pool + queries[: int(rng.integers(0, 3))]).tolist(), *rng.choice(pool, 2).tolist()]
    cross = {
        "seed": seed + 1,
        "passages": [*pool, *queries, "x"],
        "dtype": _one(rng, ["float32", "float64", "bfloat16", "float16"], [5, 1, 1, 1]),
    }
    toy = {
        "seed": seed,
        "passages": [*pool, *queries, "x"],
        "dtype": _one(rng, ["float32", "float64", "float16"], [8, 1, 1]),
        "shift": _one(rng, [0.0, 3.0], [6, 1]),
    }
    gpus = int(rng.random() < 0.05)
    if gpus:
        arguments |= {"num_negatives": int(_one(rng, [200, 2050, 3000])), "use_faiss": True}
        arguments.pop("range_max", None)
    cached = toy["dtype"] == "float32" and rng.random() < 0.08
    return Call(columns, arguments, toy, cross if rng.random() < 0.35 else None, gpus, seed, cached)


def _one(rng, options, weights=None):
    chances = None if weights is None else np.array(weights) / np.sum(weights)
    return options[int(rng.choice(len(options), p=chances))]


def _some(rng, **chances) -> dict:
    """Each argument with its chance, a value of its list."""
    return {name: _one(rng, values) for name, (chance, values) in chances.items() if rng.random() < chance}


def _window(rng) -> dict:
    return _some(
        rng,
        range_min=(0.4, [0, 1, 2, 3, 8] * 3 + [-1]),
        range_max=(0.4, [1, 3, 5, 8, 12, 40]),
        num_negatives=(0.7, [1, 1, 2, 3, 5] * 4 + [0]),
        sampling_strategy=(0.5, ["top", "random", "random"]),
    )


def _scores(rng) -> dict:
    bounds = [0.0, 0.05, 0.1, 0.35, -0.1, -0.25, 0.7, 0.5, 1, 0.3]
    return _some(
        rng,
        max_score=(0.25, bounds),
        min_score=(0.25, [*bounds, -0.5, -0.8, -3.2, float("nan"), float("-inf")]),
        absolute_margin=(0.25, bounds),
        relative_margin=(0.25, bounds),
        margin=(0.08, bounds),
    )


def _shape(rng) -> dict:
    formats = ["triplet", "n-tuple", "labeled-pair", "labeled-list", "n-tuple-scores"] * 6 + ["pairs"]
    return _some(
        rng,
        output_format=(0.8, formats),
        output_scores=(0.5, [True, False]),
        include_positives=(0.15, [True]),
        as_triplets=(0.08, [True, False]),
        verbose=(0.3, [False]),
    )


def _names(rng, columns) -> dict:
    wanted = [*columns, "nothing", ""]
    found = _some(rng, anchor_column_name=(0.06, wanted), positive_column_name=(0.06, wanted))
    if "query" in columns and next(iter(columns)) != "query" and rng.random() < 0.9:
        found |= {"anchor_column_name": "query", "positive_column_name": "answer"}
    prompts = {"query_prompt_name": (0.1, ["ask"]), "query_prompt": (0.1, ["say "]), "corpus_prompt_name": (0.1, ["half"])}
    return found | _some(rng, **prompts, corpus_prompt=(0.1, ["down ", ""]))


def _speed(rng) -> dict:
    return _some(
        rng,
        batch_size=(0.3, [1, 7]),
        faiss_batch_size=(0.4, [1, 2, 3, 100] * 5 + [0]),
        use_faiss=(0.3, [True]),
        use_multi_process=(0.15, [True, ["cpu", "cpu"]]),
    )
