"""Code that a model brings along: which there is, its hash, and whether the operator has allowed it.

A model names code in `modules.json` (a module of its own), in a router's `types`, and in the `auto_map` of a config, where
`REPOSITORY--module.Class` is code of another repository. It runs only where `Runtime.allow_code` names the model with the commit (hub) or
with the sha256 of its code files (folder). Must not load or import any of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miner.errors import ModelError
from miner.io.atomic import storing
from miner.io.plain_files import read_bytes, read_json

CODE_SUFFIXES = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib")
OWN = "sentence_transformers."
VOCABULARIES = ("tokenizer.json", "vocab.json")
"""JSON files that name no class."""


@dataclass(frozen=True)
class AllowedCode:
    """A model whose code may run.

    name: of the model, for messages and manifests.
    folder: with the model's files.
    commit: of the hub; None for a folder.
    sha256: of the code files of a folder; None on the hub, where the commit is what is allowed.
    others: repositories whose code the configs name, each with its commit and its folder.
    """

    name: str
    folder: Path
    commit: str | None
    sha256: str | None
    others: Mapping[str, tuple[str, Path]] = field(default_factory=dict)


def files_of(folder: Path) -> Iterator[Path]:
    """Yield every file of a model by its path in the folder, in order. Folders named `.…` and `__pycache__` are no part of a model.

    Raises ModelError for a link to a folder: it could lead to code that nobody has read.
    """
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in folders:
            if (Path(root) / name).is_symlink():
                raise ModelError(f"'{Path(root) / name}' is a link to a folder: a model with code of its own holds all its files itself")
        yield from ((Path(root) / name).relative_to(folder) for name in sorted(files))


def code_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every code file, by its path in the folder."""
    with storing(folder, "read"):
        return {
            path.as_posix(): hashlib.sha256(read_bytes(folder / path)).hexdigest()
            for path in files_of(folder)
            if path.suffix.lower() in CODE_SUFFIXES
        }


def code_hash(files: Mapping[str, str]) -> str:
    """Return the sha256 of the lines that `sha256sum` prints of the files, ordered by path."""
    return hashlib.sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()


def references(folder: Path) -> list[str]:
    """Return the classes from outside sentence-transformers that the model names, as `module.Class` or `REPOSITORY--module.Class`."""
    names: dict[str, None] = {}
    with storing(folder, "read"):
        paths = sorted(Path(root) / name for root, _, files in os.walk(folder) for name in files if name.endswith(".json"))
    for path in paths:
        if path.name not in VOCABULARIES:
            names |= dict.fromkeys(_references(path.name, _json(path)))
    return list(names)


def refuse_code(name: str, folder: Path, *, is_final: bool = False) -> None:
    """Raise ModelError where the model of this folder cannot be loaded without code of its own. is_final: no setting can allow it."""
    classes = references(folder)
    check_references(name, folder, [reference for reference in classes if "--" not in reference])
    if any(not _is_replaceable(folder, reference) for reference in classes):
        reason = f"model '{name}' needs code of its own, {', '.join(classes)}, which is not run here: give another model"
        raise ModelError(reason if is_final else refusal(name, folder, classes, None))


SERVICE = " (for a service, its operator sets HARDNEG_ALLOW_CODE)"


def refusal(name: str, folder: Path, classes: Sequence[str], commit: str | None) -> str:
    """Return the message that the code of a model is not allowed, and what would allow it. commit: of the hub; None for a folder."""
    files = code_files(folder)
    others = {reference.partition("--")[0] for reference in classes if "--" in reference} - {name}
    own = [f"--allow-code '{name}@{commit or code_hash(files)}'"] if commit or files or not others else []
    entries = [*own, *(f"--allow-code '{other}@COMMIT'" for other in sorted(others))]
    places = f" ({', '.join(files)})" if files else ""
    return (
        f"model '{name}' wants to run code of its own, {', '.join(classes)}{places}: read it, then allow it with {' and '.join(entries)}"
        + (", COMMIT in full (40 digits)" if others else "")
        + SERVICE
    )


