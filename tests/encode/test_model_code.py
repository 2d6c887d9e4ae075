"""A model's own code runs only where the operator has allowed it, by name and revision; what runs is in the manifest."""

import json
import re
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from disk import on_disk
from tiny import model_with_code
from worlds import make

from miner import MiningConfig, mine
from miner.config import Runtime
from miner.encode import load_encoder
from miner.encode.model_code import code_files, code_hash
from miner.encode.staged_model import import_from_own_folder
from miner.errors import ConfigError, HardnegError, ModelError
from miner.evaluation import evaluate
from miner.train import TrainConfig, train

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def own(tiny_model, tmp_path):
    """A static model with a module of its own, in two files, that doubles its vectors."""
    model_with_code(tiny_model, tmp_path / "own-model")
    return tmp_path / "own-model"


def runtime(*allowed):
    return Runtime.of(device="cpu", allow_code=allowed)


def entry(folder):
    return f"{folder}@{code_hash(code_files(folder))}"


def load(model, *allowed, **settings):
    return load_encoder(MiningConfig.of(model=str(model), **settings), runtime(*allowed))


def test_it_is_off_and_the_sentence_allows_it(own, tiny_model):
    """What the refusal says to allow is what loads it; the code is described, and part of the fingerprint."""
    with pytest.raises(
        ModelError, match=r"wants to run code of its own, own\.Own \(number\.py, own\.py\): read it, then allow it"
    ) as error:
        load(own)
    allowed = re.search(r"--allow-code '([^']+)'", error.value.with_flags)[1]
    encoder, plain = load(own, allowed), load(tiny_model)
    assert np.array_equal(encoder.encode(["w1 w2"], "query"), 2 * plain.encode(["w1 w2"], "query"))
    assert encoder.describe()["code"] == [{"name": str(own), "revision": None, "sha256": allowed[-64:]}]
    encoder.set_name("public")
    assert encoder.describe()["code"][0]["name"] == encoder.describe()["name"] == "public"
    assert encoder.fingerprint("query") != plain.fingerprint("query")
    assert "code" not in plain.describe()


def test_code_is_imported_from_a_folder_of_this_process(own, tmp_path):
    """Not from the user's cache, where a compiled file that another put beside it would run."""
    encoder = load(own, entry(own))
    (module,) = {sys.modules[type(part).__module__] for part in encoder.model if "transformers_modules" in type(part).__module__}
    from transformers import dynamic_module_utils

    file = Path(module.__file__)
    assert import_from_own_folder() in file.parents
    assert stat.S_IMODE(import_from_own_folder().stat().st_mode) == 0o700
    assert str(import_from_own_folder()) == dynamic_module_utils.HF_MODULES_CACHE
    helper = next(name for name in sys.modules if name.startswith("transformers_modules") and name.endswith(".number"))
    assert import_from_own_folder() in Path(sys.modules[helper].__file__).parents


@pytest.mark.parametrize("file", ["own.py", "number.py", "new.py", "new.so"])
def test_a_byte_of_the_code_is_another_code(own, file):
    """Of a file that is named, of one that is imported, of one that is new."""
    allowed = entry(own)
    with (own / file).open("ab") as code:
        code.write(b"#")
    with pytest.raises(ModelError, match=rf"the code of model .* has another sha256, {entry(own)[-64:]}, than is allowed, {allowed[-64:]}"):
        load(own, allowed)


def test_a_hash_allows_one_folder(own, tmp_path):
    """Not the same code elsewhere; a link to the folder is the folder, a link inside it is refused."""
    shutil.copytree(own, tmp_path / "copy")
    (tmp_path / "link").symlink_to(own)
    with pytest.raises(ModelError, match="wants to run code of its own"):
        load(tmp_path / "copy", entry(own))
    load(tmp_path / "link", entry(own))
    (own / "more").symlink_to(tmp_path)
    with pytest.raises(ModelError, match="is a link to a folder"):
        load(own, f"{own}@{'0' * 64}")


