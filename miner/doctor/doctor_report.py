"""The report of the doctor: what was measured, and what is wrong with it; JSON-safe."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from miner.doctor import machine
from miner.indexes import IndexPlan


class StoreSummary(TypedDict):
    """The embedding store: its folder, and how many models, texts and bytes it contains."""

    path: str
    models: int
    texts: int
    bytes: int


class DataState(TypedDict):
    """The runs and databases in a folder. restored: runs that a killed process was replacing; interrupted: leftovers."""

    path: str
    runs: NotRequired[int]
    databases: NotRequired[int]
    faults: list[str]
    restored: list[str]
    interrupted: list[str]


class ScratchFolder(TypedDict):
    """A folder that a killed process left. bytes: removable; kept: finished files that a run can resume from; host: "" for this machine."""

    path: str
    bytes: int
    kept: int
    host: str
    advice: str


class CheckFields(TypedDict):
    """The result of mining the tiny dataset. right: whether the training file is the known one."""

    right: bool
    sha256: str
    seconds: float


class IndexCheck(TypedDict):
    """An index that a run would build. plan: None where FAISS cannot build it; fault: why not."""

    index: str
    recall: float | None
    plan: IndexPlan | None
    fault: str


class LibraryThreads(TypedDict):
    """Threads of a numeric library, and the vector instructions that it uses."""

    threads: int | None
    vectors: NotRequired[str | None]
    cuda: NotRequired[bool]


class Libraries(TypedDict):
    """The numeric libraries. kernels: BLAS kernel by library."""

    kernels: dict[str, str]
    OPENBLAS_CORETYPE: str | None
    faiss: LibraryThreads
    torch: LibraryThreads
    numpy: LibraryThreads


class Environment(TypedDict):
    """The measured environment. requirements, extras: unmet requirements, of the package and of each extra."""

    versions: dict[str, str]
    processor: machine.Processor
    memory: machine.Memory
    disks: dict[str, machine.Disk]
    store: StoreSummary
    libraries: Libraries
    requirements: list[str]
    extras: dict[str, list[str]]
    data: NotRequired[DataState]
    scratch: NotRequired[list[ScratchFolder]]
    check: NotRequired[CheckFields]
    index: NotRequired[IndexCheck]


class DoctorReport(Environment):
    """The environment and the findings."""

    problems: list[str]
    advice: list[str]
