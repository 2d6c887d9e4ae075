"""One direction: app → miner; inside miner doors → run → pipeline, config → families → nouns. The table is data; every module has a row."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOUNS = {"miner.types", "miner.errors", "miner.scratch"}
LOW = NOUNS | {"miner.noise", "miner.plain", "miner.registry"}

MAY = {
    # the distribution: the API by its name, and the processes that its commands are
    "hardneg": {"miner"},
    "hardneg.__main__": {"app"},
    "hardneg.job": {"app"},
    # the bottom: nothing of ours
    "miner.types": set(),
    "miner.errors": set(),
    "miner.noise": set(),
    "miner.crew": set(),
    "miner.plain": set(),
    "miner.scratch": set(),
    "miner.repeats": set(),
    "miner.demo": set(),
    "miner.registry": {"miner.errors"},
    # families: the nouns and themselves
    "miner.read": NOUNS | {"miner.plain", "miner.repeats"},
    "miner.read.trainers": NOUNS | {"miner.formats", "miner.read"},  # a trainer's folder is read by the reader of its format
    "miner.encode": NOUNS | {"miner.crew"},
    "miner.indexes": NOUNS,
    "miner.sources": NOUNS | {"miner.encode", "miner.indexes"},
    "miner.evidence": LOW | {"miner.sources.scoring"},  # one function scores a pair, whoever asks
    "miner.filters": NOUNS,
    "miner.samplers": NOUNS,
    "miner.formats": NOUNS | {"miner.plain", "miner.repeats"},
    "miner.report": NOUNS,
    "miner.page": NOUNS,
    # what joins them
    "miner.config": LOW | {f"miner.{name}" for name in ("evidence", "filters", "formats", "presets", "samplers", "sources")},
    "miner.opening": LOW | {"miner.config", "miner.encode", "miner.indexes", "miner.sources"},
    "miner.distinct": NOUNS,
    "miner.hubs": LOW | {"miner.config", "miner.evidence.identity"},
    "miner.presets": NOUNS,
    "miner.ladder": NOUNS | {"miner.filters"},
    "miner.pipeline": LOW | {f"miner.{name}" for name in ("config", "distinct", "evidence", "hubs", "ladder")},
    "miner.candidates": NOUNS | {"miner.pipeline"},
    "miner.manifest": NOUNS | {"miner.formats"},
    "miner.sample": LOW | {"miner.evidence.identity", "miner.read"},
    "miner.rehearsal": NOUNS | {f"miner.{name}" for name in ("config", "encode", "formats", "indexes", "sample")},
    "miner.verdicts": NOUNS | {"miner.filters", "miner.formats"},
    "miner.target": NOUNS | {"miner.candidates", "miner.formats", "miner.manifest"},
    "miner.passes": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("candidates", "choices", "config", "crew", "evidence", "formats", "indexes", "manifest", "opening", "page", "pipeline"),
            *("report", "target", "verdicts"),
        )
    },
    "miner.run": LOW
    | {
        f"miner.{name}"
        for name in (
            "config",
            "evidence",
            "formats",
            "manifest",
            "opening",
            "passes",
            "read",
            "rehearsal",
            "takeover",
            "target",
            "verdicts",
        )
    },
    "miner.takeover": NOUNS | {"miner.formats", "miner.manifest", "miner.passes", "miner.target"},
    "miner.pilot": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("candidates", "config", "crew", "encode", "indexes", "passes", "pipeline", "rehearsal"),
            *("sample", "sources", "target"),
        )
    },
    "miner.estimate": NOUNS
    | {f"miner.{name}" for name in ("candidates", "config", "encode", "formats", "pilot", "pipeline", "rehearsal", "sources")},
    "miner.plan": NOUNS
    | {
        f"miner.{name}"
        for name in (*("config", "encode", "estimate", "opening", "passes", "read"), *("rehearsal", "run", "target", "verdicts"))
    },
    "miner.machine": {"miner.crew"},
    "miner.selfcheck": {"miner.config", "miner.run", "miner.scratch"},
    "miner.doctor": NOUNS | {f"miner.{name}" for name in ("encode", "indexes", "machine", "manifest", "run", "selfcheck")},
    "miner.hiding": LOW | {"miner.evidence.identity", "miner.read"},
    # what looks back at runs
    "miner.choices": NOUNS | {"miner.candidates", "miner.config", "miner.evidence.vectors", "miner.pipeline", "miner.verdicts"},
    "miner.explain": NOUNS | {"miner.candidates", "miner.choices", "miner.config", "miner.run"},
    "miner.survey": LOW | {"miner.candidates", "miner.choices", "miner.run"},
    "miner.significance": {"miner.noise"},
    "miner.evaluation": NOUNS | {f"miner.{name}" for name in ("config", "encode", "read", "significance", "sources")},
    "miner.compat": NOUNS | {"miner.encode", "miner.filters", "miner.indexes", "miner.pipeline", "miner.sources.scoring"},
    "miner.train": LOW
    | {f"miner.{name}" for name in ("choices", "config", "encode", "evaluation", "formats", "hiding", "read", "run", "verdicts")},
    "miner.chance": {"miner.noise"},
    "miner.grid": NOUNS | {"miner.config", "miner.filters", "miner.registry"},
    "miner.sweep": NOUNS
    | {
        f"miner.{name}"
        for name in ("candidates", "chance", "choices", "config", "evidence", "grid", "pipeline", "read", "report", "run", "sources")
    },
    "miner.audit": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("chance", "config", "evidence.identity", "grid", "hiding", "opening"),
            *("passes", "report", "run", "sweep", "target"),
        )
    },
    "miner.rerun": NOUNS | {f"miner.{name}" for name in ("candidates", "config", "encode", "formats", "manifest", "run", "verdicts")},
    "miner.lint": NOUNS | {"miner.plain", "miner.formats", "miner.read"},
    "miner.mend": NOUNS | {"miner.formats", "miner.lint"},
    "miner.comparison": NOUNS | {"miner.choices", "miner.report", "miner.run"},
    # the doors
    "miner": {"miner.config", "miner.errors", "miner.read", "miner.run", "miner.types"},
    "miner.cli": LOW
    | {
        f"miner.{name}"
        for name in (
            "audit",
            "comparison",
            "config",
            "demo",
            "doctor",
            "encode",
            "evaluation",
            "explain",
            "filters",
            "formats",
            "lint",
            "manifest",
            "mend",
            "page",
            "plan",
            "presets",
            "read",
            "rehearsal",
            "report",
            "rerun",
            "run",
            "samplers",
            "sweep",
        )
    }
    | {"miner.train"},
    "app": {"miner"},
}
"""What the modules of a row may import of ours, beside their own row."""

HEAVY = {"torch", "transformers", "sentence_transformers", "faiss", "datasets", "tokenizers", "huggingface_hub"}
TORCH_LIVES = ("miner.train.batches", "miner.train.callbacks", "miner.train.losses")
"""Modules of torch's own kinds (losses, samplers, callbacks), which are themselves imported in functions only."""

