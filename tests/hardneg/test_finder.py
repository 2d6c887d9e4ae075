"""`miner` and `app` are those of this distribution, whatever else of these names comes first on the path."""

import subprocess
import sys

import pytest

from hardneg.finder import HOME, Finder

MINE = """
import sys
from hardneg.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
ours = {name: module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] in ("hardneg", "miner", "app")}
print(len(ours), len(set(ours.values())), *{file.removeprefix(HOME).split("/")[1] for file in ours.values()})
""".replace("HOME", repr(HOME))

HELP = """
import hardneg.__main__
from app.cli import app
from typer.main import get_command
from typer.testing import CliRunner
def verbs(command, *before):
    yield before
    for name, below in getattr(command, "commands", {}).items():
        yield from verbs(below, *before, name)
for verb in verbs(get_command(app)):
    done = CliRunner().invoke(app, [*verb, "--help"])
    assert done.exit_code == 0, (verb, done.output, done.exception)
    print(*verb)
"""

SPAWN = """
import multiprocessing
import IMPORTED
def packages(name):
    return __import__(name).__file__
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(packages, ("NAME",)))
"""


def python(*words, cwd="/", **more):
    """A process; not in the folder of the sources, which would come first on its path."""
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd, **more)


@pytest.mark.slow
def test_a_run_loads_only_our_packages_and_each_module_once(environ, pairs, tiny_model, tmp_path):
    """Every module of ours has one name, and lies where `hardneg` lies."""
    done = python("-c", MINE, "mine", "--pairs", pairs, "--model", tiny_model, "--out", tmp_path / "run", "--quiet", env=environ)
    assert done.returncode == 0, done.stderr
    modules, files, *packages = done.stdout.splitlines()[-1].split()
    assert modules == files
    assert sorted(packages) == ["app", "hardneg", "miner"]


def test_every_verb_has_its_help(environ):
    """Twenty and more, and those below them."""
    done = python("-c", HELP, env=environ)
    assert done.returncode == 0, done.stderr
    assert {"mine", "export", "lint", "train", "serve", "worker", "keys create", "jobs submit", "cache ls"} <= set(done.stdout.splitlines())


def test_a_job_process_finds_our_packages(environ, foreign):
    """Its current folder comes first on its path: `/` in a container may hold an `app`."""
    done = python("-m", "hardneg.job", env=environ, cwd=foreign, input="")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("imported", "name"), [("hardneg", "miner"), ("hardneg.__main__", "miner"), ("hardneg.__main__", "app")])
def test_a_spawned_process_finds_our_packages(imported, name, foreign, environ, tmp_path):
    """It imports the main module of its parent first."""
    (tmp_path / "script.py").write_text(SPAWN.replace("IMPORTED", imported).replace("NAME", name))
    done = python(tmp_path / "script.py", env={**environ, "PYTHONWARNINGS": "ignore"}, cwd=foreign)
    assert done.stdout.strip() == f"{HOME}/{name}/__init__.py", done.stderr


def test_another_miner_that_comes_first_is_named(foreign, environ):
    """A library user is warned once; the run goes on with ours."""
    done = python("-c", "import hardneg, miner\nprint(hardneg.mine is miner.mine)", env={**environ, "PYTHONWARNINGS": "always"})
    assert done.stdout == "True\n"
    assert done.stderr.count("UserWarning: 'import miner' gives the package of hardneg") == 1
    assert f"{HOME}/miner/__init__.py" in done.stderr
    assert f"{foreign}/miner/__init__.py" in done.stderr


def test_another_miner_that_is_loaded_is_refused(tmp_path):
    """One sentence names both files; the other one stays as it is."""
    (tmp_path / "miner.py").touch()
    code = "import miner\ntry:\n    import hardneg\nexcept ImportError as error:\n    print(error)\nimport miner; print(miner.__file__)"
    said, after = python("-c", code, cwd=tmp_path).stdout.splitlines()
    assert said.startswith(
        f"hardneg needs its own package 'miner', {HOME}/miner/__init__.py, and this process has already imported another"
    )
    assert f", {tmp_path}/miner.py: " in said
    assert after == f"{tmp_path}/miner.py"


def test_the_app_of_a_user_stays_theirs(tmp_path):
    """`import hardneg` and all of its API leave the name alone; nothing is said where nothing is in the way."""
    (tmp_path / "app.py").touch()
    code = "import hardneg, app, sys\nhardneg.mine, hardneg.compat, hardneg.train\nprint(app.__file__, 'app.cli' in sys.modules)"
    done = python("-W", "error::UserWarning", "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{tmp_path}/app.py False\n", "")


def test_only_claimed_names_are_found():
    """Every other import is left to the path."""
    assert Finder().find_spec("miner") is None
    assert Finder().find_spec("miner.runs.run") is None