def moved_code(name: str, reference: str) -> str:
    """Return the message that code of another repository is not allowed."""
    repository, _, class_name = reference.partition("--")
    return (
        f"model '{name}' wants to run code of another repository, {class_name} of {repository}: read it, then allow it with "
        f"--allow-code '{repository}@COMMIT', the commit in full (40 digits), beside that of the model{SERVICE}"
    )


def check_references(name: str, folder: Path, classes: Sequence[str]) -> None:
    """Raise ModelError for a class that lies in no file of the model, and would be imported from somewhere on this machine."""
    for reference in classes:
        module, dot, _ = reference.rpartition(".")
        if not (dot and "." not in module and (folder / f"{module}.py").is_file()):
            raise ModelError(
                f"model '{name}' wants to run module '{reference}', which is not part of sentence-transformers and no file of the model"
            )


def allowed_hash(name: str, folder: Path, allowed: Sequence[str]) -> str | None:
    """Return the sha256 of the code in a folder where it is allowed, None where none is; raise ModelError where other code of it is."""
    hashes = [revision for entry, revision in _entries(allowed) if entry == os.path.realpath(folder)]
    sha256, classes = code_hash(files := code_files(folder)), references(folder)
    others = {reference.partition("--")[0] for reference in classes if "--" in reference}
    if not files and others and others <= {entry for entry, _ in _entries(allowed)}:
        return sha256  # all its code lies in repositories that are allowed
    if not hashes or not classes:
        return None
    if sha256 not in hashes:
        raise ModelError(
            f"the code of model '{name}' has another sha256, {sha256}, than is allowed, {' or '.join(hashes)}: read what has changed, "
            f"then allow it with --allow-code '{name}@{sha256}'"
        )
    return sha256


def allowed_commit(name: str, revision: str | None, allowed: Sequence[str]) -> str | None:
    """Return the commit of a hub model whose code is allowed: that of `revision`, or the only one; None where none is.

    Raises ModelError where the revision is another one.
    """
    names = (name,) if "/" in name else (name, f"sentence-transformers/{name}")
    commits = [commit for entry, commit in _entries(allowed) if entry in names]
    if not commits or revision in commits:
        return revision if commits else None
    if revision is None and len(commits) == 1:
        return commits[0]
    raise ModelError(
        f"model '{name}' may run its code at {' or '.join(commits)}, and the revision is {revision or 'not set'}: give --revision "
        f"{commits[0]}, or read the code at that revision and allow it with --allow-code '{name}@COMMIT', the commit in full (40 digits)"
    )


def _entries(allowed: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, revision) for name, _, revision in (entry.rpartition("@") for entry in allowed)]


def _references(file: str, config: Any) -> Iterator[str]:
    if file == "modules.json" and isinstance(config, list):
        types = [module.get("type", "") for module in config if isinstance(module, Mapping)]
    else:
        routes = config.get("types") if isinstance(config, Mapping) and "structure" in config else None
        types = list(routes.values()) if isinstance(routes, Mapping) else []
    yield from (name for name in map(str, types) if not name.startswith(OWN))
    yield from _auto_maps(config)


def _auto_maps(config: Any) -> Iterator[str]:
    """Yield the classes of every `auto_map`, however deep."""
    values = list(config.values()) if isinstance(config, Mapping) else config if isinstance(config, list) else []
    if isinstance(config, Mapping) and "auto_map" in config:
        yield from _strings(config["auto_map"])
    for value in values:
        yield from _auto_maps(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _strings(part)


def _is_replaceable(folder: Path, reference: str) -> bool:
    """Return whether transformers brings the class itself: a config with an `auto_map` may be of a kind that it has taken over since."""
    from transformers import CONFIG_MAPPING

    modules = _references("modules.json", _json(folder / "modules.json"))
    config = _json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, Mapping) else None
    return reference not in modules and kind in CONFIG_MAPPING


def _json(path: Path) -> Any:
    """Return the content of a JSON file; None where it is missing or damaged, which loading the model will report."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None