AT_IMPORT = {
    "miner": HEAVY | {"fastapi", "starlette", "uvicorn"},
    "miner.cli": HEAVY | {"pyarrow", "fastapi", "numpy", "starlette", "uvicorn"},
    "miner.pipeline": {"typer", "pathlib", "os", "shutil", "tempfile", "pyarrow"},
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


def _at_import(body):
    """Statements that run at import: neither functions nor what only a type checker reads."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            continue
        yield node
        for field in ("body", "orelse", "finalbody", "handlers"):
            yield from _at_import(getattr(node, field, []))


def inside(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def row_of(name: str, table) -> str | None:
    """The longest row that holds the module; the package `miner` itself is a row of its own."""
    rows = [row for row in table if inside(name, row) and (row != "miner" or name == "miner")]
    return max(rows, key=len, default=None)


def wrong_directions(name: str, source: str):
    row = row_of(name, MAY)
    if row is None:
        return [f"{name} has no row in the table"]
    ours = {found for found in imports(ast.parse(source), anywhere=True) if inside(found, "miner") or inside(found, "app")}
    return [f"{name} imports {found}" for found in sorted(ours) if not any(inside(found, room) for room in MAY[row] | {row} - {"miner"})]


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


def test_every_row_has_a_module():
    """The table holds no room that is gone."""
    rooms = {row_of(name, MAY) for name in FILES}
    assert set(MAY) == rooms
    assert all(any(inside(name, row) for name in FILES) for row in AT_IMPORT)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("hardneg.compat", "from app.client import Client"),
        ("miner.types", "from miner.errors import ConfigError"),
        ("miner.read.files", "def f():\n    from miner.formats import FORMATS"),
        ("miner.filters.score", "import miner.samplers"),
        ("miner.filters.score", "from miner import noise"),
        ("miner.encode.model", "from miner.indexes import Exact"),
        ("miner.evidence.identity", "from miner.sources.dense import Dense"),
        ("miner.pipeline", "from miner.run import mine"),
        ("miner.pipeline", "import miner"),
        ("miner.run", "from miner.cli import app"),
        ("miner.run", "from app.main import create_app"),
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
        ("miner.pipeline", "from pathlib import Path", True),
        ("miner.run", "from pathlib import Path", False),
    ],
)
def test_a_heavy_import_is_found(name, source, found):
    """At the top of a module, a class or a try; not in functions, not for type checkers."""
    assert bool(too_heavy(name, source)) == found


@pytest.mark.parametrize("module", ["miner", "miner.run", "app.cli", "app.main"])
def test_nothing_heavy_is_loaded_on_the_way(module):
    """In a fresh interpreter, whoever imports whom."""
    command = f"import sys, {module}; print(*({sorted(HEAVY)!r} & sys.modules.keys()))".replace("[", "{").replace("]", "}")
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
