"""A model is loaded safely and described exactly: what gives other vectors has another fingerprint."""

import json
import shutil
import threading
import time

import numpy as np
import pytest

from miner.config import MiningConfig, Runtime
from miner.encode import check_model, load_encoder
from miner.errors import ConfigError, ModelError

SIDES = ("query", "passage")


def load(path, **given):
    return load_encoder(MiningConfig.of(model=str(path), **given), Runtime.of(device="cpu"))


def prints(encoder):
    return [encoder.fingerprint(side) for side in SIDES]


@pytest.mark.parametrize("name", ["tiny_model", "tiny_bert"])
def test_the_same_model_has_the_same_fingerprint(name, request, tmp_path):
    """Loaded twice, used in between, or copied elsewhere: the name of the folder does not matter."""
    path = request.getfixturevalue(name)
    first = load(path)
    before = prints(first)
    first.encode(["w1", "w2 w3 w4 " * 20], "query")
    shutil.copytree(path, tmp_path / "copy")
    assert before == prints(first) == prints(load(path)) == prints(load(tmp_path / "copy"))


def test_another_weight_is_another_model(tiny_model):
    """One bit in one tensor."""
    encoder, changed = load(tiny_model), load(tiny_model).model
    changed[0].embedding.weight.data[3, 2] += 1e-6
    other = load_encoder(MiningConfig.of(), Runtime.of(), changed)
    assert not set(prints(encoder)) & set(prints(other))


def test_where_a_static_model_cuts_and_pads_is_its_own(tiny_model):
    """No length is told of it: only its tokenizer says so."""
    whole = load(tiny_model)
    for change in (lambda made: made.enable_truncation(2), lambda made: made.enable_padding(pad_id=3, length=9)):
        changed = load(tiny_model).model
        change(changed[0].tokenizer)
        other = load_encoder(MiningConfig.of(), Runtime.of(), changed)
        assert not np.array_equal(whole.encode(["w1 w2 w3"], "query"), other.encode(["w1 w2 w3"], "query"))
        assert not set(prints(whole)) & set(prints(other))


def test_every_route_has_its_tokenizer(tiny_model):
    """A model that sends queries and passages different ways is another when either way's words are."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    def routed(length):
        ways = [SentenceTransformer(str(tiny_model), device="cpu")[0] for _ in range(2)]
        ways[1].tokenizer.enable_truncation(length)
        model = SentenceTransformer(modules=[Router.for_query_document([ways[0]], [ways[1]])], device="cpu")
        return load_encoder(MiningConfig.of(), Runtime.of(), model)

    assert not set(prints(routed(2))) & set(prints(routed(3)))


def test_a_hook_is_part_of_the_model(tiny_bert):
    """It may give any vectors."""
    hooked = load(tiny_bert).model
    hooked[1].register_forward_hook(lambda module, given, features: {**features, "sentence_embedding": features["sentence_embedding"] + 1})
    other = load_encoder(MiningConfig.of(), Runtime.of(), hooked)
    assert not set(prints(load(tiny_bert))) & set(prints(other))


@pytest.mark.parametrize(
    "given",
    [{"query_prompt": "w9 "}, {"query_prompt": ""}, {"query_prompt_name": "document"}, {"passage_prompt": "w9 "}, {"passage_prompt": ""}],
)
def test_a_prompt_changes_its_side_only(tiny_bert, given):
    """Other vectors, other fingerprint; the other side keeps its own."""
    side = next(iter(given)).split("_")[0]
    plain, other = load(tiny_bert), load(tiny_bert, **given)
    for each in SIDES:
        assert (plain.fingerprint(each) != other.fingerprint(each)) == (each == side)
        assert np.array_equal(plain.encode(["w5 w6"], each), other.encode(["w5 w6"], each)) == (each != side)


@pytest.mark.parametrize("given", [{"max_length": 8}, {"dtype": "float16"}, {"dtype": "bfloat16"}])
def test_length_and_number_type_change_the_fingerprint(tiny_bert, given):
    """Both change the vectors of some texts."""
    plain, other = load(tiny_bert), load(tiny_bert, **given)
    assert not set(prints(plain)) & set(prints(other))
    told = other.describe()
    assert told["max_length"] == given.get("max_length", 16)
    assert told["dtype"] == given.get("dtype", "float32")
    assert other.encode(["w1"], "query").dtype == np.float32


def test_prompts_come_from_the_model(tiny_bert):
    """query for queries, document for passages; a name that is not there is refused with those that are."""
    assert load(tiny_bert).prompts == {"query": "w1 ", "passage": "w2 "}
    with pytest.raises(ConfigError, match="the model has no prompt named 'nope'; it has: query, document"):
        load(tiny_bert, query_prompt_name="nope")


def test_the_prompt_stands_before_the_text(tiny_bert):
    """A query with its prompt is the vector of both, joined."""
    plain = load(tiny_bert, query_prompt="")
    assert np.allclose(load(tiny_bert).encode(["w5"], "query"), plain.encode(["w1 w5"], "query"), atol=1e-6)


def test_max_length_does_not_go_with_a_static_model(tiny_model):
    """It reads whole texts."""
    with pytest.raises(ConfigError, match="max_length does not go with a static model"):
        load(tiny_model, max_length=8)


@pytest.mark.parametrize("name", ["tiny_model", "tiny_bert"])
def test_vectors_are_truncated_as_the_library_does(name, request):
    """The first dimensions, with a fingerprint of their own; more than there are, and another number than a loaded model's, are refused."""
    folder = request.getfixturevalue(name)
    from sentence_transformers import SentenceTransformer

    encoder, whole = load(folder, truncate_dim=3), load(folder)
    assert encoder.dim == encoder.describe()["dim"] == 3
    assert np.allclose(encoder.encode(["a b"], "query"), whole.encode(["a b"], "query")[:, :3], atol=1e-6)
    assert np.allclose(encoder.encode(["a b"], "query"), SentenceTransformer(str(folder), truncate_dim=3).encode_query(["a b"]), atol=1e-6)
    assert encoder.fingerprint("query") != whole.fingerprint("query")
    with pytest.raises(ConfigError, match=rf"truncate_dim is 10000, and vectors of model .* have {whole.dim} dimensions"):
        load(folder, truncate_dim=10_000)
    with pytest.raises(ConfigError, match=r"a loaded model keeps its dimensions: SentenceTransformer\(…, truncate_dim=3\)"):
        load_encoder(MiningConfig.of(truncate_dim=3), Runtime.of(), whole.model)


