"""What kind of model a name or an object is: a bi-encoder, or something whose token vectors nobody has trained to be compared.

sentence-transformers takes any model and pools its token vectors where no pooling is named. A cross-encoder or a language model then
gives vectors that look like a retriever's; here it is told apart by what its files or its config say, before anything is encoded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FAMILIES = {
    "CrossEncoder": "a cross-encoder, which scores a query and a passage together",
    "SparseEncoder": "a sparse encoder, whose vectors are weights of words",
    "MultiVectorEncoder": "a late-interaction model, which compares token by token",
}
"""The other families of sentence-transformers, by the name that they save."""

HEADS = {
    "ForMaskedLM": "a masked language model",
    "ForPreTraining": "a pre-trained language model",
    "ForCausalLM": "a causal language model",
    "LMHeadModel": "a language model",
    "DoubleHeadsModel": "a language model",
    "ForConditionalGeneration": "a sequence-to-sequence model",
    "MTModel": "a translation model",
    "ForTokenClassification": "a classifier of tokens",
    "ForQuestionAnswering": "a reader that marks answers",
    "ForMultipleChoice": "a multiple-choice model",
    "ForNextSentencePrediction": "a next-sentence classifier",
}
"""Ends of transformers' architecture names; a plain encoder's ends otherwise (BertModel, T5EncoderModel, Contriever)."""

FILES = ("modules.json", "config_sentence_transformers.json", "config.json")


def named(name: str, revision: str | None = None) -> str | None:
    """What a folder, or a hub name in the local cache, holds instead of a bi-encoder; None for one, and where nothing is known."""
    found = _folder(Path(name)) if Path(name).is_dir() else _cached(name, revision)
    if found is None:
        return None
    modules, ours, config = (found[file] for file in FILES)
    family = ours.get("model_type") if isinstance(ours, Mapping) else None
    if modules is not None and family not in FAMILIES:
        return None
    return _head(config) or (FAMILIES.get(str(family)) if modules is not None else None)


def loaded(model: Any) -> str | None:
    """What an object is instead of a bi-encoder; None for one, and for one put together from modules by hand."""
    if (family := str(getattr(model, "model_type", ""))) in FAMILIES:
        return FAMILIES[family]
    trained = getattr(getattr(model, "model_card_data", None), "trainer", None) is not None
    if trained or getattr(model, "module_kwargs", None) != {}:  # {}: made of a plain model, for want of modules.json
        return None
    return _head(getattr(getattr(model[0], "config", None), "to_dict", dict)())


def plain(model: Any) -> bool:
    """Whether sentence-transformers has put the pooling there, because the model names none."""
    return getattr(model, "module_kwargs", None) == {}


def _head(config: Any) -> str | None:
    """`a masked language model (BertForMaskedLM)`, from transformers' config; None for an encoder without a head."""
    architectures = (config.get("architectures") if isinstance(config, Mapping) else None) or ()
    name = next((str(each) for each in architectures), "")
    if name.endswith("ForSequenceClassification"):
        labels = len(config.get("id2label") or "01")
        kind = FAMILIES["CrossEncoder"] if labels == 1 else f"a classifier with {labels} labels"
        return f"{kind} ({name})"
    return next((f"{kind} ({name})" for end, kind in HEADS.items() if name.endswith(end)), None)


def _folder(folder: Path) -> dict[str, Any]:
    return {file: _json(folder / file) for file in FILES}


def _cached(name: str, revision: str | None) -> dict[str, Any] | None:
    """The same of a hub name; None where the cache does not know of every file whether there is one."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for repo in (name,) if "/" in name else (f"sentence-transformers/{name}", name):
        with suppress(HFValidationError):
            paths = {file: try_to_load_from_cache(repo, file, revision=revision) for file in FILES}
            if all(isinstance(path, str) or path is _CACHED_NO_EXIST for path in paths.values()):
                return {file: _json(Path(path)) if isinstance(path, str) else None for file, path in paths.items()}
    return None


def _json(path: Path) -> Any:
    """What a file holds; None where it is not there or cannot be read, which whoever loads the model will say."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None
