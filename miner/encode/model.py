"""The sentence-transformers encoder: safe loading, an exact fingerprint.

Safe means: weights from safetensors only, no code of the model's but what the operator has allowed. Exact means: the fingerprint hashes
the content in memory — weights, tokenizer, module settings, prompt, length, dtype — so another checkpoint never gets stored vectors of
this one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from miner.encode import model_kind
from miner.encode.fingerprint import content_hash
from miner.encode.model_checks import cached_folder, check_model
from miner.encode.model_code import references, refusal
from miner.encode.staged_model import permitted, staged
from miner.encode.static import StaticWords
from miner.errors import ConfigError, ModelError
from miner.support.value_types import shown
from miner.types import CodeDescription, Floats, Ints, ModelDescription, Side, Similarity

log = logging.getLogger(__name__)


class Encoder:
    """One sentence-transformers model with the prompts of both sides."""

    def __init__(
        self,
        model: Any,
        name: str,
        *,
        prompts: dict[Side, str | None],
        batch_size: int | None = None,
        similarity: str = "auto",
        code: Sequence[CodeDescription] = (),
        words: StaticWords | None = None,
    ):
        self.model, self.name, self.code = model, name, list(code)
        self.static = type(model[0]).__name__ == "StaticEmbedding"
        self.batch_size = batch_size or (1024 if self.static else 32)
        self.prompts = prompts
        self.similarity: Similarity = _similarity(model, similarity)
        self._routed = any(type(module).__name__ == "Router" for module in model)
        self._words = words or (None if self._routed else StaticWords.of(model))

    def with_model(self, model: Any) -> Encoder:
        """The same prompts and settings around another state of the model, as during its training."""
        words = self._words.with_model(model) if self._words else None
        return Encoder(
            model,
            self.name,
            prompts=self.prompts,
            batch_size=self.batch_size,
            similarity=self.similarity,
            code=self.code,
            words=words,
        )

    @cached_property
    def _content(self) -> str:
        """The hash of the weights and the code, as they are when it is first asked for."""
        return _with_code(content_hash(self.model), self.code)

    def set_name(self, name: str) -> None:
        """Give the model another name, in what is said of its code too."""
        self.code = [{**part, "name": name} if part["name"] == self.name else part for part in self.code]
        self.name = name

    @property
    def dim(self) -> int:
        """D."""
        return int(self.model.get_embedding_dimension())

    def fingerprint(self, side: Side) -> str:
        """64 hex digits: equal only for models that give the same vectors for the same text on this side."""
        task = side if self._routed else None
        return hashlib.sha256(json.dumps([self._content, self.prompts[side], task]).encode()).hexdigest()

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """Return shape (len(texts), D), as the model computes them: not normalised unless the model does it."""
        if self._words is not None:
            return self._words.encode([f"{self.prompts[side] or ''}{text}" for text in texts])
        encode = self.model.encode_query if side == "query" else self.model.encode_document
        options = {"prompt": self.prompts[side] or "", "batch_size": self.batch_size, "show_progress_bar": False, "convert_to_numpy": True}
        order = self._by_tokens(texts)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            vectors[batch] = encode([texts[row] for row in batch.tolist()], **options)
        return vectors

    def _by_tokens(self, texts: Sequence[str]) -> Ints:
        """Return the rows of the texts by descending number of tokens: a batch is padded to its longest text.

        The model's own `encode` sorts by characters; then 4 % more tokens are padding (abstracts of papers, batches of 32).
        """
        from transformers import PreTrainedTokenizerBase

        tokenizer = getattr(self.model, "tokenizer", None)
        lengths = [len(text) for text in texts]
        if isinstance(tokenizer, PreTrainedTokenizerBase):
            encoding = tokenizer(list(texts), truncation=True, max_length=self.model.max_seq_length, return_attention_mask=False)
            lengths = [len(ids) for ids in encoding["input_ids"]]
        order: Ints = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
        return order

    def describe(self) -> ModelDescription:
        """Name, dims, prompts and fingerprints, for the manifest."""
        description: ModelDescription = {
            "name": self.name,
            "dim": self.dim,
            "similarity": self.similarity,
            "max_length": _finite(getattr(self.model, "max_seq_length", None)),
            "dtype": str(next(self.model.parameters()).dtype).removeprefix("torch."),
            "prompts": dict(self.prompts),
            "content": self._content,
            "fingerprints": {side: self.fingerprint(side) for side in ("query", "passage")},
        }
        if self.code:
            description["code"] = self.code
        return description


def load_encoder(config: Any, runtime: Any, model: Any = None, *, untrained: bool = False) -> Encoder:
    """Load the encoder.

    config: model settings (a MiningConfig).
    runtime: device, threads, batch size, and whose own code may run.
    model: a SentenceTransformer in memory, used as it is.
    untrained: accept a model whose token vectors were not trained for retrieval, since it will be trained.
    Raises ModelError where the model cannot be loaded or is no retriever; ConfigError where no model is named.
    """
    is_own = model is None
    code: list[CodeDescription] = []
    if model is None:
        check_encoder(config, runtime.allow_code, untrained=untrained)
        model, code = _load(config, runtime)
    elif isinstance(model, type) or not (hasattr(model, "encode") or getattr(model, "model_type", "") in model_kind.FAMILIES):
        raise ConfigError(f"model is {shown(model)}: a name, a folder, a loaded SentenceTransformer or an Encoder is needed")
    kind = model_kind.kind_of_model(model)
    if kind and (getattr(model, "model_type", "") in model_kind.FAMILIES or not (untrained or config.pooling)):
        raise ModelError(no_retriever(config.model or "in memory", kind))
    _pool(model, config, is_own=is_own)
    if config.max_length is not None:
        if type(model[0]).__name__ == "StaticEmbedding":
            raise ConfigError("max_length does not go with a static model, which reads whole texts")
        model.max_seq_length = config.max_length
    _truncate(model, config, is_own=is_own)
    prompts: dict[Side, str | None] = {
        "query": _prompt(model, config.query_prompt, config.query_prompt_name, ("query",)),
        "passage": _prompt(model, config.passage_prompt, config.passage_prompt_name, ("document", "passage", "corpus")),
    }
    options = {"prompts": prompts, "batch_size": runtime.batch_size, "similarity": config.similarity, "code": code}
    return Encoder(model, config.model or "in memory", **options)


def check_encoder(config: Any, allow_code: Sequence[str] = (), *, untrained: bool = False) -> None:
    """Raise ModelError, without loading the model, where `check_model` does, and where it is no retriever."""
    if not config.model:
        raise ConfigError("no model is named: give --model, a sentence-transformers folder or a hub name")
    if config.revision and Path(config.model).is_dir():
        raise ConfigError(f"a revision names a version of a model on the hub, and '{config.model}' is a folder: leave --revision out")
    kind = None if untrained or config.pooling else model_kind.kind_of_name(config.model, config.revision)
    if kind:
        raise ModelError(no_retriever(config.model, kind))
    check_model(config.model, config.revision, allow_code)


def no_retriever(name: str, kind: str) -> str:
    """Return the message that a model is no retriever."""
    return (
        f"model '{name}' is {kind}, and no retriever: its token vectors were not trained to be compared. Give a sentence-transformers "
        "bi-encoder, train one from it (hardneg train), or say with --pooling mean, cls or lasttoken that these vectors are meant"
    )


def _pool(model: Any, config: Any, *, is_own: bool) -> None:
    """Set the pooling of `config` where the model names none; raise ModelError where the model has no text vector.

    is_own: whether the model was loaded here, so that it may be changed.
    """
    position = next((position for position, module in enumerate(model) if type(module).__name__ == "Pooling"), None)
    name, mode = config.model or "in memory", None if position is None else model[position].pooling_mode
    if config.pooling and mode is None:
        raise ConfigError(f"pooling does not go with model '{name}', which has no token vectors to pool")
    if config.pooling and mode != config.pooling and not (is_own and model_kind.has_default_pooling(model)):
        raise ConfigError(f"model '{name}' has a pooling of its own, {mode}: leave pooling out")
    if config.pooling and mode != config.pooling:
        from sentence_transformers.sentence_transformer.modules import Pooling

        model[position] = Pooling(model[position].get_embedding_dimension(), config.pooling)
    elif is_own and mode and model_kind.has_default_pooling(model) and not config.pooling:
        log.warning("model '%s' names no pooling: the %s of its token vectors is taken, as sentence-transformers does", name, mode)
    if mode is None and type(model[0]).__name__ == "Transformer":
        _check_vectors(model, name)


def _truncate(model: Any, config: Any, *, is_own: bool) -> None:
    """Keep the first dimensions of each vector; raise ConfigError where the model has fewer, or is a loaded one that keeps others."""
    if config.truncate_dim in (None, model.truncate_dim):
        return
    if not is_own:
        raise ConfigError(
            f"a loaded model keeps its dimensions: SentenceTransformer(…, truncate_dim={config.truncate_dim}), no truncate_dim"
        )
    dim = model.get_embedding_dimension()
    if config.truncate_dim > dim:
        raise ConfigError(f"truncate_dim is {config.truncate_dim}, and vectors of model '{config.model}' have {dim} dimensions")
    model.truncate_dim = config.truncate_dim


def _check_vectors(model: Any, name: str) -> None:
    try:
        model.encode(["a"], show_progress_bar=False)
    except Exception as error:
        raise ModelError(f"model '{name}' gives no vector of a text: its modules have no pooling that does ({error})") from error


def _load(config: Any, runtime: Any) -> tuple[Any, list[CodeDescription]]:
    """Load the model, with its own code where that is allowed; return what ran of it too."""
    code = permitted(config.model, config.revision, runtime.allow_code)
    if code is None:
        return _open(config, runtime, config.model), []
    with staged(code) as (folder, descriptions):
        return _open(config, runtime, str(folder), own_code=True), descriptions


def _open(config: Any, runtime: Any, path: str, *, own_code: bool = False) -> Any:
    """Load the model from a folder or the hub. own_code: the folder holds code that is allowed."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    try:
        model = SentenceTransformer(
            path,
            device=runtime.device,
            revision=None if own_code else config.revision,
            trust_remote_code=own_code,
            local_files_only=Path(path).is_dir(),
            model_kwargs={"use_safetensors": True, "dtype": getattr(torch, config.dtype)},
        )
        return model.to(getattr(torch, config.dtype)).eval()
    except Exception as error:
        if not own_code and (message := _code_refusal(config.model, config.revision)):
            raise ModelError(message) from error
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).replace(path, config.model)
        raise ModelError(f"model '{config.model}' cannot be loaded: {reason}") from error


