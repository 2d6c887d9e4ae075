"""What the system's own files say of a machine, of both kinds of cgroups."""

import pytest

from miner.doctor import machine

V2 = {
    "proc/self/cgroup": "0::/box/inner\n",
    "sys/fs/cgroup/box/inner/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/box/memory.max": "2000000000\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/box\n2:cpu,cpuacct:/\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2000000000\n",
}
FREE_V2 = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n"}
FREE_V1 = {
    "proc/self/cgroup": "4:memory:/\n2:cpu:/\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
}


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("files", [V1, V2])
def test_limits_of_a_cgroup(tmp_path, files):
    """A core and a half, two gigabytes; where the own folder says nothing, the one above does."""
    write(tmp_path, files)
    assert machine.processor(tmp_path)["quota"] == 1.5
    assert machine.memory(tmp_path)["limit"] == 2_000_000_000


@pytest.mark.parametrize("files", [FREE_V1, FREE_V2, {}])
def test_no_limit(tmp_path, files):
    """Said in two ways, or not at all."""
    write(tmp_path, files)
    assert machine.processor(tmp_path)["quota"] is None
    assert machine.memory(tmp_path)["limit"] is None


@pytest.mark.parametrize(
    ("flags", "level"),
    [("sse avx avx2 fma avx512f avx512bw avx512dq avx512vl", "avx512"), ("avx avx2 fma avx512f", "avx2"), ("avx", "avx"), ("sse", None)],
)
def test_the_processor(tmp_path, flags, level):
    """Its name and the best vector instructions that are all there; the first processor speaks for all."""
    write(tmp_path, {"proc/cpuinfo": f"model name\t: A Chip\nflags\t\t: {flags}\nmodel name\t: Another\nflags\t\t: none\n"})
    told = machine.processor(tmp_path)
    assert (told["name"], told["vectors"]) == ("A Chip", level)
    assert told["usable"] >= 1


def test_memory_in_bytes(tmp_path):
    """The system counts in units of 1,024."""
    write(tmp_path, {"proc/meminfo": "MemTotal:       2048 kB\nMemAvailable:    1024 kB\nHugePages_Total:       0\n"})
    assert machine.memory(tmp_path) == {"total": 2048 * 1024, "available": 1024 * 1024, "limit": None}


def test_a_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    """Is that of the nearest one that is."""
    told = machine.disk(tmp_path / "a" / "b")
    assert told["writable"]
    assert 0 < told["free"] <= told["total"]
    (tmp_path / "file").write_text("")
    assert not machine.disk(tmp_path / "file" / "x")["writable"]
