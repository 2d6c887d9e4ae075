"""What the operator decides: where things are, under which names, with which keys; and that all of it is written down."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from tiny import model_with_code

from app.jobs import index
from app.naming.models import Models, public
from app.settings import MIN_KEY_CHARS, Settings, from_environ
from miner.config import MiningConfig, Runtime
from miner.errors import ConfigError, ModelError

DOCS = Path(__file__).parents[2] / "docs" / "service.md"
SAID = {"cache": "~/.cache/hardneg", "data_dir": "~/.local/share/hardneg", "job_threads": "all but one"}


def test_folders_and_models_are_absolute(tmp_path, monkeypatch):
    """What is named from one folder is found from another: jobs work in folders of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-model").mkdir()
    settings = Settings.of(model="my-model", models="other=someone/else", data_dir="data", cache="cache")
    assert (settings.data_dir, settings.cache) == (tmp_path / "data", tmp_path / "cache")
    assert settings.known_models.folders == {"my-model": str(tmp_path / "my-model"), "other": "someone/else"}


def test_models_have_public_names(tmp_path):
    """The served one its folder's, or what the list calls it; of a hub its own."""
    (folder := tmp_path / "models" / "e5 small").mkdir(parents=True)
    assert public(str(folder)) == "e5-small"
    assert Models.of(str(folder), {}).loaded == "e5-small"
    for model in (str(folder), "fast"):
        assert Models.of(model, {"fast": str(folder)}) == Models({"fast": str(folder)}, "fast")
    assert Models.of("org/name", {}) == Models({"org/name": "org/name"}, "org/name")
    assert public("/gone/run") == "model-run"
    settings = Settings.of(model=str(folder), models=f"other={tmp_path}")
    assert (settings.serving.model, settings.loading.model) == ("e5-small", str(folder))
    assert settings.resolved(MiningConfig.of(model="other")).model == "other"
    with pytest.raises(ConfigError, match=r"one of the server's: other, e5-small$|e5-small, other$"):
        settings.resolved(MiningConfig.of(model=str(folder)))


@pytest.mark.parametrize("name", ["run", "inputs/x", "../x", "/x", "a b", "", "x/y/z", "-x"])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(ConfigError):
        Models.of(None, {name: "/somewhere"})


def test_two_models_of_one_name_are_refused(tmp_path):
    for one in ("a", "b"):
        (tmp_path / one / "m").mkdir(parents=True)
    with pytest.raises(ConfigError, match="two models have the name m"):
        Models.of(str(tmp_path / "a" / "m"), {"m": str(tmp_path / "b" / "m")})


def test_a_short_key_is_refused_and_not_told(tmp_path):
    """From the environment and from a file, beside a long one too."""
    short, long = "x" * (MIN_KEY_CHARS - 1), "y" * MIN_KEY_CHARS
    (tmp_path / "keys").write_text(f"{long}\n{short}\n")
    for wrong in ({"api_key": short}, {"api_key": f"{long},{short}"}, {"api_key_file": tmp_path / "keys"}):
        with pytest.raises(ConfigError, match=r"has 15 characters, and needs 16 at least: make one with python") as told:
            Settings.of(**wrong).digests()
        assert short not in str(told.value)
    assert len(Settings.of(api_key=long).digests()) == 1


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.0/99", "10.0.0.1/8", "*"])
def test_a_proxy_is_an_address_or_a_network(wrong):
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Settings.of(trusted_proxies=f"10.0.0.1,{wrong}")
    assert Settings.of(trusted_proxies="10.0.0.1, 10.1.0.0/24,::1").trusted_proxies == ("10.0.0.1", "10.1.0.0/24", "::1")


def shown(name, field):
    """The default as a reader would write it."""
    value = SAID.get(name, field.default)
    return "" if value is None or value == () or name == "models" else "no" if value is False else str(value)


def reference(kind: type[BaseModel]):
    """The table of docs/service.md."""
    fields = kind.model_fields.items()
    return [f"| `HARDNEG_{name.upper()}` | {shown(name, field)} | {field.description} |" for name, field in fields]


def test_every_setting_is_in_the_docs():
    """As the code has it; when this fails, the table of docs/service.md is to be these lines."""
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `HARDNEG_")]
    assert lines == reference(Settings), "\n" + "\n".join(reference(Settings))


def test_code_of_a_model_is_allowed_by_the_operator_alone(model, tmp_path, monkeypatch):
    """By the environment of server and worker, which hand it to the child with each task; a child's own environment allows nothing."""
    entry = model_with_code(model, tmp_path / "own")
    monkeypatch.setenv("HARDNEG_ALLOW_CODE", entry)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "text": "w001"}')
    spec = {"config": {"model": "own"}, "paths": ["rows.jsonl"], "fields": {}, "corpus": "c", "version": 1, "target": "target"}
    for environ in ({}, {"HARDNEG_ALLOW_CODE": entry}):
        settings = Settings.of(model="own", cache=tmp_path / "cache", **from_environ(environ))
        runtime = Runtime.of(**json.loads(json.dumps(settings.job_runtime.model_dump(mode="json"))))
        if environ:
            assert index.run(spec, runtime, lambda *_: None).result["model"]["code"][0]["sha256"] == entry[-64:]
            continue
        with pytest.raises(ModelError, match="wants to run code of its own"):
            index.run(spec, runtime, lambda *_: None)
    with pytest.raises(ConfigError, match="allows no code: NAME@COMMIT is needed"):
        Settings.of(allow_code="some/model@main")
