"""Random calls of `mine_hard_negatives`, run on sentence-transformers' function and on ours, and every way in which they differ.

The toy encoder's similarities are written down: no two passages are equally similar to a query, and most bounds fall exactly on one.
"""

from __future__ import annotations

import contextlib
import io
import logging
import random
import re
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

import numpy as np

GRID = 0.05


class Toy:
    """Passages are unit vectors, a query's vector is its row of the table: every product has one term, whatever the order of summing."""

    device = "cpu"
    model_card_data = SimpleNamespace(base_model=None)

    def __init__(self, seed: int, passages: list[str], dtype: str = "float32", shift: float = 0.0) -> None:
        self.seed, self.passages, self.dtype, self.shift = seed, {text: i for i, text in enumerate(passages)}, dtype, shift
        self.prompts = {"ask": "Q: ", "half": "H: "}
        self.calls: list = []

    def row(self, text, prompt: str = "") -> np.ndarray:
        """Similarities to all passages: distinct multiples of the grid."""
        rng = np.random.default_rng([self.seed, *f"{prompt}{text}".encode()])
        count = len(self.passages)
        return (rng.permutation(max(41, count + 10))[:count] - 20) * GRID

    def _log(self, name, texts, prompt_name, prompt, rest):
        self.calls.append((name, list(texts), prompt_name, prompt, sorted(rest.items(), key=lambda item: item[0])))
        return prompt if prompt is not None else self.prompts[prompt_name] if prompt_name else ""

    def encode_query(self, texts, *, prompt_name=None, prompt=None, **rest):
        said = self._log("query", texts, prompt_name, prompt, rest)
        return np.array([self.row(text, said) for text in texts]).astype(self.dtype)

    def encode_document(self, texts, *, prompt_name=None, prompt=None, **rest):
        said = self._log("document", texts, prompt_name, prompt, rest)
        return (np.eye(len(self.passages))[[self.passages[text] for text in texts]] * (0.5 if said else 1)).astype(self.dtype)

    def similarity(self, queries, passages):
        import torch

        return torch.as_tensor(queries) @ torch.as_tensor(passages).T - self.shift

    def similarity_pairwise(self, queries, passages):
        import torch

        return (torch.as_tensor(queries) * torch.as_tensor(passages)).sum(dim=-1) - self.shift

    def get_embedding_dimension(self):
        return len(self.passages)

    def start_multi_process_pool(self, target_devices=None):
        self.calls.append(("start", target_devices))
        return "pool"

    def stop_multi_process_pool(self, pool):
        self.calls.append(("stop", pool))


class ToyCross:
    """A cross-encoder with a table of its own; keeps the pairs it is asked about."""

    def __init__(self, seed: int, passages: list[str], dtype: str) -> None:
        self.toy, self.dtype, self.asked, self.calls = Toy(seed, passages), dtype, [], []

    def predict(self, pairs, *, batch_size, convert_to_tensor, pool):
        import torch

        self.asked += pairs
        self.calls.append((batch_size, convert_to_tensor, pool))
        scores = [self.toy.row(query)[self.toy.passages[passage]] for query, passage in pairs]
        return torch.tensor(scores, dtype=getattr(torch, self.dtype))

    def start_multi_process_pool(self, target_devices=None):
        return f"cross pool {target_devices}"

    def stop_multi_process_pool(self, pool):
        self.calls.append(("stop", pool))


@dataclass
class Call:
    """One call: the dataset's columns, the arguments, and what the models are made from."""

    columns: dict[str, list]
    arguments: dict
    toy: dict
    cross: dict | None = None
    gpus: int = 0
    seed: int = 0
    cached: bool = False

    @cached_property
    def dataset(self):
        """The rows, as both are given them."""
        from datasets import Dataset

        return Dataset.from_dict(self.columns)


@dataclass
class Outcome:
    """Everything a caller can see."""

    columns: list[str] = field(default_factory=list)
    features: str = ""
    rows: list = field(default_factory=list)
    error: tuple | None = None
    printed: str = ""
    logged: list = field(default_factory=list)
    warned: list = field(default_factory=list)
    drawn: int = 0
    calls: list = field(default_factory=list)


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list = []

    def emit(self, record):
        self.heard.append((record.levelname, record.getMessage()))


