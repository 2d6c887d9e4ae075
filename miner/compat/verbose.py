"""The statistics that `verbose` prints, equal to the original's digit for digit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from miner.compat.arguments import Arguments
from miner.compat.choose import MinedNegatives
from miner.compat.output import OutputTable

MAX_QUANTILE_VALUES = 2**24
"""Largest input of torch's quantile; the original fails on more values, after mining."""


def statistics(arguments: Arguments, mined: MinedNegatives, table: OutputTable, rows: int, queries: int) -> None:
    """Print the table of scores, the candidates each filter removed, and the missing rows. rows: of the output."""
    _scores(mined, table)
    _removed(arguments, mined, queries)
    _missing(arguments, table.possible - rows, table.possible)


def _scores(mined: MinedNegatives, table: OutputTable) -> None:
    import torch

    negatives = torch.from_numpy(table.scores)
    parts = (mined.positive_scores, negatives, mined.positive_scores[table.pairs] - negatives)
    _line("Metric", "Positive", "Negative", "Difference")
    _line("Count", *(_text(len(part)) for part in parts[:2]), "")
    measures: dict[str, Callable[[Any], Any]] = {
        "Mean": torch.mean,
        "Median": torch.median,
        "Std": torch.std,
        "Min": lambda part: torch.min(part) if len(part) else math.inf,
        "25%": lambda part: _quantile(part, 0.25),
        "50%": lambda part: _quantile(part, 0.5),
        "75%": lambda part: _quantile(part, 0.75),
        "Max": lambda part: torch.max(part) if len(part) else -math.inf,
    }
    for name, measure in measures.items():
        _line(name, *(_text(measure(part)) for part in parts))


def _removed(arguments: Arguments, mined: MinedNegatives, queries: int) -> None:
    """Print the removed shares of all candidates, padding included; after a margin, of the remaining ones."""
    candidates = queries * arguments.depth
    for name in ("absolute_margin", "relative_margin", "max_score", "min_score"):
        bound, skipped = getattr(arguments, name), mined.removed[name]
        if name == "min_score" and bound is not None and bound > -math.inf and not arguments.repairs.true_counts:
            skipped = mined.removed["not left"]
        if skipped:
            print(f"Skipped {skipped:,} potential negatives ({skipped / (candidates or 1):.2%}) due to the {name} of {bound}.")
            candidates -= skipped if name.endswith("margin") else 0


def _missing(arguments: Arguments, missing: int, possible: int) -> None:
    if missing <= 0:
        return
    settings = ["range_max", *(["range_min"] if arguments.range_min > 0 else [])]
    settings += [name for name in ("absolute_margin", "relative_margin", "max_score") if getattr(arguments, name) is not None]
    listed = " and ".join(filter(None, [", ".join(settings[:-1]), settings[-1]]))
    print(
        f"Could not find enough negatives for {missing} samples ({missing / possible:.2%}). Consider adjusting the {listed} "
        f"parameter{'s' if len(settings) > 1 else ''} if you'd like to find more valid negatives."
    )


def _quantile(part: Any, share: float) -> Any:
    import torch

    if len(part) > MAX_QUANTILE_VALUES:
        return torch.tensor(np.quantile(part.float().numpy(), share))
    return torch.quantile(part.float(), q=share) if len(part) else math.inf


def _text(value: Any) -> str:
    return f"{value.item():.4f}" if hasattr(value, "item") else f"{value:,}"


def _line(*cells: str) -> None:
    print("{:<6} {:>14} {:>14} {:>14}".format(*cells))
