"""False negatives at equal hardness: what is counted of each query, and rates with intervals at given gradient masses.

A rule has a knob, and its false-negative rate at a mass lies on the lower hull of its settings: a mixture of two gives what lies between
them. Intervals: 95 % of 500 draws of whole queries, the same for both sides of a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MASSES = (0.3, 0.4, 0.5)
DRAWS = 500

Array = np.ndarray

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
    values: Array = np.interp(wanted, xs, ys, left=np.nan, right=np.nan)
    return values


def rates(settings: dict[str, Counted], weights: Array) -> Iterator[tuple[Array, Array]]:
    """Masses (S,) and rates (S,) of a rule's settings under each row of weights (R, Q)."""
    tables = {name: np.stack([getattr(each, name) for each in settings.values()], axis=1) for name in NAMES}
    sums = {name: weights @ table for name, table in tables.items()}
    for r in range(len(weights)):
        yield sums["mass"][r] / sums["asked"][r], sums["false"][r] / np.maximum(sums["every"][r], 1)


def weights_of(found: SearchResult) -> Array:
    """How often each query counts: once each, then DRAWS draws of whole queries. Shape (1 + DRAWS, Q)."""
    queries = len(next(iter(next(iter(found.values())).values())).false)
    draw = np.random.default_rng(0)
    drawn = draw.multinomial(queries, np.full(queries, 1 / queries), size=DRAWS)
    return np.concatenate([np.ones((1, queries)), drawn]).astype(np.float64)


def at_masses(found: SearchResult, weights: Array) -> dict[str, Array]:
    """The rate of each family at each mass, under each row of weights. Shape (1 + DRAWS, M)."""
    return {family: np.array([hull_at(x, y, MASSES) for x, y in rates(settings, weights)]) for family, settings in found.items()}


def rates_shown(values: Array) -> list[float | None]:
    """Rates of a family to print: None where no setting gets there."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


def points(settings: dict[str, Counted], weights: Array, *more: Iterable[float]) -> dict[str, list[float]]:
    """Mass and rate of every setting, and what else is given of each."""
    x, y = next(rates(settings, weights[:1]))
    return {name: [round(float(value), 4) for value in point] for name, *point in zip(settings, x, y, *more, strict=True)}


def differences(values: Array, base: Array) -> list[list[float] | None]:
    """The difference from `base` at each mass with its interval; None where a mass was not reached."""
    return [_spread(values[:, i] - base[:, i]) for i in range(len(MASSES))]


def show(tables: dict[str, Any], rows: str, difference: str) -> None:
    """Print each set's table: rates and differences by family."""
    for name, table in tables.items():
        print(f"\n{name}: false negatives at mass {', '.join(map(str, MASSES))}")
        for family, row in table[rows].items():
            cells = ("    –  " if rate is None else f"{100 * rate:6.2f}%" for rate in row["rate"])
            print("  ".join(cells), family, row.get(difference, ""))


def _spread(values: Array) -> list[float] | None:
    """The first value and what 95 % of the others lie between; None where a mass was not reached."""
    if np.isnan(values[0]):
        return None
    return [round(float(v), 4) for v in (values[0], *np.nanquantile(values[1:], [0.025, 0.975]))]
