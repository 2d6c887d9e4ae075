"""What is told of a machine, and what of it is a problem."""

import sqlite3

import pytest
from worlds import dataset_of, make

from miner.config import MiningConfig, Runtime
from miner.doctor import environment as module
from miner.doctor.environment import doctor, state
from miner.doctor.selfcheck import SETTINGS, CheckResult, write
from miner.encode import StoredVectors, load_encoder
from miner.runs.run import Run, mine


def test_everything_is_told_and_nothing_is_wrong(tmp_path):
    """On the machine that runs the tests."""
    told = doctor(tmp_path / "cache", tmp_path, check=False)
    assert told["problems"] == []
    assert told["libraries"]["faiss"]["threads"] >= 1
    assert told["libraries"]["kernels"]
    assert {"demo", "postgres", "train"} <= set(told["extras"])
    assert told["store"] == {"path": str(tmp_path / "cache"), "models": 0, "texts": 0, "bytes": 0}
    assert not (tmp_path / "cache").exists()


def test_what_is_missing_is_told_with_its_command(tmp_path, monkeypatch):
    """An extra is advice, a requirement a problem."""
    wanted = ["numpy>=999", "nothing-of-this-name>=1", "not-there-either; extra == 'train'", "numpy; extra == 'demo'"]
    monkeypatch.setattr(module.importlib.metadata, "requires", lambda _: wanted)
    told = doctor(tmp_path, tmp_path, check=False)
    assert [problem.partition(",")[0].partition(":")[0] for problem in told["problems"]] == [
        f"numpy is {module.importlib.metadata.version('numpy')}",
        "nothing-of-this-name is not installed",
    ]
    assert "extra 'train' is not there (not-there-either is not installed): pip install 'hardneg[train]'" in told["advice"]
    assert told["extras"]["demo"] == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MIN_DISK_BYTES", 2**60, "MB free: a run wants more"),
        ("MIN_MEMORY_BYTES", 2**60, "MB of memory are left"),
        ("selfcheck", lambda: CheckResult(False, "0" * 64, 0.1), "self-check came out as 000000000000…"),
    ],
)
def test_problems(tmp_path, monkeypatch, name, value, said):
    """Too little disk, too little memory, other bytes than elsewhere."""
    monkeypatch.setattr(module, name, value)
    assert any(said in problem for problem in doctor(tmp_path, tmp_path)["problems"])


def test_a_quota_and_slow_kernels_are_advice(tmp_path, monkeypatch):
    """Threads beyond the quota, and kernels without AVX on a processor that has it."""
    monkeypatch.setattr(module.machine, "processor", lambda: {"vectors": "avx2", "usable": 8, "quota": 2.0})
    monkeypatch.setattr(module, "SLOW_KERNELS", set(doctor(tmp_path, tmp_path, check=False)["libraries"]["kernels"].values()))
    advice = doctor(tmp_path, tmp_path, check=False)["advice"]
    assert "8 cores are seen and 2 granted: give --threads 2" in advice
    assert any("set OPENBLAS_CORETYPE=Haswell" in each for each in advice)


def test_a_folder_of_runs(tmp_path):
    """Whole ones, one with a changed byte, one that was interrupted."""
    inputs, config = write(tmp_path / "given"), MiningConfig.of(**SETTINGS)
    for name in ("good", "bad"):
        mine(inputs, config, out=tmp_path / name)
    assert state(tmp_path) == {"path": str(tmp_path), "runs": 2, "databases": 0, "faults": [], "restored": [], "interrupted": []}
    (tmp_path / "bad" / "triplets.jsonl").write_text("{}\n")
    (tmp_path / ".third.part").mkdir()
    told = state(tmp_path)
    assert len(told["faults"]) == 1
    assert "bad: triplets.jsonl has changed" in told["faults"][0]
    assert told["interrupted"] == [str(tmp_path / ".third.part")]
    (tmp_path / "good").rename(tmp_path / ".good.old.part")
    advice = doctor(tmp_path, tmp_path, tmp_path, check=False)["advice"]
    assert f"{tmp_path / 'good'} holds the run again that a killed process was replacing" in advice
    assert Run(tmp_path / "good").differences() == []


def test_a_database(tmp_path):
    """A whole one, and one with a page of noise."""
    with sqlite3.connect(tmp_path / "hardneg.sqlite") as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
    connection.close()
    assert state(tmp_path) | {"path": ""} == {"path": "", "runs": 0, "databases": 1, "faults": [], "restored": [], "interrupted": []}
    data = bytearray((tmp_path / "hardneg.sqlite").read_bytes())
    data[4096:8192] = b"\xff" * 4096
    (tmp_path / "hardneg.sqlite").write_bytes(data)
    assert state(tmp_path)["faults"]


def test_the_store_is_counted(tmp_path, tiny_model):
    """Models, texts, bytes."""
    world = make(1)
    runtime = Runtime.of(cache=tmp_path)
    stored = StoredVectors(load_encoder(MiningConfig.of(model=str(tiny_model)), runtime), tmp_path)
    stored.vectors(dataset_of(world).corpus, [0], "passage")
    told = module._store(tmp_path)
    assert (told["models"], told["texts"]) == (1, 1)
    assert told["bytes"] >= 32
