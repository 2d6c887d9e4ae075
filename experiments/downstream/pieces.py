"""A data set as a transformer student sees it: texts as piece ids, cut to a length, and their vectors with any state of the model."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sets import Judged, Set, texts_of
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Encoder, load_encoder
from miner.read import read
from miner.support.noise import generator
from miner.types import Floats

BLOCK = 128


class Pieces:
    """Texts as piece ids, cut to the model's length: what `Bags` is to a static student. number: {text: its row}."""

    def __init__(self, texts: Iterable[str], model: Any) -> None:
        self.texts = list(dict.fromkeys(texts))
        self.number = {text: place for place, text in enumerate(self.texts)}
        self._pad = model.tokenizer.pad_token_id
        cut = model.tokenizer(self.texts, truncation=True, max_length=model.max_seq_length)
        self._ids = [torch.tensor(ids) for ids in cut["input_ids"]]

    def numbers(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (len(texts),): the row of each."""
        return np.array([self.number[text] for text in texts], dtype=np.int64)

    def features(self, numbers: Sequence[int]) -> dict[str, Tensor]:
        """What the model reads: ids and mask (texts, pieces of the longest)."""
        ids = [self._ids[number] for number in numbers]
        mask = pad_sequence([torch.ones_like(each) for each in ids], batch_first=True)
        return {"input_ids": pad_sequence(ids, batch_first=True, padding_value=self._pad), "attention_mask": mask}

    def embedded(self, model: Any, numbers: Sequence[int], *, half: bool = False) -> Tensor:
        """Shape (texts, D), float32. half: bf16 where autocast takes it; it keeps weights it has cast, so one context is one pass."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            made: Tensor = model(self.features(numbers))["sentence_embedding"]
        return made.float()

    def table(self, model: Any, numbers: Sequence[int], *, half: bool = False) -> Floats:
        """Shape (all texts, D): unit rows of some texts, zeros for the others. Short texts first, so that little is padded."""
        made = np.zeros((len(self.texts), model.get_embedding_dimension()), dtype=np.float32)
        order = sorted(numbers, key=lambda number: len(self._ids[number]))
        model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), BLOCK):
                some = order[start : start + BLOCK]
                made[some] = torch.nn.functional.normalize(self.embedded(model, some, half=half), dim=-1).numpy()
        return made

    def vectors(self, table: Floats, numbers: np.ndarray) -> Floats:
        """Shape (texts, D): rows of what `table` gave."""
        return table[numbers]


class Subject(Set):
    """A data set for a transformer. bags: its texts as `Pieces`; model: the student before training, which has seen every text already."""

    def __init__(self, name: str, folder: Path, work: Path, student: str, length: int = 64, queries: int = 8000, dev: int = 500) -> None:
        self.name, self.folder, self.work, self.student = name, folder, work / "sets" / name, student
        self.kept: dict[Any, Any] = {}
        self.fresh = load_encoder(MiningConfig.of(model=student, max_length=length), Runtime.of()).model
        self.train, dev_queries = self._train(queries, dev)
        test = read(Inputs.of(data=str(folder), split=("test",)), None)
        parts = [texts_of(part) for part in (self.train.corpus, dev_queries.queries, test.queries, self.train.queries)]
        self.bags = Pieces((text for part in parts for text in part), self.fresh)
        self.judged = np.unique(self.bags.numbers([text for part in parts[:3] for text in part])).tolist()
        some = generator(0, "dev").permutation(len(dev_queries.queries))[:dev]
        self.dev, self.test = Judged(dev_queries, self.bags, np.sort(some)), Judged(test, self.bags)

    @property
    def model(self) -> Any:
        """For miners: the student, its vectors made once for all of them."""
        if "model" not in self.kept:
            table = self.bags.table(self.fresh, range(len(self.bags.texts)))
            model = copy.deepcopy(self.fresh)
            model.encode = lambda inputs, **_: table[self.bags.numbers(inputs)]
            self.kept["model"] = model
        return self.kept["model"]

    def encoder(self) -> Encoder:
        """The same for our miner."""
        return Encoder(self.model, self.student, prompts={"query": None, "passage": None})
