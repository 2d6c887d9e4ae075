"""The sentence-transformers encoder: loaded safely, described exactly.

Safe means: weights from safetensors only, no code from the model's folder or hub page. Exact means: the fingerprint hashes what
is in memory — weights, tokenizer, module settings, prompt, length, dtype — so another checkpoint can never hit old vectors.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from miner.encode import model_kind
from miner.encode.fingerprint import content_hash
from miner.encode.static import StaticWords
from miner.errors import ConfigError, ModelError
from miner.types import Floats, Ints, Side, Similarity

log = logging.getLogger(__name__)

HUB_SECONDS = 5.0
"""How long the hub may take to answer a first connection."""

PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


class Encoder:
    """One sentence-transformers model with the prompts of both sides."""

    def __init__(self, model: Any, name: str, *, prompts: dict[Side, str | None], batch_size: int | None = None, similarity: str = "auto"):
        self.model, self.name = model, name
        self.static = type(model[0]).__name__ == "StaticEmbedding"
        self.batch_size = batch_size or (1024 if self.static else 32)
        self.prompts = prompts
        self.similarity: Similarity = _similarity(model, similarity)
        self._routed = any(type(module).__name__ == "Router" for module in model)
        self._content = content_hash(model)
        self._words = None if self._routed else StaticWords.of(model)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.model.get_embedding_dimension())

    def fingerprint(self, side: Side) -> str:
        """64 hex digits: equal only for models that give the same vectors for the same text on this side."""
        task = side if self._routed else None
        return hashlib.sha256(json.dumps([self._content, self.prompts[side], task]).encode()).hexdigest()

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """Shape (len(texts), D), as the model gives them: not normalised unless the model does it."""
        if self._words is not None:
            return self._words.encode([f"{self.prompts[side] or ''}{text}" for text in texts])
        encode = self.model.encode_query if side == "query" else self.model.encode_document
        told = {"prompt": self.prompts[side] or "", "batch_size": self.batch_size, "show_progress_bar": False, "convert_to_numpy": True}
        order = self._by_tokens(texts)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            vectors[batch] = encode([texts[place] for place in batch.tolist()], **told)
        return vectors

    def _by_tokens(self, texts: Sequence[str]) -> Ints:
        """Places of the texts, the longest first in tokens that the model reads: a batch is padded to its longest text.

        By characters, as the model's own `encode` sorts them, 4 % more tokens are padding (abstracts of papers, batches of 32).
        """
        from transformers import PreTrainedTokenizerBase

        tokenizer = getattr(self.model, "tokenizer", None)
        lengths = [len(text) for text in texts]
        if isinstance(tokenizer, PreTrainedTokenizerBase):
            read = tokenizer(list(texts), truncation=True, max_length=self.model.max_seq_length, return_attention_mask=False)
            lengths = [len(ids) for ids in read["input_ids"]]
        order: Ints = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
        return order

    def describe(self) -> dict[str, Any]:
        """Name, dims, prompts and fingerprints, for the manifest."""
        return {
            "name": self.name,
            "dim": self.dim,
            "similarity": self.similarity,
            "max_length": _finite(getattr(self.model, "max_seq_length", None)),
            "dtype": str(next(self.model.parameters()).dtype).removeprefix("torch."),
            "prompts": dict(self.prompts),
            "content": self._content,
            "fingerprints": {side: self.fingerprint(side) for side in ("query", "passage")},
        }


def load_encoder(config: Any, runtime: Any, model: Any = None, *, untrained: bool = False) -> Encoder:
    """The model `config` names on the device `runtime` names, or a loaded `model` as it is.

    ModelError says why it cannot be loaded, or that it is no retriever; ConfigError when none is named. untrained: to be trained, or made
    by hand: a model whose token vectors nobody has trained to be compared is taken too.
    """
    ours = model is None
    if model is None:
        check_encoder(config, untrained=untrained)
        model = _load(config, runtime)
    what = model_kind.loaded(model)
    if what and (getattr(model, "model_type", "") in model_kind.FAMILIES or not (untrained or config.pooling)):
        raise ModelError(refusal(config.model or "in memory", what))
    _pool(model, config, ours=ours)
    if config.max_length is not None:
        if type(model[0]).__name__ == "StaticEmbedding":
            raise ConfigError("max_length does not go with a static model, which reads whole texts")
        model.max_seq_length = config.max_length
    prompts: dict[Side, str | None] = {
        "query": _prompt(model, config.query_prompt, config.query_prompt_name, ("query",)),
        "passage": _prompt(model, config.passage_prompt, config.passage_prompt_name, ("document", "passage", "corpus")),
    }
    return Encoder(model, config.model or "in memory", prompts=prompts, batch_size=runtime.batch_size, similarity=config.similarity)


def check_encoder(config: Any, *, untrained: bool = False) -> None:
    """Refuse the model that `config` names, at once and without loading it: as `check_model`, and where it is no retriever."""
    if not config.model:
        raise ConfigError("no model is named: give --model, a sentence-transformers folder or a hub name")
    what = None if untrained or config.pooling else model_kind.named(config.model, config.revision)
    if what:
        raise ModelError(refusal(config.model, what))
    check_model(config.model)


def refusal(name: str, what: str) -> str:
    """Why a model is not searched with."""
    return (
        f"model '{name}' is {what}, and no retriever: its token vectors were not trained to be compared. Give a sentence-transformers "
        "bi-encoder, train one from it (hardneg train), or say with --pooling mean, cls or lasttoken that these vectors are meant"
    )


def _pool(model: Any, config: Any, *, ours: bool) -> None:
    """Pool as `config` says where the model does not; ModelError where no vector comes out. ours: loaded here, and so may be changed."""
    place = next((place for place, module in enumerate(model) if type(module).__name__ == "Pooling"), None)
    name, mode = config.model or "in memory", None if place is None else model[place].pooling_mode
    if config.pooling and mode is None:
        raise ConfigError(f"pooling does not go with model '{name}', which has no token vectors to pool")
    if config.pooling and mode != config.pooling and not (ours and model_kind.plain(model)):
        raise ConfigError(f"model '{name}' has a pooling of its own, {mode}: leave pooling out")
    if config.pooling and mode != config.pooling:
        from sentence_transformers.sentence_transformer.modules import Pooling

        model[place] = Pooling(model[place].get_embedding_dimension(), config.pooling)
    elif ours and mode and model_kind.plain(model) and not config.pooling:
        log.warning("model '%s' names no pooling: the %s of its token vectors is taken, as sentence-transformers does", name, mode)
    if mode is None and type(model[0]).__name__ == "Transformer":
        _check_vectors(model, name)


def _check_vectors(model: Any, name: str) -> None:
    try:
        model.encode(["a"], show_progress_bar=False)
    except Exception as error:
        raise ModelError(f"model '{name}' gives no vector of a text: its modules have no pooling that does ({error})") from error


def _load(config: Any, runtime: Any) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    try:
        model = SentenceTransformer(
            config.model,
            device=runtime.device,
            revision=config.revision,
            trust_remote_code=False,
            local_files_only=Path(config.model).is_dir(),
            model_kwargs={"use_safetensors": True, "dtype": getattr(torch, config.dtype)},
        )
        return model.to(getattr(torch, config.dtype)).eval()
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"model '{config.model}' cannot be loaded: {reason}") from error


def check_model(name: str) -> None:
    """Refuse what is no model, at once and without loading it: ModelError says why.

    A folder that is none, has pickled weights, or names modules that are not sentence-transformers' own; a name that nobody answers to.
    """
    folder = Path(name)
    if not folder.is_dir():
        _inspect_name(name)
        return
    if not any((folder / file).is_file() for file in ("modules.json", "config.json")):
        raise ModelError(f"'{name}' is no model folder: it has neither modules.json nor config.json")
    for file in sorted(folder.rglob("*")):
        # Only these names are loaded instead of a pickle: any other file beside it is a decoy.
        safe = any((file.parent / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json"))
        if file.suffix in PICKLES and file.name.startswith(("pytorch_model", "model")) and not safe:
            raise ModelError(f"'{file}' holds pickled weights, which can run code; save the model as safetensors")
    for module in _module_types(folder / "modules.json"):
        if not module.startswith("sentence_transformers."):
            raise ModelError(f"'{name}' wants to run module '{module}', which is not part of sentence-transformers")
    _inspect_activations(folder)


def _inspect_activations(folder: Path) -> None:
    """Refuse an activation that is not torch's: it would be left out in silence, and the vectors be another model's."""
    for config in sorted(folder.glob("*/config.json")):
        activation = _activation(config)
        if not activation.startswith("torch."):
            raise ModelError(f"'{config}' wants the activation '{activation}', which is not part of torch")


def _activation(path: Path) -> str:
    """The activation function a module's config names; one of torch's where it names none or cannot be read."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(path.read_text(encoding="utf-8")).get("activation_function", "torch."))
    return "torch."


