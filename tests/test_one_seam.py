"""`miner.io` is the seam for files: nothing else opens a user's path. The calls that open are data; so are the exceptions, with their reason."""

import ast

import pytest
from test_layers import FILES, inside

SEAM = "miner.io"

OPENERS = {
    *("open", "io.open", "io.FileIO", "os.open", "anyio.open_file"),
    *(f"os.{name}" for name in ("chmod", "chown", "link", "mkfifo", "remove", "removedirs", "rename", "replace")),
    *(f"os.{name}" for name in ("rmdir", "symlink", "truncate", "unlink", "utime")),
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move", "rmtree")),
    *(f"tempfile.{name}" for name in ("mkdtemp", "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile")),
    *(f"np.{name}" for name in ("fromfile", "load", "loadtxt", "memmap", "save", "savetxt", "savez", "savez_compressed")),
    *("create_engine", "sqlite3.connect", "np.lib.format.open_memmap", "pa.OSFile", "pa.memory_map", "pa.input_stream", "pa.output_stream"),
}
"""Functions by their full name as it is written."""

METHODS = {
    "chmod",
    "hardlink_to",
    "read_bytes",
    "read_text",
    "rename",
    "rmdir",
    "symlink_to",
    "tofile",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
"""Methods of a path or an array, whatever it is called; `open` and `replace` have other meanings too, see `_opens`."""

LIBRARIES = {
    "bz2",
    "gzip",
    "lzma",
    "mmap",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.feather",
    "pyarrow.json",
    "pyarrow.parquet",
    "zipfile",
}
"""Modules that open paths themselves."""

EXCEPTIONS = {
    "app.pages.assets": {"gzip", "files(package).joinpath(file).read_bytes"},  # resources of the package; compressed in memory
    "app.pages.frame": {"gzip"},  # compressed in memory
    "app.http.decompression": {"bz2", "lzma"},  # decompress in memory
    "app.naming.models": {"link.symlink_to"},  # a link to a model's folder of this machine, no content
    "app.state.database": {"create_engine", "sqlite3.connect"},  # a database reads and writes its own file
    "app.state.modes": {"path.chmod"},  # who may read the data folder: a mode of this machine, no content
    "miner.doctor.environment": {"sqlite3.connect"},  # is the database of a service sound; read only
    "miner.doctor.machine": {"path.read_text"},  # /proc and /sys, the kernel's answers
    "miner.formats.collection": {"sqlite3.connect"},  # a temporary table without a name, which SQLite removes
    "miner.indexes.blas": {"cpuinfo.read_text"},  # /proc/cpuinfo
    "miner.page.sections": {"files('miner.page').joinpath('style.css').read_text"},  # a resource of the package, which may lie in a zip
}
"""Module: the calls in it that are no access to a user's file."""


def opens(name: str, source: str) -> list[str]:
    """The calls and imports of a module that open a path, without those that EXCEPTIONS names."""
    tree = ast.parse(source)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and _opens(node)}
    calls |= {
        ast.unparse(argument) for node in ast.walk(tree) if isinstance(node, ast.Call) for argument in node.args if _is_method(argument)
    }
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    imports |= {f"{n.module}.{alias.name}" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
    return sorted((calls | imports & LIBRARIES) - EXCEPTIONS.get(name, set()))


def _opens(call: ast.Call) -> bool:
    if ast.unparse(call.func) in OPENERS:
        return not (call.args and ast.unparse(call.args[0]) == "os.devnull")
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "open":  # Path.open: no argument, or a mode; Dataset.open(folder) is another
        return not call.args or (isinstance(call.args[0], ast.Constant) and str(call.args[0].value)[:1] in {*"rwax"})
    if call.func.attr == "replace":  # Path.replace: one argument; a text's has two, those of a dataclass and a date have names
        return len(call.args) == 1 and not call.keywords
    return call.func.attr in METHODS


def _is_method(argument: ast.expr) -> bool:
    """Whether a method that opens is given to a function, which calls it."""
    return isinstance(argument, ast.Attribute) and argument.attr in METHODS | {"replace"}


@pytest.mark.parametrize("name", [name for name in FILES if not inside(name, SEAM)])
def test_nothing_but_the_seam_opens_a_path(name):
    """So that another file system can stand behind it, and every file is written and hashed one way."""
    assert opens(name, FILES[name].read_text(encoding="utf-8")) == []


def test_every_exception_is_needed():
    """An exception whose call is gone is removed."""
    for name, calls in EXCEPTIONS.items():
        source = FILES[name].read_text(encoding="utf-8")
        assert calls <= set(opens("", source)), name


@pytest.mark.parametrize(
    "source",
    [
        "open('a')",
        "path.open()",
        "path.open('rb')",
        "(folder / 'a').read_text()",
        "def f():\n    path.replace(target)",
        "os.open(path, os.O_RDONLY)",
        "shutil.rmtree(folder)",
        "folder.rmdir()",
        "path.chmod(0o600)",
        "sqlite3.connect(path)",
        "np.load(path)",
        "pa.memory_map(str(path))",
        "place(path.replace)",
        "import gzip",
        "import pyarrow.parquet as pq",
        "from pyarrow import parquet",
        "from gzip import open as unzip",
    ],
)
def test_an_opener_is_found(source):
    """Calls and imports of every form."""
    assert opens("miner.runs.run", source)


@pytest.mark.parametrize(
    "source",
    [
        "Dataset.open(folder)",
        "text.replace('a', 'b')",
        "replace(config, depth=3)",
        "os.open(os.devnull, 1)",
        "read_bytes(path)",
        "path.exists()",
        "folder.mkdir(parents=True)",
    ],
)
def test_what_opens_nothing_is_left_alone(source):
    """Questions to a path and new folders are allowed, and calls of the same name."""
    assert opens("miner.runs.run", source) == []
