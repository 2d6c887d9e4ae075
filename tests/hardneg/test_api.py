"""What `import hardneg` gives, and how the command says its version."""

import ast
import importlib
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import hardneg
import miner


@pytest.mark.parametrize("package", [hardneg, miner])
def test_dir_is_complete_and_holds_no_more(package):
    """What tab completion offers: the public names, the version, and each of them is there."""
    names = [name for name in dir(package) if not name.startswith("__")]
    assert set(names) - {"compat", "train"} == set(package.__all__)
    assert all(getattr(package, name) is not None for name in dir(package))
    assert package.__version__ == version("hardneg")


def test_it_is_the_api_of_miner():
    """And the two functions whose names are packages in `miner`, loaded or not."""
    assert hardneg.__all__ == sorted([*miner.__all__, "lint", "read"])
    assert (hardneg.lint, hardneg.read) == (miner.lint.lint, miner.read.read)
    assert all(getattr(hardneg, name) is getattr(miner, name) for name in miner.__all__)
    with pytest.raises(AttributeError, match="module 'hardneg' has no attribute 'mien'"):
        hardneg.mien  # noqa: B018


@pytest.mark.parametrize("name", ["compat", "train"])
def test_its_submodules_are_those_of_miner(name):
    ours, theirs = importlib.import_module(f"hardneg.{name}"), importlib.import_module(f"miner.{name}")
    assert ours.__all__ == theirs.__all__
    assert all(getattr(ours, each) is getattr(theirs, each) for each in theirs.__all__)


def test_a_type_checker_sees_the_same_names():
    tree = ast.parse(Path(hardneg.__file__).read_text())
    names = [*hardneg.__all__, "__version__"]
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert sorted(alias.asname for node in block.body for alias in node.names) == sorted(names)


@pytest.mark.parametrize("words", [("-m", "hardneg", "--version"), ("-m", "hardneg", "-V")])
def test_the_version_is_printed(words, environ):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=environ, cwd="/")
    assert (done.stdout, done.stderr) == (f"hardneg {version('hardneg')}\n", "")


def test_importing_it_loads_nothing_heavy():
    """Not even `miner`, which is loaded when it is used."""
    code = "import hardneg, sys; print('miner' in sys.modules, 'numpy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "False False False\n"


@pytest.mark.parametrize("package", ["miner", "app"])
def test_the_packages_do_not_know_it(package):
    """It imports them, never the other way round."""
    files = sorted((Path(hardneg.__file__).parents[1] / package).rglob("*.py"))
    assert files
    assert [str(file) for file in files if re.search(r"(?m)^ *(from|import) hardneg\b", file.read_text())] == []