def _module_types(path: Path) -> list[str]:
    """What modules.json names; nothing where there is none."""
    try:
        return [str(module.get("type", "")) for module in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"'{path}' is damaged: it is not a list of modules") from error


def _inspect_name(name: str) -> None:
    """A name that is no folder: refuse what cannot be a hub name, and any hub name when the hub is switched off."""
    if Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"there is no model folder '{name}'")
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "on", "yes") and not _cached(name):
        raise ModelError(f"there is no folder '{name}', and the hub is switched off (HF_HUB_OFFLINE); give a model folder")
    if not _cached(name) and not _hub_answers():
        raise ModelError(f"there is no folder '{name}', and the hub does not answer; give a model folder, or try again")


def _hub_answers() -> bool:
    """Whether anybody answers at the hub's address: its own client tries for minutes before it says no. A proxy is taken at its word."""
    import socket
    from urllib.parse import urlparse
    from urllib.request import getproxies

    from huggingface_hub.constants import ENDPOINT

    hub = urlparse(ENDPOINT)
    if {"all", hub.scheme} & getproxies().keys():
        return True
    try:
        socket.create_connection((hub.hostname, hub.port or (80 if hub.scheme == "http" else 443)), timeout=HUB_SECONDS).close()
    except OSError:
        return False
    return True


