"""Hard negatives for dense retrieval: retrieve, judge, choose, export. The public Python API; nothing heavy is imported until used.

from miner import MiningConfig, mine, read_beir
run = mine(read_beir("scifact"), MiningConfig(model="all-MiniLM-L6-v2"), out="scifact-run")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miner.analysis.audit import audit as audit
    from miner.analysis.calibrate import calibrate as calibrate
    from miner.analysis.explain import explain as explain
    from miner.analysis.judge_verdicts import judge_verdicts as judge_verdicts
    from miner.analysis.sweep import sweep as sweep
    from miner.config import Inputs as Inputs
    from miner.config import MiningConfig as MiningConfig
    from miner.config import Runtime as Runtime
    from miner.errors import HardnegError as HardnegError
    from miner.evaluation import EvaluateConfig as EvaluateConfig
    from miner.evaluation import RunFile as RunFile
    from miner.evaluation import evaluate as evaluate
    from miner.formats import read_training as read_training
    from miner.read import read_beir as read_beir
    from miner.read import read_files as read_files
    from miner.read import read_inline as read_inline
    from miner.read import read_pairs as read_pairs
    from miner.runs.run import Run as Run
    from miner.runs.run import export as export
    from miner.runs.run import mine as mine
    from miner.types import Dataset as Dataset

    __version__: str

PUBLIC = {
    "miner.analysis.audit": ("audit",),
    "miner.analysis.calibrate": ("calibrate",),
    "miner.analysis.explain": ("explain",),
    "miner.analysis.judge_verdicts": ("judge_verdicts",),
    "miner.analysis.sweep": ("sweep",),
    "miner.config": ("Inputs", "MiningConfig", "Runtime"),
    "miner.errors": ("HardnegError",),
    "miner.evaluation": ("EvaluateConfig", "RunFile", "evaluate"),
    "miner.formats": ("read_training",),
    "miner.read": ("read_beir", "read_files", "read_inline", "read_pairs"),
    "miner.runs.run": ("Run", "export", "mine"),
    "miner.types": ("Dataset",),
}
__all__ = sorted(name for names in PUBLIC.values() for name in names)  # noqa: PLE0605  # a computed list of names is one


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hardneg")
    for module, names in PUBLIC.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'miner' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", *(name for name in globals() if name.startswith("__"))})
