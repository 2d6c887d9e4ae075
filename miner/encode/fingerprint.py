"""The fingerprint of a model: a hash of its content in memory, so that another checkpoint never gets stored vectors of this one.

It covers everything that changes the vectors: weights, tokenizers, module settings. The encoder adds the prompts. Must not import the
rest of `encode`; torch is imported inside functions only.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Any

import orjson

from miner.support.parallel import processors

HASH_CHUNK_BYTES = 1 << 23
"""Bytes of a tensor in one hash, computed by one thread."""


def content_hash(model: Any) -> str:
    """Return the sha256 of every tensor, the tokenizers, and the settings of every module, as they are in memory.

    Of a forward hook only the name is hashed: a hook of the same name that behaves differently is not detected.
    """
    numbered_chunks, lock, digests = enumerate(_chunks(model)), Lock(), dict[int, bytes]()

    def hash_chunks() -> None:
        while True:
            with lock:
                number, chunk = next(numbered_chunks, (0, None))
            if chunk is None:
                return
            digests[number] = hashlib.sha256(chunk).digest()

    # 2 GB take more than a second on one processor. This thread hashes too, since a new thread may wait for a processor.
    with ThreadPoolExecutor(max(1, processors() - 1)) as pool:
        futures = [pool.submit(hash_chunks) for _ in range(max(1, processors() - 1))]
        shapes = [f"{name} {tensor.dtype} {tuple(tensor.shape)}" for name, tensor in sorted(model.state_dict().items())]
        description = "\n".join([*shapes, *_settings(model), *_tokenizers(model)])
        hash_chunks()
        for future in futures:
            future.result()
    return hashlib.sha256(b"".join(digest for _, digest in sorted(digests.items())) + description.encode()).hexdigest()


def _chunks(model: Any) -> Iterator[memoryview]:
    """Yield the bytes of every tensor, in the order of their names; of a model on a GPU, one tensor is copied at a time."""
    for _, tensor in sorted(model.state_dict().items()):
        data = memoryview(tensor.detach().cpu().contiguous().view(-1).view(_byte()).numpy())
        yield from (data[start : start + HASH_CHUNK_BYTES] for start in range(0, len(data), HASH_CHUNK_BYTES))


def _settings(model: Any) -> Iterator[str]:
    """Yield the settings of every module, and of the model as a whole."""
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if hasattr(config, "to_dict"):
            yield json.dumps({k: v for k, v in config.to_dict().items() if not k.startswith("_")}, sort_keys=True, default=str)
        if type(module).__module__.startswith("transformers_modules."):  # code that the model brought along
            yield hashlib.sha256(inspect.getsource(sys.modules[type(module).__module__]).encode()).hexdigest()
        if hasattr(module, "get_config_dict"):
            yield json.dumps(module.get_config_dict(), sort_keys=True, default=str)
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
            yield f"{getattr(hook, '__module__', '')}.{getattr(hook, '__qualname__', type(hook).__qualname__)}"
    yield f"{getattr(model, 'max_seq_length', None)} {getattr(model, 'truncate_dim', None)} {model!r}"


def _byte() -> Any:
    import torch

    return torch.uint8


def _tokenizers(model: Any) -> Iterator[str]:
    """Yield each tokenizer once: a model with several routes may have several."""
    tokenizers = {id(tokenizer): tokenizer for module in model.modules() if (tokenizer := getattr(module, "tokenizer", None)) is not None}
    for tokenizer in tokenizers.values():
        inner: Any = getattr(tokenizer, "backend_tokenizer", None) or tokenizer
        text = str(inner.to_str() if hasattr(inner, "to_str") else repr(tokenizer))
        with suppress(ValueError):
            content = orjson.loads(text)  # orjson: a vocabulary is a megabyte, and every run parses it
            # Encoding sets a transformer's padding and truncation, and max_seq_length is hashed separately; a static model's are constant.
            transient = {} if inner is tokenizer else {"padding": None, "truncation": None}
            text = orjson.dumps({**content, **transient}, option=orjson.OPT_SORT_KEYS).decode()
        yield text
