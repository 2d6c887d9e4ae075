"""A manifest says what made a run, and finds what has changed since."""

import json

import pytest

from miner.errors import IntegrityError, NoRunError
from miner.runs import manifest


@pytest.fixture
def folder(tmp_path):
    """A run folder with a file, a folder and an input outside."""
    run = tmp_path / "run"
    (run / "set").mkdir(parents=True)
    (run / "triplets.jsonl").write_bytes(b"abc")
    (run / "set" / "a").write_bytes(b"1")
    (run / "set" / "b").write_bytes(b"22")
    (tmp_path / "input").write_bytes(b"input")
    outputs = manifest.outputs({"triplets.jsonl": run / "triplets.jsonl", "set": run / "set"})
    files = manifest.outputs({str(tmp_path / "input"): tmp_path / "input"})
    made = manifest.with_seal(manifest.build_manifest(outputs=outputs, files=files, config={"seed": 1}, retrieval={}))
    (run / "manifest.json").write_text(json.dumps(made))
    return run


def test_what_is_in_it(folder):
    """Version, time, versions of what computes, the parts that were given; sizes and hashes of outputs."""
    made = manifest.load(folder)
    assert made["manifest_version"] == 1
    assert made["created_at"].endswith("+00:00")
    assert {"python", "machine", "numpy", "faiss-cpu", "torch", "hardneg"} <= set(made["versions"])
    assert made["config"] == {"seed": 1}
    assert made["outputs"]["triplets.jsonl"] == {"bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert made["outputs"]["set"]["bytes"] == 3


def test_a_whole_run_has_no_differences(folder):
    """Everything is as the manifest says, also when an input has gone."""
    assert list(manifest.differences(folder)) == []
    (folder.parent / "input").unlink()
    assert list(manifest.differences(folder)) == []


def edited(run, **changes):
    path = run / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_relative_names_start_where_the_run_was_made(folder, tmp_path, monkeypatch):
    """From another working directory, and after run and inputs were moved together."""
    seen = manifest.relative_base(folder, tmp_path)
    files = manifest.outputs({"input": tmp_path / "input"})
    made = {"inputs": {"data": "d", "corpus": "hf:x", "split": ["dev"]}, "config": {"model": "set"}, "seen_from": seen}
    edited(folder, files={"input": files.get("input")}, seen_from=seen)
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved")) / "run"
    monkeypatch.chdir("/")
    (moved.parent / "input").write_bytes(b"Input")
    assert "input input has changed since" in list(manifest.differences(moved))
    assert manifest.inputs(moved, made) == {"data": str(moved.parent / "d"), "corpus": "hf:x", "split": ["dev"]}
    (moved.parent / "set").mkdir()
    assert manifest.config(moved, made) == {"model": str(moved.parent / "set")}
    monkeypatch.chdir(moved.parent)
    assert manifest.inputs(moved, made) == made["inputs"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda run: (run / "triplets.jsonl").write_bytes(b"abd"), "triplets.jsonl has changed: its sha256 is not ba7816bf8f01…"),
        (lambda run: (run / "triplets.jsonl").unlink(), "triplets.jsonl is missing"),
        (lambda run: (run / "set" / "b").write_bytes(b"23"), "set has changed: its sha256 is not "),
        (lambda run: (run / "set" / "c").write_bytes(b""), "set has changed: its sha256 is not "),
        (lambda run: (run / "set" / "b").rename(run / "set" / "c"), "set has changed: its sha256 is not "),
        (lambda run: (run.parent / "input").write_bytes(b"Input"), "input "),
        (lambda run: edited(run, files={"/dev/zero": {"bytes": 1, "sha256": "0"}}), "input /dev/zero has changed since"),
        (lambda run: (run / "notes.txt").write_bytes(b""), "notes.txt is in the folder and not in the manifest"),
        (lambda run: edited(run, config={"seed": 2}), "manifest.json was edited after the run"),
    ],
)
def test_every_difference_is_told(folder, change, told):
    """A flipped byte, a missing file, a changed folder, a changed input: one sentence each."""
    change(folder)
    found = list(manifest.differences(folder))
    found = found if len(found) == 1 else [each for each in found if "edited" not in each]
    assert len(found) == 1
    assert found[0].startswith(told)
    assert found[0].endswith(("…", "missing", "since", "manifest", "run"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no run folder: it has no manifest.json"),
        ("{", "is not a manifest of this project"),
        ("[]", "is not a manifest of this project"),
        ("{}", "is not a manifest of this project"),
        ('{"manifest_version": 2}', "is version 2; this is version 1"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, message):
    """IntegrityError says which file, and why."""
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(IntegrityError, match=message):
        manifest.load(tmp_path)


@pytest.mark.parametrize("name", ["/dev/zero", "../input", "set/../../input"])
def test_a_manifest_from_elsewhere_opens_nothing_outside(folder, name):
    """A name that leads out is told and not read: a device would have no end."""
    edited(folder, outputs={**manifest.load(folder)["outputs"], name: {"bytes": 1, "sha256": "0"}})
    assert f"{name} lies outside the run: the manifest is not of its making" in list(manifest.differences(folder))


@pytest.mark.parametrize("gone", manifest.REQUIRED_SECTIONS)
def test_a_manifest_without_one_of_its_sections(folder, gone):
    """It is damaged, in one sentence, wherever it is read."""
    edited(folder, **{gone: None})
    with pytest.raises(NoRunError, match=f"is damaged: it has no {gone}"):
        list(manifest.differences(folder))