def test_no_model_is_named():
    """The message says how to name one."""
    with pytest.raises(ConfigError, match="no model is named: give model="):
        load_encoder(MiningConfig.of(), Runtime.of())


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "~/nowhere", "a/b/c"])
def test_a_missing_folder_is_told(name):
    """Without asking a hub."""
    with pytest.raises(ModelError, match=f"there is no model folder '{name}'"):
        load(name)


@pytest.mark.parametrize("name", ["nothing", "nobody/nothing", "no hub name", "a..b"])
def test_a_hub_name_with_the_hub_switched_off_is_told(name):
    """Without waiting for a network, whether or not a hub could have such a name."""
    with pytest.raises(ModelError, match=f"there is no folder '{name}', and the hub is switched off"):
        load(name)


def test_a_file_or_an_empty_folder_is_no_model(tmp_path):
    """A folder needs modules.json or config.json."""
    with pytest.raises(ModelError, match=r"is no model folder: it has neither modules\.json nor config\.json"):
        load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="there is no model folder"):
        load(tmp_path / "file")


def test_pickled_weights_are_refused(tiny_bert, tmp_path):
    """A folder whose only weights are a pickle is refused before anything is loaded."""
    shutil.copytree(tiny_bert, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin' holds pickled weights, which can run code"):
        load(tmp_path / "m")


def test_a_decoy_does_not_make_a_pickle_safe(tiny_bert, tmp_path):
    """Only the file that would be loaded instead counts, not any other beside it."""
    shutil.copytree(tiny_bert, tmp_path / "m")
    (tmp_path / "m" / "2_Dense").mkdir()
    for name in ("pytorch_model.bin", "decoy.safetensors"):
        (tmp_path / "m" / "2_Dense" / name).write_bytes(b"")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin' holds pickled weights"):
        load(tmp_path / "m")


def test_an_unknown_activation_is_refused(tiny_bert, tmp_path):
    """Its module would be loaded without it."""
    shutil.copytree(tiny_bert, tmp_path / "m")
    (tmp_path / "m" / "2_Dense").mkdir()
    (tmp_path / "m" / "2_Dense" / "config.json").write_text('{"activation_function": "evilact.Boom"}')
    with pytest.raises(ModelError, match=r"wants the activation 'evilact\.Boom', which is not part of torch"):
        load(tmp_path / "m")


@pytest.mark.parametrize("kind", ["canary.Canary", "os.system", "sentence_transformersx.Evil", ""])
def test_foreign_modules_are_refused_and_never_run(tiny_model, tmp_path, kind, monkeypatch):
    """modules.json may only name sentence-transformers' own; a Python file in the folder is not executed."""
    folder, trace = tmp_path / "m", tmp_path / "ran"
    shutil.copytree(tiny_model, folder)
    (folder / "canary.py").write_text(f"open({str(trace)!r}, 'w')\nclass Canary: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, {"idx": 1, "name": "1", "path": "", "type": kind}]))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModelError, match=r"wants to run (module|code of its own)"):
        load(folder)
    assert not trace.exists()


def test_code_named_by_the_config_is_never_run(tiny_bert, tmp_path, monkeypatch):
    """auto_map in config.json points at a file of the folder; it stays data."""
    folder, trace = tmp_path / "m", tmp_path / "ran"
    shutil.copytree(tiny_bert, folder)
    (folder / "canary.py").write_text(f"open({str(trace)!r}, 'w')\nclass Canary: pass\n")
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoModel": "canary.Canary", "AutoConfig": "canary.Canary"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "canary", "auto_map": code}))
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModelError, match=r"wants to run code of its own, canary\.Canary \(canary\.py\): read it, then allow it"):
        load(folder)
    assert not trace.exists()


@pytest.mark.parametrize("file", ["modules.json", "model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["{ torn", '"x"', "[1]"])
def test_a_damaged_folder_is_a_model_error(tiny_bert, tmp_path, file, content):
    """Whatever the library raises, the user reads one sentence."""
    shutil.copytree(tiny_bert, tmp_path / "m")
    (tmp_path / "m" / file).write_text(content)
    with pytest.raises(ModelError, match="/m"):
        load(tmp_path / "m")


def test_similarity_is_the_models_unless_told(tiny_model):
    """auto follows the model; a kind no index can search is refused."""
    encoder = load(tiny_model)
    assert encoder.similarity == encoder.describe()["similarity"] == "cosine"
    assert load(tiny_model, similarity="dot").similarity == "dot"
    encoder.model.similarity_fn_name = "manhattan"
    with pytest.raises(ConfigError, match="the model compares by manhattan"):
        load_encoder(MiningConfig.of(), Runtime.of(), encoder.model)


def test_batches_are_cut_by_tokens(tiny_bert):
    """A batch is padded to its longest text, so texts of as many tokens go together; each vector stands at its text's place."""
    encoder, handed = load(tiny_bert), []
    texts = ["w1", "w2 w3 w4", "w1" + " " * 40 + "w2", "w5 w6 w7"]
    alone = [encoder.encode([text], "passage")[0] for text in texts]
    encoder.batch_size = 2
    encode = encoder.model.encode_document
    encoder.model.encode_document = lambda some, **how: handed.append(some) or encode(some, **how)
    assert np.allclose(encoder.encode(texts, "passage"), alone, atol=1e-5)
    assert handed == [[texts[1], texts[3]], [texts[2], texts[0]]]


@pytest.fixture
def online(monkeypatch):
    """The hub is not switched off, and there is no proxy; call it with the hub's address."""
    for name in ("HF_HUB_OFFLINE", "no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return lambda port: monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")


def silent():
    return pytest.raises(ModelError, match="there is no folder 'nobody/nothing-of-the-kind', and the hub does not answer")


def test_a_hub_that_does_not_answer_is_told_at_once(monkeypatch, online):
    """Its client would try for a minute and more; where the hub, or the proxy before it, takes a connection, it is asked."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port, closed = server.getsockname()[1], other.getsockname()[1]
        other.close()
        online(port)
        check_model("nobody/nothing-of-the-kind")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed}")
        with silent():
            check_model("nobody/nothing-of-the-kind")
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        online(closed)
        check_model("nobody/nothing-of-the-kind")
        monkeypatch.delenv("http_proxy")
        with silent():
            check_model("nobody/nothing-of-the-kind")


def test_a_name_that_is_looked_up_for_ever_is_told_in_time(monkeypatch, online):
    """A look-up has no timeout: it is left alone."""
    online(9)
    stuck = threading.Event()

    def look_up(*_, **__):
        stuck.wait(60)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr("miner.encode.model_checks.HUB_TIMEOUT_SECONDS", 0.2)
    start = time.monotonic()
    with silent():
        check_model("nobody/nothing-of-the-kind")
    assert time.monotonic() - start < 5
    stuck.set()
