"""What a part must be able to do: one protocol for each family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from miner.types import ModelDescription
from miner.types.arrays import Bools, Floats, Ints, Priority, Rows, Side, Similarity
from miner.types.candidates import Candidates
from miner.types.texts import Texts


class Vectors(Protocol):
    """Texts in, vectors out: an encoder with its store, or vectors the user made before."""

    @property
    def similarity(self) -> Similarity:
        """How the model compares."""
        ...

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Shape (len(rows), D), finite, C-order. The same text gives the same bits every time."""
        ...

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the same into `out` (len(rows), D), which may be memory-mapped, in pieces."""
        ...

    def describe(self) -> ModelDescription:
        """What the manifest says about the model: name, fingerprints, dims, prompts."""
        ...

    @property
    def dim(self) -> int:
        """D."""
        ...


class SearchResult(NamedTuple):
    """What a source proposes for B queries: rows int32 (B, K), scores float32 (B, K), best first, padded with -1 and NaN.

    evidence: {name: (B, K)}, what only the search could know: which of several sources found a candidate, at which rank.
    """

    rows: Rows
    scores: Floats
    evidence: Mapping[str, NDArray[Any]] = MappingProxyType({})


class Source(Protocol):
    """Where candidates come from. All methods may be called by several threads at the same time."""

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """The best of each query, min(depth, distinct passages) wide."""
        ...

    def score(self, queries: Ints, rows: Rows) -> Floats:
        """Scores (B, P) of given corpus rows (-1 = padding, NaN out), on the same scale as `retrieve`."""
        ...

    def above(self, queries: Ints, reference: Floats) -> NDArray[np.float64]:
        """Shape (B,): about how many passages score above `reference` (B,)."""
        ...


class Filter(Protocol):
    """Which candidates may be negatives. `needs` names evidence, or something shared.

    estimates_relevance: it infers relevance, so a verdict on the very pair outweighs it.
    relax: it may be relaxed: fallback levels raise or drop it where it is a ceiling or a window of ranks, and passages judged
    non-relevant are exempt from it where it estimates relevance. Otherwise every negative that is written satisfies it.
    """

    needs: ClassVar[tuple[str, ...]]

    @property
    def estimates_relevance(self) -> bool:
        """Whether the rule infers relevance."""
        ...

    @property
    def relax(self) -> bool:
        """Whether the rule may be relaxed."""
        ...

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        ...


@runtime_checkable
class Ceiling(Filter, Protocol):
    """A filter that drops what scores near the reference score or above it. Fallback level 3 leaves out those it may relax."""

    def at_raised_reference(self) -> Filter:
        """The same rule for reference scores that fallback level 2 has raised."""
        ...


@runtime_checkable
class RankWindow(Filter, Protocol):
    """A filter that keeps some ranks, whatever is there. Random filling leaves out those it may relax."""

    skip: int
    last: int | None


@runtime_checkable
class SourceVote(Filter, Protocol):
    """A filter in which sources of candidates vote."""

    def check_sources(self, count: int) -> None:
        """ConfigError where the knobs do not fit so many sources."""
        ...


class Evidence(Protocol):
    """Something a judgement needs beside the score, measured once per candidate.

    Its candidates' `positives` (B, P) are all that is known to be relevant to the question, under other ids and in other splits too.
    """

    def __call__(self, candidates: Candidates) -> NDArray[Any]:
        """Return shape (B, K)."""
        ...


Noise = Callable[[], Priority]
"""Called when needed: shape (B, K), a number in (0, 1) for every (query id, passage id) and the seed."""


class Sampler(Protocol):
    """Which of the kept candidates are taken. `needs` as for a filter."""

    needs: ClassVar[tuple[str, ...]]

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): the M highest kept are taken; it cannot take what was dropped."""
        ...


TextChange = Callable[[str, np.random.Generator], str]
"""A text and random numbers of its own → another text; the same one, or an empty one, where there is none."""


class Variation(Protocol):
    """How a further negative is made from the text of one. needs_function: only the user's own function can make it."""

    needs_function: ClassVar[bool]

    @property
    def count(self) -> int:
        """The most that a row gets."""
        ...

    def open(self, corpus: Texts, paraphrase: Callable[[str], str] | None) -> TextChange:
        """Gather what it needs to know of the corpus; return the change."""
        ...


class Progress(Protocol):
    """Called with a stage's name, how much is done and how much there is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Total 0: the stage has begun and counts nothing."""