def test_code_from_elsewhere_is_never_run(own, tmp_path, monkeypatch):
    """A module that is no file of the model would be imported from this machine: refused where the rest is allowed too."""
    (tmp_path / "canary.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Canary: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = json.loads((own / "modules.json").read_text())
    (own / "modules.json").write_text(json.dumps([*modules, {"idx": 2, "name": "2", "path": "", "type": "canary.Canary"}]))
    for allowed in ((), (entry(own),)):
        with pytest.raises(ModelError, match=r"wants to run module 'canary\.Canary', which is not part of"):
            load(own, *allowed)
    assert not (tmp_path / "ran").exists()


def test_the_code_that_runs_is_a_copy(own, monkeypatch):
    """Code that changes between the comparison and the loading is not run."""
    allowed = entry(own)
    copy = shutil.copyfile

    def change(source, target):
        if source.name == "number.py":
            source.write_text("FACTOR = 3\n")
        return copy(source, target)

    monkeypatch.setattr("miner.encode.staged_model.copy", change)
    with pytest.raises(ModelError, match="changed while it was copied"):
        load(own, allowed)


def test_pickled_weights_stay_refused(own):
    """Allowed code changes nothing about weights."""
    (own / "model.safetensors").rename(own / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds pickled weights"):
        load(own, entry(own))


@pytest.mark.parametrize("text", ["x@main", "x@" + "a" * 39, "@" + COMMIT, "x", COMMIT])
def test_an_entry_names_a_whole_revision(text):
    """A branch or a short commit can come to mean other code."""
    with pytest.raises(ConfigError, match="allows no code: NAME@COMMIT is needed"):
        runtime(text)


def test_entries_of_one_text(own, monkeypatch):
    """An environment variable holds several, by commas or blanks; folders become absolute, so another working directory changes nothing."""
    monkeypatch.chdir(own.parent)
    assert runtime(f"a/b@{COMMIT}, own-model@{'0' * 64}").allow_code == (f"a/b@{COMMIT}", f"{own}@{'0' * 64}")
    with pytest.raises(ConfigError, match="'own-model' is a folder: its code is allowed by the sha256"):
        runtime(f"own-model@{COMMIT}")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A local cache of the hub; call it with a name, a commit and a folder to put a model there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def put(name, commit, folder):
        target = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        shutil.copytree(folder, target / "snapshots" / commit)
        (target / "refs").mkdir(exist_ok=True)
        (target / "refs" / "main").write_text(commit)

    return put


def test_a_hub_model_is_allowed_by_its_commit(own, hub):
    """That commit is loaded where no revision is given, also when main has moved on; another revision is refused."""
    hub("some/own", COMMIT, own)
    (own / "number.py").write_text("FACTOR = 3\n")
    hub("some/own", OTHER, own)
    encoder = load("some/own", f"some/own@{COMMIT}")
    assert encoder.describe()["code"][0] | {"sha256": ""} == {"name": "some/own", "revision": COMMIT, "sha256": ""}
    for revision in (OTHER, "main"):
        with pytest.raises(ModelError, match=rf"may run its code at {COMMIT}, and the revision is {revision}: give revision="):
            load("some/own", f"some/own@{COMMIT}", revision=revision)
    with pytest.raises(ModelError, match=rf"wants to run code of its own, own\.Own.*\['?\"some/own@{OTHER}"):
        load("some/own", f"some/else@{COMMIT}")


@pytest.fixture
def moved(tiny_bert, tmp_path, hub):
    """A hub model whose classes lie in another repository."""
    folder, code = tmp_path / "moved", tmp_path / "code"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "some/code--tiny.TinyConfig", "AutoModel": "some/code--tiny.TinyModel"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "tiny-own", "auto_map": names}))
    code.mkdir()
    lines = ["from transformers import BertConfig, BertModel", "class TinyConfig(BertConfig):", "    model_type = 'tiny-own'"]
    (code / "tiny.py").write_text("\n".join([*lines, "class TinyModel(BertModel):", "    config_class = TinyConfig", ""]))
    hub("some/moved", COMMIT, folder)
    hub("some/code", OTHER, code)
    return folder


def test_code_of_another_repository_is_allowed_by_its_own_commit(moved, tiny_bert):
    """The model's entry alone is not enough; with both, both are described."""
    with pytest.raises(ModelError, match=r"wants to run code of another repository, tiny\.Tiny\w+ of some/code: read it, then allow it"):
        load("some/moved", f"some/moved@{COMMIT}")
    with pytest.raises(
        ModelError, match=r"wants to run code of its own, some/code--tiny.*allow it with allow_code=\[\"some/code@COMMIT\"\]"
    ):
        load(moved)
    with pytest.raises(
        ModelError, match=r'read it, then allow it with allow_code=\["some/code@COMMIT"\],'
    ):  # of the folder, there is no code
        load(moved)
    assert load(moved, f"some/code@{OTHER}").describe()["code"][1]["name"] == "some/code"
    encoder = load("some/moved", f"some/moved@{COMMIT}", f"some/code@{OTHER}")
    assert [(part["name"], part["revision"]) for part in encoder.describe()["code"]] == [("some/moved", COMMIT), ("some/code", OTHER)]
    assert np.allclose(encoder.encode(["w1 w2"], "query"), load(tiny_bert).encode(["w1 w2"], "query"), atol=1e-6)


def test_every_door_refuses_and_loads(own, tmp_path):
    """mine, evaluate, train; the manifest and training.json say what ran."""
    inputs = on_disk(make(3, passages=30), tmp_path / "data")
    data = inputs.model_copy(update={"query_vectors": None, "passage_vectors": None})
    config = MiningConfig.of(model=str(own), negatives=1)
    rows = [{"anchor": "w1", "positive": "w2", "negative": "w3"}, {"anchor": "w4", "positive": "w5", "negative": "w6"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    training = TrainConfig.of(model=str(own), steps=1, train_batch_size=2)

    def doors(*allowed):
        options = {"runtime": runtime(*allowed)}
        yield lambda: mine(data, config, out=tmp_path / "run", **options).manifest["model"]["code"]
        yield lambda: evaluate(data, {"own": str(own)}, **options) and None
        yield lambda: train(tmp_path / "rows.jsonl", training, out=tmp_path / "model", **options).report["base_model"]["code"]

    for door in doors():
        with pytest.raises(HardnegError, match="wants to run code of its own"):
            door()
    expected = [{"name": str(own), "revision": None, "sha256": entry(own)[-64:]}]
    assert [door() for door in doors(entry(own))] == [expected, None, expected]
    assert load(tmp_path / "model", entry(tmp_path / "model")).dim == load(own, entry(own)).dim
