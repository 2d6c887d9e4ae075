"""The intended differences of the drop-in from the original, and their switch.

Some repairs have no switch, since the original's behaviour is an error there; they change no row of a correct run:

* vectors in `cache_folder` are keyed by the model's content: another checkpoint never gets old ones
* `sampling_strategy` is checked; a column named like one the output adds is refused at once
* margins that leave nothing do not end in a ZeroDivisionError where min_score is set too; any number of scores has its quantiles
* NaN scores are refused; the cross-encoder does not score padding and known positives
* no matrix of queries times corpus is in memory; a search without score filters goes no deeper than its result can need
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Repairs:
    """The switchable repairs. The last two change rows of correct runs, so they are off by default.

    one_scale: with `use_faiss`, a model that does not compare by inner product is searched by its own similarity, so that positives and
        candidates are on one scale.
    known_columns: an unknown column name, or the same column twice, is a ValueError.
    kept_scores: `include_positives` with the deprecated "n-tuple-scores" keeps the scores.
    true_counts: "due to the min_score" counts what min_score removed, without positives, padding and candidates removed before.
    without_anchor: the query's own text is never its negative.
    own_depth: the depth of a query depends on its own number of positives, not on the largest one (which costs every other query a deep
        search and as many cross-encoder calls).
    """

    one_scale: bool = True
    known_columns: bool = True
    kept_scores: bool = True
    true_counts: bool = True
    without_anchor: bool = False
    own_depth: bool = False


PARITY = Repairs(one_scale=False, known_columns=False, kept_scores=False, true_counts=False)
"""All switchable repairs off: the original's behaviour."""

_ACTIVE: ContextVar[Repairs] = ContextVar("repairs", default=Repairs())  # noqa: B039  # frozen


def repairs() -> Repairs:
    """Return the active repairs."""
    return _ACTIVE.get()


@contextmanager
def repairing(active: Repairs) -> Iterator[None]:
    """Activate other repairs for the calls inside a `with`, in this thread or task alone."""
    token = _ACTIVE.set(active)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
