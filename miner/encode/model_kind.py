"""The kind of a model: a bi-encoder, or a model whose token vectors were not trained for retrieval.

sentence-transformers loads any model and pools its token vectors where no pooling is named. The vectors of a cross-encoder or a language
model then look like a retriever's; this module recognises such models by their files or config, before anything is encoded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from miner.io.plain_files import read_text

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


def kind_of_name(name: str, revision: str | None = None) -> str | None:
    """Describe the model in a folder, or of a hub name in the local cache; None for a bi-encoder, and where its kind is unknown."""
    files = _folder(Path(name)) if Path(name).is_dir() else _cached(name, revision)
    if files is None:
        return None
    modules, settings, config = (files[file] for file in FILES)
    family = settings.get("model_type") if isinstance(settings, Mapping) else None
    if modules is not None and family not in FAMILIES:
        return None
    return _head(config) or (FAMILIES.get(str(family)) if modules is not None else None)


def kind_of_model(model: Any) -> str | None:
    """Describe a model in memory; None for a bi-encoder, also one built from modules by hand."""
    if (family := str(getattr(model, "model_type", ""))) in FAMILIES:
        return FAMILIES[family]
    was_trained = getattr(getattr(model, "model_card_data", None), "trainer", None) is not None
    if was_trained or getattr(model, "module_kwargs", None) != {}:  # {}: a plain model without modules.json
        return None
    return _head(getattr(getattr(model[0], "config", None), "to_dict", dict)())


def has_default_pooling(model: Any) -> bool:
    """Return whether sentence-transformers added the pooling, because the model names none."""
    return getattr(model, "module_kwargs", None) == {}


def _head(config: Any) -> str | None:
    """Describe the head in transformers' config, as in `a masked language model (BertForMaskedLM)`; None for an encoder without a head."""
    architectures = (config.get("architectures") if isinstance(config, Mapping) else None) or ()
    name = next((str(architecture) for architecture in architectures), "")
    if name.endswith("ForSequenceClassification"):
        labels = len(config.get("id2label") or "01")
        kind = FAMILIES["CrossEncoder"] if labels == 1 else f"a classifier with {labels} labels"
        return f"{kind} ({name})"
    return next((f"{kind} ({name})" for end, kind in HEADS.items() if name.endswith(end)), None)


def _folder(folder: Path) -> dict[str, Any]:
    return {file: _read_json(folder / file) for file in FILES}


def _cached(name: str, revision: str | None) -> dict[str, Any] | None:
    """Read the files of a hub name from the local cache; None where the cache does not know whether each file exists."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for repo in (name,) if "/" in name else (f"sentence-transformers/{name}", name):
        with suppress(HFValidationError):
            paths = {file: try_to_load_from_cache(repo, file, revision=revision) for file in FILES}
            if all(isinstance(path, str) or path is _CACHED_NO_EXIST for path in paths.values()):
                return {file: _read_json(Path(path)) if isinstance(path, str) else None for file, path in paths.items()}
    return None


def _read_json(path: Path) -> Any:
    """Read a JSON file; None where it is missing or unreadable, which loading the model will report."""
    with suppress(OSError, ValueError):
        return json.loads(read_text(path))
    return None
