"""One direction: app → miner; inside miner doors → runs → core → config → families → ground. The table is data; every module has a row."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOUNS = {"miner.types", "miner.errors"}
GROUND = NOUNS | {"miner.io", "miner.support"}
FAMILIES = {
    f"miner.{name}"
    for name in ("encode", "evidence", "filters", "formats", "indexes", "judges", "read", "samplers", "sources", "variations")
}
DOWN_TO_CORE = GROUND | FAMILIES | {"miner.config", "miner.core"}
SHOWN = {"miner.page", "miner.report"}
DOWN_TO_RUNS = DOWN_TO_CORE | SHOWN | {"miner.evaluation", "miner.runs"}

MAY = {
    # the distribution: the API by its name, and the processes that its commands are
    "hardneg": {"miner"},
    "hardneg.__main__": {"app"},
    "hardneg.job": {"app"},
    # the ground
    "miner.errors": set(),
    "miner.support": set(),
    "miner.io": {"miner.errors", "miner.support"},
    "miner.types": {"miner.io"},  # texts and datasets lie in files
    # families: the ground and themselves
    "miner.encode": GROUND,
    "miner.indexes": NOUNS,
    "miner.filters": NOUNS,
    "miner.samplers": NOUNS,
    "miner.variations": NOUNS | {"miner.support"},
    "miner.formats": GROUND,
    "miner.report": NOUNS | {"miner.io"},
    "miner.page": NOUNS,
    "miner.sources": NOUNS | {"miner.encode", "miner.indexes", "miner.io"},
    "miner.evidence": NOUNS | {"miner.io", "miner.sources.scoring", "miner.support"},  # one function scores a pair, whoever asks
    "miner.judges": GROUND | {"miner.encode", "miner.sources.scoring"},
    "miner.read": GROUND,
    "miner.read.trainers": GROUND | {"miner.formats", "miner.read"},  # a trainer's folder is read by the reader of its format
    # what joins them
    "miner.config": GROUND
    | {f"miner.{name}" for name in ("evidence", "filters", "formats", "indexes", "judges", "samplers", "sources", "variations")},
    "miner.core": NOUNS | {f"miner.{name}" for name in ("config", "evidence", "filters", "judges", "support")},
    "miner.core.ladder": NOUNS,  # a filter says of itself what a fallback level may do with it
    "miner.lint": GROUND | {"miner.formats", "miner.read"},
    "miner.evaluation": GROUND | {f"miner.{name}" for name in ("config", "encode", "read", "sources")},
    "miner.runs": DOWN_TO_CORE | SHOWN | {"miner.evaluation"},
    "miner.runs.candidate_store": GROUND,  # storage knows nouns and files, not how candidates are judged
    # what looks back at runs
    "miner.analysis": DOWN_TO_RUNS,
    "miner.comparison": NOUNS | {"miner.report", "miner.runs"},
    "miner.doctor": GROUND | {f"miner.{name}" for name in ("config", "encode", "indexes", "runs")},
    # the doors
    "miner": {f"miner.{name}" for name in ("analysis", "config", "errors", "evaluation", "formats", "read", "runs", "types")},
    "miner.compat": NOUNS | {f"miner.{name}" for name in ("core", "encode", "filters", "indexes")} | {"miner.sources.scoring"},
    "miner.train": DOWN_TO_RUNS | {"miner.analysis"},
    "miner.cli": DOWN_TO_RUNS | {f"miner.{name}" for name in ("analysis", "comparison", "doctor", "lint", "train")},
    # the service: what it keeps
    "app": set(),
    "app.state": {"miner"},
    "app.errors": {"app.state", "miner"},
    "app.auth": {"app.errors", "app.state", "miner"},
    "app.naming": {"miner"},
    "app.settings": {"app.naming", "miner"},
    "app.logs": {"app.settings"},
    "app.storage": {"app.auth", "app.errors", "app.state", "miner"},
    "app.schemas": {f"app.{name}" for name in ("errors", "naming", "settings", "storage")} | {"miner"},
    # what works
    "app.http": {f"app.{name}" for name in ("errors", "schemas", "settings")} | {"miner"},
    "app.jobs": {f"app.{name}" for name in ("errors", "logs", "naming", "schemas", "settings", "state", "storage")} | {"miner"},
    "app.metrics": {"app.http", "app.jobs", "miner"},
    "app.engine": {f"app.{name}" for name in ("errors", "metrics", "naming", "schemas", "settings", "storage")} | {"miner"},
    "app.services": {f"app.{name}" for name in ("auth", "engine", "errors", "http", "jobs", "metrics", "naming", "settings")} | {"miner"},
    # what answers
    "app.pages": {f"app.{name}" for name in ("auth", "errors", "jobs", "storage")} | {"miner"},
    "app.guard": {f"app.{name}" for name in ("auth", "errors", "pages", "services")} | {"miner"},
    "app.requests": {
        f"app.{name}" for name in ("auth", "errors", "guard", "http", "jobs", "pages", "schemas", "services", "state", "storage")
    }
    | {"miner"},
    "app.openapi": {f"app.{name}" for name in ("guard", "jobs", "requests", "schemas")},
    "app.routes": {f"app.{name}" for name in ("auth", "engine", "guard", "http", "pages", "requests", "schemas", "services", "storage")}
    | {"miner"},
    "app.main": {f"app.{name}" for name in ("auth", "errors", "guard", "openapi", "pages", "routes", "services", "settings")} | {"miner"},
    "app.serve": {f"app.{name}" for name in ("auth", "http", "logs", "main", "settings", "state")} | {"miner"},
    "app.cli": {f"app.{name}" for name in ("auth", "jobs", "serve", "settings", "state")} | {"miner"},
}
"""What the modules of a row may import of ours, beside their own row."""

HEAVY = {"torch", "transformers", "sentence_transformers", "faiss", "datasets", "tokenizers", "huggingface_hub"}
TORCH_LIVES = (
    "miner.train.batches",
    "miner.train.callbacks",
    "miner.train.connection",
    "miner.train.continued_trainer",
    "miner.train.losses",
)
"""Modules of torch's own kinds (losses, samplers, callbacks), which are themselves imported in functions only."""

