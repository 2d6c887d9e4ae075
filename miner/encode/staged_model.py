"""A model with code of its own, put together in a folder of this process: its code is copied and hashed, then loaded from there.

So the code that runs is the code that was compared with what is allowed, whatever happens to the model's folder meanwhile. Weights are
linked.
"""

from __future__ import annotations

import atexit
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from miner.encode.model_code import (
    CODE_SUFFIXES,
    VOCABULARIES,
    AllowedCode,
    allowed_commit,
    allowed_hash,
    check_references,
    code_files,
    code_hash,
    files_of,
    moved_code,
    references,
)
from miner.errors import ModelError
from miner.io.atomic import storing
from miner.io.folder_tree import copy, link_by_path
from miner.io.plain_files import read_bytes, write_file
from miner.io.scratch import scratch
from miner.types import CodeDescription

ADAPTER = "adapter_config.json"
"""A file that names another model, whose own code would be loaded too."""
MODULES_PACKAGE = "transformers_modules"
"""The package that transformers puts the code of models in."""
UNUSED = ["*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack", "*.ot", "*.onnx", "*.onnx_data", "onnx/*", "openvino/*"]
"""Files of a hub model that are not downloaded: pickled weights, and weights for other programs."""


def permitted(name: str, revision: str | None, allowed: Sequence[str]) -> AllowedCode | None:
    """Return the model whose code is allowed to run; None where nothing of it is, so that it is loaded without its code.

    Raises ModelError where other code of this model is allowed, and where its code lies in a repository that is not allowed.
    """
    folder, commit = Path(name), None
    sha256 = allowed_hash(name, folder, allowed) if folder.is_dir() else None
    if not folder.is_dir() and (commit := allowed_commit(name, revision, allowed)):
        folder = snapshot(name, commit)
    if not (sha256 or (commit and references(folder))):
        return None
    if (folder / ADAPTER).exists():
        raise ModelError(f"model '{name}' is an adapter of another model, and has code of its own: merge the two, and save the result")
    classes = references(folder)
    check_references(name, folder, [reference for reference in classes if "--" not in reference])
    repositories = {reference.partition("--")[0]: reference for reference in classes if "--" in reference}
    others = {repository: _other(name, reference, allowed) for repository, reference in repositories.items() if repository != name}
    return AllowedCode(name, folder, commit, sha256, others)


def snapshot(name: str, commit: str) -> Path:
    """Return the folder of a hub model at a commit, downloaded where it is not in the cache. Raises ModelError."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=commit, ignore_patterns=UNUSED))
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"model '{name}' cannot be loaded at revision {commit}: {reason}") from error


@contextmanager
def staged(code: AllowedCode) -> Iterator[tuple[Path, list[CodeDescription]]]:
    """Yield a folder with the model and the code that it runs, and what that code is."""
    with scratch() as work, storing(work):
        folder = work / "model"
        _stage(code.folder, folder)
        sha256 = code_hash(code_files(folder))
        if code.sha256 not in (None, sha256):
            raise ModelError(f"the code of model '{code.name}' changed while it was copied")
        descriptions: list[CodeDescription] = [{"name": code.name, "revision": code.commit, "sha256": sha256}]
        for repository, (commit, source) in code.others.items():
            files = _stage_code(repository, source, folder)
            descriptions.append({"name": repository, "revision": commit, "sha256": code_hash(files)})
        check_references(code.name, folder, references(folder))
        import_from_own_folder()
        yield folder, descriptions


@cache
def import_from_own_folder() -> Path:
    """Make transformers import the code of models from a folder of this process, until it ends, and return that folder.

    It copies code to the modules folder of the user's cache and imports it there, with whatever compiled files lie beside it: who may write
    into that folder would run code that nobody has compared with what is allowed.
    """
    from transformers import dynamic_module_utils

    stack = ExitStack()
    folder = stack.enter_context(scratch())
    atexit.register(stack.close)
    dynamic_module_utils.HF_MODULES_CACHE = str(folder)
    sys.path.insert(0, str(folder))
    if (earlier := sys.modules.get(MODULES_PACKAGE)) is not None:
        earlier.__path__.insert(0, str(folder / MODULES_PACKAGE))
    return folder


def _other(name: str, reference: str, allowed: Sequence[str]) -> tuple[str, Path]:
    repository = reference.partition("--")[0]
    commits = [entry.rpartition("@")[2] for entry in allowed if entry.rpartition("@")[0] == repository]
    if not commits:
        raise ModelError(moved_code(name, reference))
    if len(commits) > 1:
        raise ModelError(f"model '{name}' runs code of {repository}, which is allowed at {' and '.join(commits)}: allow one of them")
    return commits[0], snapshot(repository, commits[0])


def _stage(source: Path, target: Path) -> None:
    """Copy code and configs, and link everything else."""
    for path in files_of(source):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        original = (source / path).resolve()
        if path.suffix == ".json" and path.name not in VOCABULARIES:
            write_file(target / path, _with_local_code(read_bytes(original)))
        elif path.suffix.lower() in CODE_SUFFIXES:
            copy(original, target / path)
        else:
            link_by_path(original, target / path)


def _stage_code(repository: str, source: Path, target: Path) -> dict[str, str]:
    """Copy the code of another repository beside the model's own, and return its hashes."""
    files = code_files(source)
    for path in files:
        if (target / path).exists():
            raise ModelError(f"{path} is in {repository} and in the model that runs its code: which one is meant is not clear")
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        copy((source / path).resolve(), target / path)
    copied = code_files(target)
    return {path: copied[path] for path in files}


def _with_local_code(config: bytes) -> bytes:
    """Return a config with the code of other repositories named as code beside it; a file that is no JSON as it is."""
    try:
        parsed = json.loads(config)
    except ValueError:
        return config
    changed = _local(parsed, inside=False)
    return config if changed == parsed else json.dumps(changed).encode()


def _local(value: Any, *, inside: bool) -> Any:
    """Return a value of a config with `REPOSITORY--module.Class` as `module.Class` in every `auto_map`."""
    if isinstance(value, Mapping):
        return {name: _local(part, inside=inside or name == "auto_map") for name, part in value.items()}
    if isinstance(value, list):
        return [_local(part, inside=inside) for part in value]
    return value.rpartition("--")[2] if inside and isinstance(value, str) else value


def complete_code(folder: Path) -> None:
    """Copy code to where modules.json names it: sentence-transformers saves that of a later module in the module's folder."""
    for reference in references(folder):
        name = f"{reference.rpartition('.')[0]}.py"
        saved = next(iter(sorted(folder.glob(f"*/{name}"))), None)
        if saved is not None and not (folder / name).exists():
            for path in saved.parent.glob("*.py"):
                if not (folder / path.name).exists():
                    copy(path, folder / path.name)


def with_code_of_trained(allowed: Sequence[str], base: str, revision: str | None, trained: Path) -> tuple[str, ...]:
    """Return the allowed code together with that of a model trained from `base`, where each of its code files is one of the base's."""
    code = permitted(base, revision, allowed)
    if code is None:
        return tuple(allowed)
    sources = [code.folder, *(folder for _, folder in code.others.values())]
    known = {sha256 for folder in sources for sha256 in code_files(folder).values()}
    files = code_files(trained)
    if not known.issuperset(files.values()):
        return tuple(allowed)
    return (*allowed, f"{trained.resolve()}@{code_hash(files)}")
