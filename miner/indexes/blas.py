"""The right BLAS kernels for this processor, chosen before FAISS is first imported.

FAISS wheels bundle OpenBLAS 0.3.15, which does not know processors made after 2021 and falls back to SSE3 kernels on many (exact
search 4.3 times slower on Zen 5, 4.5 on Sapphire Rapids). One variable mends it; a wrong value crashes, so it is set only where the
flags are there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "OPENBLAS_CORETYPE"
MATRIX_QUERIES = 16
"""From so many queries on, a matrix product beats scoring pair by pair (measured at 256 dims)."""
NEEDED = {"SkylakeX": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}, "Haswell": {"avx2", "fma"}}


def tune_blas(environ: MutableMapping[str, str] = os.environ, cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Set the variable if FAISS is not loaded yet, the user has not set it, and the processor has the flags; returns what is set.

    The flags alone decide, whoever made the processor: where the old OpenBLAS knows it, these are the kernels it would take.
    """
    if VARIABLE in environ or "faiss" in sys.modules or not cpuinfo.is_file():
        return environ.get(VARIABLE)
    text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    flags = next((set(line.split()) for line in text.splitlines() if line.startswith("flags")), set())
    for kernel, needed in NEEDED.items():
        if needed <= flags:
            environ[VARIABLE] = kernel
            break
    return environ.get(VARIABLE)


def tuned_faiss(dims: int) -> Any:
    """FAISS, imported with the right kernels, and told to use them for every batch of more than a few queries.

    FAISS 1.15 goes pair by pair below 128,000 / dims queries, which is some five times slower for hundreds of queries; older ones count
    the queries alone (20) and are left as they are.
    """
    tune_blas()
    import faiss

    if faiss.cvar.distance_compute_blas_threshold >= MATRIX_QUERIES * dims:
        faiss.cvar.distance_compute_blas_threshold = MATRIX_QUERIES * dims
    return faiss


def limit_threads(count: int) -> None:
    """Let FAISS use `count` threads for what the calling thread asks of it; other threads are not concerned."""
    tune_blas()
    import faiss

    faiss.omp_set_num_threads(count)