def _cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    names = (name,) if "/" in name else (name, f"sentence-transformers/{name}")
    with suppress(HFValidationError):  # what cannot be a hub name is not in the cache
        return any(isinstance(try_to_load_from_cache(repo, file), str) for repo in names for file in ("modules.json", "config.json"))
    return False


def _prompt(model: Any, text: str | None, name: str | None, usual: tuple[str, ...]) -> str | None:
    """The prompt a side gets: the raw one, the named one, or the model's usual one for that side."""
    known = model.prompts or {}
    if text is not None:
        return text
    if name is not None:
        if name not in known:
            raise ConfigError(f"the model has no prompt named '{name}'; it has: {', '.join(known) or 'none'}")
        return str(known[name])
    for candidate in (*usual, model.default_prompt_name):
        if candidate in known:
            return str(known[candidate]) or None
    return None


def _similarity(model: Any, wanted: str) -> Similarity:
    name = str(getattr(model, "similarity_fn_name", None) or "cosine") if wanted == "auto" else wanted
    if name not in ("cosine", "dot", "euclidean"):
        raise ConfigError(f"the model compares by {name}, which no index here can search; give similarity cosine, dot or euclidean")
    return name  # type: ignore[return-value]  # mypy does not narrow a str to a Literal by membership


def _finite(value: Any) -> int | None:
    return int(value) if value is not None and value != float("inf") else None