def _code_refusal(name: str, revision: str | None) -> str | None:
    """Return the message that a model which could not be loaded has code of its own; None where it has none."""
    folder = Path(name) if Path(name).is_dir() else cached_folder(name, revision)
    classes = references(folder) if folder else []
    if folder is None or not classes:
        return None
    return refusal(name, folder, classes, None if folder == Path(name) else folder.name)


def _with_code(content: str, code: Sequence[CodeDescription]) -> str:
    """Return the hash of a model's content together with that of the code that it runs."""
    return hashlib.sha256(json.dumps([content, *(part["sha256"] for part in code)]).encode()).hexdigest() if code else content


def _prompt(model: Any, text: str | None, name: str | None, default_names: tuple[str, ...]) -> str | None:
    """Return the prompt of a side: the text, the model's prompt of that name, or the model's default for that side."""
    prompts = model.prompts or {}
    if text is not None:
        return text
    if name is not None:
        if name not in prompts:
            raise ConfigError(f"the model has no prompt named '{name}'; it has: {', '.join(prompts) or 'none'}")
        return str(prompts[name])
    for candidate in (*default_names, model.default_prompt_name):
        if candidate in prompts:
            return str(prompts[candidate]) or None
    return None


def _similarity(model: Any, requested: str) -> Similarity:
    name = str(getattr(model, "similarity_fn_name", None) or "cosine") if requested == "auto" else requested
    if name not in ("cosine", "dot", "euclidean"):
        raise ConfigError(f"the model compares by {name}, which no index here can search; give similarity cosine, dot or euclidean")
    return name  # type: ignore[return-value]  # mypy does not narrow a str to a Literal by membership


def _finite(value: Any) -> int | None:
    return int(value) if value is not None and value != float("inf") else None
