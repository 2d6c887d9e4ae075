"""The BLAS kernel is named only where it is known to be right: a processor with the flags, nothing set, FAISS not loaded."""

import sys

import pytest

from miner.indexes import tune_blas
from miner.indexes.blas import tuned_faiss

AVX2 = "fpu avx2 fma"
AVX512 = f"{AVX2} avx512f avx512bw avx512dq avx512vl"


@pytest.fixture
def unloaded(monkeypatch):
    """As before the first import of FAISS."""
    monkeypatch.delitem(sys.modules, "faiss", raising=False)


def cpuinfo(folder, vendor, flags):
    (folder / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    return folder / "cpuinfo"


@pytest.mark.parametrize(
    ("flags", "kernel"),
    [(AVX512, "SkylakeX"), (AVX512.replace(" avx512vl", ""), "Haswell"), (AVX2, "Haswell"), ("fpu avx2", None)],
)
@pytest.mark.parametrize("vendor", ["GenuineIntel", "AuthenticAMD"])
@pytest.mark.usefixtures("unloaded")
def test_the_kernel_follows_the_flags(tmp_path, vendor, flags, kernel):
    """Whoever made the processor."""
    environ = {}
    assert tune_blas(environ, cpuinfo(tmp_path, vendor, flags)) == kernel
    assert environ == ({"OPENBLAS_CORETYPE": kernel} if kernel else {})


@pytest.mark.usefixtures("unloaded")
def test_what_the_user_set_stays(tmp_path):
    """Even when it is empty."""
    for chosen in ("Zen", ""):
        environ = {"OPENBLAS_CORETYPE": chosen}
        assert tune_blas(environ, cpuinfo(tmp_path, "GenuineIntel", AVX512)) == chosen
        assert environ == {"OPENBLAS_CORETYPE": chosen}


@pytest.mark.usefixtures("unloaded")
def test_nothing_is_set_without_the_file_or_after_faiss(tmp_path, monkeypatch):
    """Other systems have no /proc/cpuinfo; once FAISS is loaded it is too late."""
    environ = {}
    assert tune_blas(environ, tmp_path / "nowhere") is None
    monkeypatch.setitem(sys.modules, "faiss", object())
    assert tune_blas(environ, cpuinfo(tmp_path, "GenuineIntel", AVX512)) is None
    (tmp_path / "cpuinfo").write_text("")
    monkeypatch.delitem(sys.modules, "faiss")
    assert tune_blas(environ, tmp_path / "cpuinfo") is None
    assert environ == {}


@pytest.mark.parametrize(("before", "after"), [(128_000, 16 * 64), (16 * 64, 16 * 64), (20, 20), (500, 500)])
def test_faiss_uses_the_matrix_product_for_more_than_a_few_queries(before, after):
    """The threshold is lowered, never raised: older versions count queries alone."""
    faiss = tuned_faiss(64)
    was = faiss.cvar.distance_compute_blas_threshold
    try:
        faiss.cvar.distance_compute_blas_threshold = before
        assert tuned_faiss(64).cvar.distance_compute_blas_threshold == after
    finally:
        faiss.cvar.distance_compute_blas_threshold = was
