"""A cross-encoder as a judge: pairs across queries, sorted by tokens, in batches of equal padded size.

Safe as encoders are: weights from safetensors only, no code of the model's but what the operator has allowed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from miner.encode import check_model, model_kind
from miner.encode.fingerprint import content_hash
from miner.encode.staged_model import permitted, staged
from miner.errors import ConfigError, ModelError
from miner.judges.judge_parts import CrossEncoderPart
from miner.types import Floats, Ints, JudgeDescription

TOKENS_PER_BATCH = {"cpu": 8192, "cuda": 131_072}
"""Padded tokens of one forward pass, by kind of device; others as cuda."""

BATCHES_PER_CALL = 16
"""Batches whose pairs are scored by one call."""


class CrossEncoderModel:
    """One CrossEncoder with its prompts and activation."""

    def __init__(self, model: Any, part: CrossEncoderPart, name: str, batch_size: int | None = None) -> None:
        self.model, self.name, self._part, self._batch_size = model, name, part, batch_size
        self._activation = _activation(part)
        if part.prompt_name is not None and part.prompt_name not in (model.prompts or {}):
            names = ", ".join(model.prompts or {}) or "none"
            raise ConfigError(f"model '{name}' has no prompt named '{part.prompt_name}'; it has: {names}")
        self._description = self._describe()

    def describe(self) -> JudgeDescription:
        """What the manifest says of it."""
        return self._description

    def score(self, queries: list[str], passages: list[str]) -> Floats:
        """Shape (n,), as the model gives them."""
        head, body = self._part.text("query_prompt"), self._part.text("passage_prompt")
        pairs = [(f"{head}{query}", f"{body}{passage}") for query, passage in zip(queries, passages, strict=True)]
        scores = np.empty(len(pairs), dtype=np.float32)
        for batch in self._batches(self._lengths(pairs)):
            scores[batch] = self._predict([pairs[place] for place in batch.tolist()])
        return scores

    def _predict(self, pairs: list[tuple[str, str]]) -> Floats:
        options = {"batch_size": len(pairs), "show_progress_bar": False, "prompt_name": self._part.prompt_name}
        values: Floats = self.model.predict(pairs, activation_fn=self._activation, **options)
        return values

    def _lengths(self, pairs: Sequence[tuple[str, str]]) -> Ints:
        """Shape (n,): about how many tokens each pair has; each text is counted once."""
        from transformers import PreTrainedTokenizerBase

        limit, texts = self.model.max_seq_length or 512, list(dict.fromkeys(text for pair in pairs for text in pair))
        tokenizer = getattr(self.model, "tokenizer", None)
        if isinstance(tokenizer, PreTrainedTokenizerBase):
            encoding = tokenizer(texts, truncation=True, max_length=limit, return_attention_mask=False, add_special_tokens=False)
            counts = dict(zip(texts, map(len, encoding["input_ids"]), strict=True))
        else:
            counts = {text: len(text) // 4 for text in texts}
        lengths: Ints = np.array([min(limit, counts[query] + counts[passage] + 3) for query, passage in pairs], dtype=np.int64)
        return lengths

    def _batches(self, lengths: Ints) -> list[Ints]:
        """Places of the pairs, the longest first, cut so that a batch padded to its longest pair holds TOKENS_PER_BATCH."""
        device = str(getattr(self.model, "device", "cpu")).partition(":")[0]
        tokens = TOKENS_PER_BATCH.get(device, TOKENS_PER_BATCH["cuda"])
        order, start, batches = np.argsort(-lengths, kind="stable"), 0, []
        while start < len(order):
            size = self._batch_size or max(1, tokens // int(lengths[order[start]]))
            batches.append(order[start : start + size])
            start += size
        return batches

    def _describe(self) -> JudgeDescription:
        """The fingerprint covers the model's content, and the knobs that change scores but name no model."""
        model, part = self.model, self._part
        content = content_hash(model)
        activation = repr(self._activation or model.activation_fn)
        prompt = None if part.prompt_name is None else model.prompts[part.prompt_name]
        settings = [content, activation, prompt, model.default_prompt_name, part.text("query_prompt"), part.text("passage_prompt")]
        fingerprint = hashlib.sha256(json.dumps(["cross-encoder", *settings], default=str).encode()).hexdigest()
        dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
        about = {"name": self.name, "content": content, "activation": activation, "max_length": model.max_seq_length, "dtype": dtype}
        return {"judge": part.identity, "fingerprint": fingerprint, "model": about}


def check_cross_encoder(part: CrossEncoderPart, allow_code: Sequence[str] = ()) -> None:
    """Raise ModelError, without loading the model, where it cannot be loaded safely or is no cross-encoder."""
    name = str(part.model)
    check_model(name, part.revision, allow_code)
    kind = model_kind.kind_of_name(name, part.revision)
    if kind is None and Path(name).is_dir():
        raise ModelError(f"model '{name}' is a bi-encoder, and no cross-encoder: write --judge 'bi-encoder:model={name}'")
    if kind is not None and not kind.startswith(model_kind.FAMILIES["CrossEncoder"]):
        raise ModelError(f"model '{name}' is {kind}, and no cross-encoder: its scores of a pair were not trained")


def load_cross_encoder(part: CrossEncoderPart, runtime: Any, model: Any = None) -> CrossEncoderModel:
    """Load the judge. model: a loaded CrossEncoder. ModelError where it cannot be loaded, or gives several scores a pair."""
    name = part.model or "in memory"
    if model is None:
        check_cross_encoder(part, runtime.allow_code)
        model = _load(part, runtime)
    if part.max_length is not None:
        model.max_seq_length = part.max_length
    if model.num_labels != 1:
        raise ModelError(f"model '{name}' gives {model.num_labels} scores a pair, as classifiers do: a judge gives one")
    return CrossEncoderModel(model, part, name, runtime.batch_size)


def _load(part: CrossEncoderPart, runtime: Any) -> Any:
    import torch
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    name, dtype = str(part.model), getattr(torch, part.dtype)
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    with ExitStack() as stack:
        code = permitted(name, part.revision, runtime.allow_code)
        path = str(stack.enter_context(staged(code))[0]) if code else name
        try:
            model = CrossEncoder(
                path,
                device=runtime.device,
                revision=None if code else part.revision,
                trust_remote_code=bool(code),
                local_files_only=Path(path).is_dir(),
                model_kwargs={"use_safetensors": True, "dtype": dtype},
            )
            return model.to(dtype).eval()
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__).replace(path, name)
            raise ModelError(f"model '{name}' cannot be loaded as a cross-encoder: {reason}") from error


def _activation(part: CrossEncoderPart) -> Any:
    """The activation that the judge's knob names; None: the model's own."""
    import torch

    return {"default": None, "sigmoid": torch.nn.Sigmoid(), "identity": torch.nn.Identity()}[part.activation]
