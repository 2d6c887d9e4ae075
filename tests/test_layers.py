"""One direction: app → miner; inside miner doors → run → pipeline, config → families → nouns. The table is data; every module has a row."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOUNS = {"miner.types", "miner.errors", "miner.io.scratch"}
LOW = NOUNS | {"miner.support.noise", "miner.support.normalize", "miner.config.registry"}

MAY = {
    # the bottom: nothing of ours
    "miner.types": set(),
    "miner.errors": set(),
    "miner.support.noise": set(),
    "miner.support.parallel": set(),
    "miner.support.normalize": set(),
    "miner.io.scratch": set(),
    "miner.support.json_keys": set(),
    "miner.read.docstrings": set(),
    "miner.config.registry": {"miner.errors"},
    # families: the nouns and themselves
    "miner.read": NOUNS | {"miner.support.normalize", "miner.support.json_keys"},
    "miner.read.trainers": NOUNS | {"miner.formats", "miner.read"},  # a trainer's folder is read by the reader of its format
    "miner.encode": NOUNS | {"miner.support.parallel"},
    "miner.indexes": NOUNS,
    "miner.sources": NOUNS | {"miner.encode", "miner.indexes"},
    "miner.evidence": LOW | {"miner.sources.scoring"},  # one function scores a pair, whoever asks
    "miner.filters": NOUNS,
    "miner.samplers": NOUNS,
    "miner.formats": NOUNS | {"miner.support.normalize", "miner.support.json_keys"},
    "miner.report": NOUNS,
    "miner.page": NOUNS,
    # what joins them
    "miner.config": LOW | {f"miner.{name}" for name in ("evidence", "filters", "formats", "presets", "samplers", "sources")},
    "miner.runs.open_source": LOW | {"miner.config", "miner.encode", "miner.indexes", "miner.sources"},
    "miner.core.near_duplicates": NOUNS,
    "miner.core.hub_cap": LOW | {"miner.config", "miner.evidence.identity"},
    "miner.config.presets": NOUNS,
    "miner.core.ladder": NOUNS | {"miner.filters"},
    "miner.core.pipeline": LOW | {f"miner.{name}" for name in ("config", "distinct", "evidence", "hubs", "ladder")},
    "miner.runs.candidate_store": NOUNS | {"miner.core.pipeline"},
    "miner.runs.manifest": NOUNS | {"miner.formats"},
    "miner.runs.subset": LOW | {"miner.evidence.identity", "miner.read"},
    "miner.runs.preflight": NOUNS | {f"miner.{name}" for name in ("config", "encode", "formats", "indexes", "sample")},
    "miner.core.verdicts": NOUNS | {"miner.filters", "miner.formats"},
    "miner.runs.run_folder": NOUNS | {"miner.runs.candidate_store", "miner.formats", "miner.runs.manifest"},
    "miner.runs.passes": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("candidates", "choices", "config", "crew", "evidence", "formats", "indexes", "manifest", "opening", "page", "pipeline"),
            *("report", "target", "verdicts"),
        )
    },
    "miner.runs.run": LOW
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
    "miner.runs.reuse": NOUNS | {"miner.formats", "miner.runs.manifest", "miner.runs.passes", "miner.runs.run_folder"},
    "miner.runs.pilot": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("candidates", "config", "crew", "encode", "indexes", "passes", "pipeline", "rehearsal"),
            *("sample", "sources", "target"),
        )
    },
    "miner.runs.estimate": NOUNS
    | {f"miner.{name}" for name in ("candidates", "config", "encode", "formats", "pilot", "pipeline", "rehearsal", "sources")},
    "miner.runs.dry_run": NOUNS
    | {
        f"miner.{name}"
        for name in (*("config", "encode", "estimate", "opening", "passes", "read"), *("rehearsal", "run", "target", "verdicts"))
    },
    "miner.doctor.machine": {"miner.support.parallel"},
    "miner.doctor.selfcheck": {"miner.config", "miner.runs.run", "miner.io.scratch"},
    "miner.doctor.environment": NOUNS | {f"miner.{name}" for name in ("encode", "indexes", "machine", "manifest", "run", "selfcheck")},
    "miner.analysis.hidden_positives": LOW | {"miner.evidence.identity", "miner.read"},
    # what looks back at runs
    "miner.runs.rechoose": NOUNS
    | {"miner.runs.candidate_store", "miner.config", "miner.evidence.passage_vectors", "miner.core.pipeline", "miner.core.verdicts"},
    "miner.analysis.explain": NOUNS | {"miner.runs.candidate_store", "miner.runs.rechoose", "miner.config", "miner.runs.run"},
    "miner.analysis.survey": LOW | {"miner.runs.candidate_store", "miner.runs.rechoose", "miner.runs.run"},
    "miner.evaluation.significance": {"miner.support.noise"},
    "miner.evaluation": NOUNS | {f"miner.{name}" for name in ("config", "encode", "read", "significance", "sources")},
    "miner.compat": NOUNS | {"miner.encode", "miner.filters", "miner.indexes", "miner.core.pipeline", "miner.sources.scoring"},
    "miner.train": LOW
    | {f"miner.{name}" for name in ("choices", "config", "encode", "evaluation", "formats", "hiding", "read", "run", "verdicts")},
    "miner.evaluation.intervals": {"miner.support.noise"},
    "miner.analysis.grid": NOUNS | {"miner.config", "miner.filters", "miner.config.registry"},
    "miner.analysis.sweep": NOUNS
    | {
        f"miner.{name}"
        for name in ("candidates", "chance", "choices", "config", "evidence", "grid", "pipeline", "read", "report", "run", "sources")
    },
    "miner.analysis.audit": NOUNS
    | {
        f"miner.{name}"
        for name in (
            *("chance", "config", "evidence.identity", "grid", "hiding", "opening"),
            *("passes", "report", "run", "sweep", "target"),
        )
    },
    "miner.runs.reproduce": NOUNS
    | {f"miner.{name}" for name in ("candidates", "config", "encode", "formats", "manifest", "run", "verdicts")},
    "miner.lint": NOUNS | {"miner.support.normalize", "miner.formats", "miner.read"},
    "miner.lint.fixes": NOUNS | {"miner.formats", "miner.lint"},
    "miner.comparison": NOUNS | {"miner.runs.rechoose", "miner.report", "miner.runs.run"},
    # the doors
    "miner": {"miner.config", "miner.errors", "miner.read", "miner.runs.run", "miner.types"},
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
    "miner.core.pipeline": {"typer", "pathlib", "os", "shutil", "tempfile", "pyarrow"},
    "app": HEAVY,
    "app.routes": {"pathlib", "os", "numpy", "pyarrow"},
    "app.cli": {"fastapi", "uvicorn", "numpy", "pyarrow"},
}
"""What the modules of a row must not import at their top; a longer name adds to the shorter one."""

FILES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
    for folder in ("miner", "app")
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
        ("miner.types", "from miner.errors import ConfigError"),
        ("miner.io.input_files", "def f():\n    from miner.formats import FORMATS"),
        ("miner.filters.score", "import miner.samplers"),
        ("miner.filters.score", "from miner import noise"),
        ("miner.encode.model", "from miner.indexes import Exact"),
        ("miner.evidence.identity", "from miner.sources.dense import Dense"),
        ("miner.core.pipeline", "from miner.runs.run import mine"),
        ("miner.core.pipeline", "import miner"),
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
        ("miner.core.pipeline", "from pathlib import Path", True),
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
