"""Hard negatives for dense retrieval: the public API of `miner`, under the name of the distribution.

import hardneg
run = hardneg.mine(hardneg.read_beir("scifact"), hardneg.MiningConfig(model="all-MiniLM-L6-v2"), out="scifact-run")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hardneg.finder import claim

if TYPE_CHECKING:
    from miner import Dataset as Dataset
    from miner import EvaluateConfig as EvaluateConfig
    from miner import HardnegError as HardnegError
    from miner import Inputs as Inputs
    from miner import MiningConfig as MiningConfig
    from miner import Run as Run
    from miner import RunFile as RunFile
    from miner import Runtime as Runtime
    from miner import __version__ as __version__
    from miner import audit as audit
    from miner import calibrate as calibrate
    from miner import evaluate as evaluate
    from miner import explain as explain
    from miner import export as export
    from miner import judge_verdicts as judge_verdicts
    from miner import mine as mine
    from miner import read_beir as read_beir
    from miner import read_files as read_files
    from miner import read_inline as read_inline
    from miner import read_pairs as read_pairs
    from miner import read_training as read_training
    from miner import sweep as sweep
    from miner.lint import lint as lint
    from miner.read import read as read

claim("miner", warn=True)
SUBMODULES = ("compat", "train")
NAMES_OF_ROOMS = {"lint": "miner.lint", "read": "miner.read"}
"""Functions with the name of the package that holds them, which is what `miner` has under that name."""


def __getattr__(name: str) -> Any:
    if name in SUBMODULES:
        return import_module(f"hardneg.{name}")
    if name in NAMES_OF_ROOMS:
        return getattr(import_module(NAMES_OF_ROOMS[name]), name)
    import miner

    if name == "__all__":
        return sorted([*miner.__all__, *NAMES_OF_ROOMS])
    if name in ("__version__", *miner.__all__):
        return getattr(miner, name)
    raise AttributeError(f"module 'hardneg' has no attribute '{name}'")


def __dir__() -> list[str]:
    import miner

    return sorted({*dir(miner), *NAMES_OF_ROOMS, *SUBMODULES})
