"""Where the drop-in leaves the original on purpose, and the switch.

Some repairs have no switch, since nobody can want what they replace; they change no row of a run that was right:

* vectors in `cache_folder` are found by the model's content: another checkpoint never meets old ones
* `sampling_strategy` is checked; a column named like one the output adds is refused at once
* margins that leave nothing do not end in a ZeroDivisionError where min_score is set too; any number of scores has its quantiles
* NaN scores are refused; the cross-encoder is not asked about padding and known positives
* no matrix of queries times corpus is ever held; a search without score filters goes no deeper than its answer can need
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Repairs:
    """On: what is done instead of the original's. The last two change rows of runs that were right, so they are off by default.

    one_scale: with `use_faiss`, a model that does not compare by inner product is searched by its own similarity, so that
    positives and candidates are on one scale. known_columns: an unknown column name, or the same column twice, is a ValueError.
    kept_scores: `include_positives` with the deprecated "n-tuple-scores" keeps the scores. true_counts: "due to the min_score" counts
    what min_score removed, not positives, padding and what was gone before.
    without_anchor: the query's own text is never its negative. own_depth: how many candidates a query gets depends on its own number
    of positives, not on that of the query with the most (which costs every other query a deep search and as many cross-encoder calls).
    """

    one_scale: bool = True
    known_columns: bool = True
    kept_scores: bool = True
    true_counts: bool = True
    without_anchor: bool = False
    own_depth: bool = False


PARITY = Repairs(one_scale=False, known_columns=False, kept_scores=False, true_counts=False)
"""The original's behaviour in everything that can be switched."""

_CHOSEN: ContextVar[Repairs] = ContextVar("repairs", default=Repairs())  # noqa: B039  # frozen


def repairs() -> Repairs:
    """The repairs in force."""
    return _CHOSEN.get()


@contextmanager
def repairing(chosen: Repairs) -> Iterator[None]:
    """Switch them for the calls inside a `with`, in this thread or task alone."""
    token = _CHOSEN.set(chosen)
    try:
        yield
    finally:
        _CHOSEN.reset(token)