AT_IMPORT = {
    "miner": HEAVY | {"fastapi", "starlette", "uvicorn"},
    "miner.cli": HEAVY | {"pyarrow", "fastapi", "numpy", "starlette", "uvicorn"},
    "miner.core": {"typer", "pathlib", "os", "shutil", "tempfile"},
    "miner.core.retrieval": {"pyarrow"},
    "app": HEAVY,
    "hardneg": HEAVY | {"app", "fastapi", "starlette", "uvicorn"},
    "app.routes": {"pathlib", "os", "numpy", "pyarrow"},
    "app.cli": {"fastapi", "uvicorn", "numpy", "pyarrow"},
}
"""What the modules of a row must not import at their top; a longer name adds to the shorter one."""

FILES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
    for folder in ("hardneg", "miner", "app")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def imports(tree: ast.Module, *, anywhere: bool):
    """Full names of imported modules: all of them, or those that run when the module is imported."""
    nodes = list(ast.walk(tree)) if anywhere else list(_at_import(tree.body))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide the direction"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in FILES else node.module


def _typing_only(node) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _at_import(body):
    """Statements that run at import: neither functions nor what only a type checker reads."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _typing_only(node):
            continue
        yield node
        for field in ("body", "orelse", "finalbody", "handlers"):
            yield from _at_import(getattr(node, field, []))


def inside(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def row_of(name: str, table) -> str | None:
    """The longest row that holds the module; the package `miner` itself is a row of its own."""
    rows = [row for row in table if inside(name, row) and (row not in ("miner", "app") or name == row)]
    return max(rows, key=len, default=None)


def wrong_directions(name: str, source: str):
    row = row_of(name, MAY)
    if row is None:
        return [f"{name} has no row in the table"]
    ours = {found for found in imports(ast.parse(source), anywhere=True) if inside(found, "miner") or inside(found, "app")}
    return [
        f"{name} imports {found}"
        for found in sorted(ours)
        if not any(inside(found, room) for room in MAY[row] | {row} - ({"miner", "app"} - MAY[row]))
    ]


def too_heavy(name: str, source: str):
    banned = set().union(*(AT_IMPORT[row] for row in AT_IMPORT if inside(name, row)))
    if any(inside(name, room) for room in TORCH_LIVES):
        banned -= {"torch", "transformers", "sentence_transformers"}
    return [f"{name} imports {found} at its top" for found in imports(ast.parse(source), anywhere=False) if found.split(".")[0] in banned]


@pytest.mark.parametrize("name", FILES)
def test_imports_go_one_way(name):
    """Never upward, never sideways, and nothing heavy before it is needed."""
    source = FILES[name].read_text(encoding="utf-8")
    assert wrong_directions(name, source) + too_heavy(name, source) == []


def rooms_below(name: str, source: str):
    """The rooms (first two names) that a module imports, inside functions too; what only a type checker reads is not followed."""
    tree = ast.parse(source)
    hidden = {id(child) for node in ast.walk(tree) if _typing_only(node) for child in ast.walk(node)}
    tree.body = [node for node in tree.body if id(node) not in hidden]
    return {room(found) for found in imports(tree, anywhere=True) if found.split(".")[0] in ("miner", "app")} - {room(name)}


def room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def test_no_room_leads_back_to_itself():
    """Rooms can be put on floors, each above all that it imports."""
    below: dict[str, set[str]] = {}
    for name, path in FILES.items():
        below.setdefault(room(name), set()).update(rooms_below(name, path.read_text(encoding="utf-8")))
    while free := {name for name, under in below.items() if not under & below.keys()}:
        below = {name: under for name, under in below.items() if name not in free}
    assert below == {}


def test_the_root_of_a_package_holds_little():
    """Rooms hold the modules; a newcomer reads the root at a glance."""
    assert sorted(path.name for path in (ROOT / "miner").glob("*.py")) == ["__init__.py", "errors.py"]
    assert len(list((ROOT / "app").glob("*.py"))) <= 10


VERBS = {
    "audit",
    "calibrate",
    "verdicts",
    "demo",
    "doctor",
    "dry_run",
    "explain",
    "export",
    "lint",
    "loop",
    "mine",
    "report",
    "serve",
    "sweep",
    "train",
    "worker",
}
RESOURCES = {"corpora", "files", "jobs", "keys", "models", "reviews"}
SAME_AT_EACH_DOOR = VERBS | RESOURCES | {"beir", "errors", "identity", "main", "options"}
"""A verb or a resource has a file of its name in each room that serves it; so has evidence that one filter reads."""


def test_a_file_name_means_one_thing():
    """Two files of one name are two doors to the same thing."""
    names = [path.stem for path in FILES.values() if not path.stem.startswith("__")]
    assert {name for name in names if names.count(name) > 1} <= SAME_AT_EACH_DOOR


def test_every_row_has_a_module():
    """The table holds no room that is gone."""
    rooms = {row_of(name, MAY) for name in FILES}
    assert set(MAY) == rooms
    assert all(any(inside(name, row) for name in FILES) for row in AT_IMPORT)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("hardneg.compat", "from app.cli.client import Client"),
        ("miner.types", "from miner.errors import ConfigError"),
        ("miner.io.input_files", "def f():\n    from miner.formats import FORMATS"),
        ("miner.filters.score", "import miner.samplers"),
        ("miner.filters.score", "from miner import noise"),
        ("miner.encode.model", "from miner.indexes import Exact"),
        ("miner.evidence.identity", "from miner.sources.dense import Dense"),
        ("miner.core.retrieval", "from miner.runs.run import mine"),
        ("miner.core.retrieval", "import miner"),
        ("miner.runs.run", "from miner.cli import app"),
        ("miner.runs.run", "from app.main import create_app"),
        ("miner.brand_new", "import numpy"),
    ],
)
def test_a_wrong_direction_is_found(name, source):
    """The check sees imports of every form, inside functions too, and modules without a row."""
    assert wrong_directions(name, source)


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("miner.encode.model", "import torch.nn", True),
        ("miner.encode.model", "try:\n    from faiss import knn\nexcept ImportError:\n    pass", True),
        ("miner.encode.model", "class A:\n    import datasets", True),
        ("miner.encode.model", "def f():\n    import torch", False),
        ("miner.encode.model", "if TYPE_CHECKING:\n    import torch", False),
        ("miner.cli.mine", "import numpy as np", True),
        ("miner.core.retrieval", "from pathlib import Path", True),
        ("miner.runs.run", "from pathlib import Path", False),
    ],
)
def test_a_heavy_import_is_found(name, source, found):
    """At the top of a module, a class or a try; not in functions, not for type checkers."""
    assert bool(too_heavy(name, source)) == found


@pytest.mark.parametrize("module", ["miner", "miner.runs.run", "app.cli", "app.main"])
def test_nothing_heavy_is_loaded_on_the_way(module):
    """In a fresh interpreter, whoever imports whom."""
    command = f"import sys, {module}; print(*({sorted(HEAVY)!r} & sys.modules.keys()))".replace("[", "{").replace("]", "}")
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
