"""Which model this is, exactly: a hash of what is in memory, so that another checkpoint can never hit old vectors.

What gives other vectors must be in it: weights, tokenizers, module settings. Prompts are the encoder's own business. Must not import the
rest of `encode`; torch is imported inside functions only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Any

import orjson

from miner.support.parallel import processors

PIECE = 1 << 23
"""Bytes of a tensor that are hashed at a time, by one thread."""


def content_hash(model: Any) -> str:
    """sha256 over every tensor, the tokenizers, and the settings of every module, as they are in memory.

    Of a forward hook only its name: what one of the same name does is not seen.
    """
    turns, turn, hashed = enumerate(_pieces(model)), Lock(), dict[int, bytes]()

    def hash_pieces() -> None:
        while True:
            with turn:
                place, piece = next(turns, (0, None))
            if piece is None:
                return
            hashed[place] = hashlib.sha256(piece).digest()

    # 2 GB take more than a second on one processor. This thread joins in: one that is new may wait for a processor.
    with ThreadPoolExecutor(max(1, processors() - 1)) as crew:
        others = [crew.submit(hash_pieces) for _ in range(max(1, processors() - 1))]
        shapes = [f"{name} {tensor.dtype} {tuple(tensor.shape)}" for name, tensor in sorted(model.state_dict().items())]
        told = "\n".join([*shapes, *_settings(model), *_tokenizers(model)])
        hash_pieces()
        for other in others:
            other.result()
    return hashlib.sha256(b"".join(digest for _, digest in sorted(hashed.items())) + told.encode()).hexdigest()


def _pieces(model: Any) -> Iterator[memoryview]:
    """The bytes of every tensor, in the order of their names; of a model on another device, few of them here at a time."""
    for _, tensor in sorted(model.state_dict().items()):
        whole = memoryview(tensor.detach().cpu().contiguous().view(-1).view(_byte()).numpy())
        yield from (whole[at : at + PIECE] for at in range(0, len(whole), PIECE))


def _settings(model: Any) -> Iterator[str]:
    """Of every module, and of the model as a whole."""
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if hasattr(config, "to_dict"):
            yield json.dumps({k: v for k, v in config.to_dict().items() if not k.startswith("_")}, sort_keys=True, default=str)
        if hasattr(module, "get_config_dict"):
            yield json.dumps(module.get_config_dict(), sort_keys=True, default=str)
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
            yield f"{getattr(hook, '__module__', '')}.{getattr(hook, '__qualname__', type(hook).__qualname__)}"
    yield f"{getattr(model, 'max_seq_length', None)} {getattr(model, 'truncate_dim', None)} {model!r}"


def _byte() -> Any:
    import torch

    return torch.uint8


def _tokenizers(model: Any) -> Iterator[str]:
    """Each of them once: a model with several routes may have several."""
    found = {id(some): some for module in model.modules() if (some := getattr(module, "tokenizer", None)) is not None}
    for tokenizer in found.values():
        inner: Any = getattr(tokenizer, "backend_tokenizer", None) or tokenizer
        text = str(inner.to_str() if hasattr(inner, "to_str") else repr(tokenizer))
        with suppress(ValueError):
            loaded = orjson.loads(text)  # a vocabulary is a megabyte: every run pays for this
            # A transformer's are set as a side effect of encoding, and its max_seq_length is hashed by itself; a static model's stay.
            passing = {} if inner is tokenizer else {"padding": None, "truncation": None}
            text = orjson.dumps({**loaded, **passing}, option=orjson.OPT_SORT_KEYS).decode()
        yield text