def run(function, call: Call, **more) -> Outcome:
    """The function's outcome on fresh models, with Python's random numbers seeded; `more` overrides arguments.

    A cached call is made twice, and what the first one printed stands before what the second did.
    """
    if not call.cached:
        return _run(function, call, more)
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_run(function, call, more | {"cache_folder": folder}) for _ in range(2))
    second.printed, second.calls = first.printed + second.printed, []
    return second


def _run(function, call: Call, more: dict) -> Outcome:
    import faiss

    out, listener, printed = Outcome(), _Listener(), io.StringIO()
    toy = Toy(**call.toy)
    faiss.get_num_gpus = lambda: call.gpus
    arguments = call.arguments | ({"cross_encoder": ToyCross(**call.cross)} if call.cross else {}) | more
    loggers = [logging.getLogger(name) for name in ("sentence_transformers.util.hard_negatives", "miner.compat.arguments")]
    random.seed(call.seed)
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("always")
        for logger in loggers:
            logger.addHandler(listener)
        try:
            found = function(call.dataset, toy, **arguments)
            out.columns, out.features, out.rows = found.column_names, str(found.features), found.to_list()
        except Exception as error:  # noqa: BLE001  # whatever it is, both must raise it
            out.error = (type(error), str(error))
        finally:
            for logger in loggers:
                logger.removeHandler(listener)
    out.printed, out.logged, out.calls = printed.getvalue(), listener.heard, toy.calls
    # A ResourceWarning is of whatever the garbage collector met meanwhile: an object of another test.
    out.warned = [(w.category, str(w.message).split(" (Triggered")[0]) for w in warned if w.category is not ResourceWarning]
    out.drawn = hash(random.getstate())
    return out


def differences(theirs: Outcome, ours: Outcome) -> list[str]:
    """In words; empty when they agree in everything. Where theirs divides by zero after all the work, ours has rows."""
    found = []
    if theirs.error and theirs.error[0] is ZeroDivisionError:
        return [] if ours.error is None else [f"error: {ours.error}"]
    for name in Outcome.__dataclass_fields__:
        one, two = (_plain(getattr(outcome, name)) if name == "printed" else getattr(outcome, name) for outcome in (theirs, ours))
        if repr(one) != repr(two):  # NaN is the same as NaN, 0.0 is not -0.0
            found.append(f"{name}:\n  theirs {one!r}\n  ours   {two!r}")
    return found


def repaired_differences(original, ours, call: Call, theirs: Outcome) -> list[str]:
    """The same with our repairs in force: against the original asked for what it should have done."""
    two, given = run(ours, call), call.arguments
    names, columns = [given.get("anchor_column_name"), given.get("positive_column_name")], [*call.columns]
    unknown = any(name and name not in columns for name in names)
    same = (names[0] or columns[0]) == (names[1] or columns[-1 if len(columns) < 2 else 1])
    same = same and bool(len(columns) > 1 or names[1])
    earlier = theirs.error and theirs.error[1].startswith(("The dataset is empty", "faiss_batch_size"))
    if (unknown or same) and not earlier:
        told = "There is no column" if unknown else "Column '"
        return [] if two.error and two.error[0] is ValueError and two.error[1].startswith(told) else [f"columns: {two.error}"]
    mended = {}
    if given.get("include_positives") and given.get("output_format") == "n-tuple-scores" and given.get("as_triplets") is None:
        mended |= {"output_format": "n-tuple", "output_scores": True}
    if given.get("use_faiss") and call.toy["shift"] and theirs.error is None:
        if call.gpus:
            return []  # without FAISS the original would not cap: there is nothing to compare with
        mended["use_faiss"] = False
    one = run(original, call, **mended) if mended else theirs
    for outcome in (one, two):
        outcome.printed = re.sub(r"Skipped .* due to the min_score.*\n", "", outcome.printed)
        outcome.logged = [] if mended else outcome.logged
    return differences(one, two)


def _plain(printed: str) -> str:
    """Where a cache lies is named differently."""
    return re.sub(r"(\[Cache\] \w+ \w+ embeddings \w+) \S+", r"\1 FOLDER", printed)
