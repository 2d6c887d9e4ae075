"""Checks of a model before it is loaded: no pickled weights, no other code than allowed, and a hub that answers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from miner.encode.model_code import allowed_commit, allowed_hash, refuse_code
from miner.errors import ModelError
from miner.io.plain_files import read_text

HUB_TIMEOUT_SECONDS = 2.0
"""Time for the first connection to the hub, look-up of its name included: with what is imported before, an answer comes within five."""

PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}

DEFAULT_PORTS = {"http": 80, "socks5": 1080, "socks4": 1080}


def check_model(name: str, revision: str | None = None, allow_code: Sequence[str] | None = ()) -> None:
    """Raise ModelError, without loading anything, where `name` is no model.

    That is a folder without a model, with pickled weights, or with code that is not allowed; or an unknown hub name.
    allow_code: None where no setting can allow any.
    """
    folder = Path(name)
    if not folder.is_dir():
        _inspect_name(name)
        allowed_commit(name, revision, allow_code or ())
        return
    if not any((folder / file).is_file() for file in ("modules.json", "config.json")):
        raise ModelError(f"'{name}' is no model folder: it has neither modules.json nor config.json")
    for file in sorted(folder.rglob("*")):
        # Only these names are loaded instead of a pickle: another safetensors file beside it does not help.
        safe = any((file.parent / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json"))
        if file.suffix in PICKLE_SUFFIXES and file.name.startswith(("pytorch_model", "model")) and not safe:
            raise ModelError(f"'{file}' holds pickled weights, which can run code; save the model as safetensors")
    _inspect_modules(folder / "modules.json")
    if allow_code is None or allowed_hash(name, folder, allow_code) is None:
        refuse_code(name, folder, is_final=allow_code is None)
    _inspect_activations(folder)


def _inspect_activations(folder: Path) -> None:
    """Raise ModelError for an activation from outside torch: the loader would ignore it, and the vectors would be wrong."""
    for config in sorted(folder.glob("*/config.json")):
        activation = _activation(config)
        if not activation.startswith("torch."):
            raise ModelError(f"'{config}' wants the activation '{activation}', which is not part of torch")


def _activation(path: Path) -> str:
    """Return the activation function in a module's config; "torch." where there is none or the file cannot be read."""
    with suppress(ValueError, AttributeError):
        return str(json.loads(read_text(path)).get("activation_function", "torch."))
    return "torch."


def _inspect_modules(path: Path) -> None:
    """Raise ModelError where modules.json is no list of modules; do nothing where there is no such file."""
    try:
        modules = json.loads(read_text(path)) if path.is_file() else []
    except ValueError:
        modules = None
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ModelError(f"'{path}' is damaged: it is not a list of modules")


def _inspect_name(name: str) -> None:
    """Check a name that is no folder: raise ModelError where it cannot be a hub name, or the hub is off or unreachable."""
    if Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"there is no model folder '{name}'")
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "on", "yes") and not cached_folder(name):
        raise ModelError(f"there is no folder '{name}', and the hub is switched off (HF_HUB_OFFLINE); give a model folder")
    if not cached_folder(name) and not _hub_answers():
        raise ModelError(f"there is no folder '{name}', and the hub does not answer; give a model folder, or try again")


def _hub_answers() -> bool:
    """Return whether the hub is reachable, or the proxy before it, within HUB_TIMEOUT_SECONDS; its own client retries for minutes.

    The look-up of the name has no timeout of its own, and a name may have several addresses: a thread asks, and is not waited for longer.
    """
    answers = Event()
    Thread(target=_connect, args=(answers,), daemon=True).start()
    return answers.wait(HUB_TIMEOUT_SECONDS)


def _connect(answers: Event) -> None:
    """Set `answers` once the hub, or the proxy before it, accepts a connection."""
    import socket
    from urllib.parse import urlparse
    from urllib.request import getproxies, proxy_bypass

    from huggingface_hub.constants import ENDPOINT

    target = urlparse(ENDPOINT)
    proxies = {} if proxy_bypass(target.hostname or "") else getproxies()
    if proxy := proxies.get(target.scheme) or proxies.get("all"):
        target = urlparse(proxy if "://" in proxy else f"http://{proxy}")
    port = target.port or DEFAULT_PORTS.get(target.scheme, 443)
    with suppress(OSError):
        socket.create_connection((target.hostname, port), timeout=HUB_TIMEOUT_SECONDS).close()
        answers.set()


def cached_folder(name: str, revision: str | None = None) -> Path | None:
    """Return the folder of a hub model in the local cache, None where it is not there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    names = (name,) if "/" in name else (name, f"sentence-transformers/{name}")
    with suppress(HFValidationError):  # what cannot be a hub name is not in the cache
        paths = (try_to_load_from_cache(repo, file, revision=revision) for repo in names for file in ("modules.json", "config.json"))
        return next((Path(path).parent for path in paths if isinstance(path, str)), None)
    return None
