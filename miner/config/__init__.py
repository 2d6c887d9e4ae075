"""MiningConfig: everything that changes the bytes; the same fields are flags, config file, HTTP body and manifest. Runtime: what does not.

Owns validation: a wrong value is refused here, before any work, in one sentence.
"""

from miner.config.groups import ExtraColumn, Pooling
from miner.config.inputs import Inputs
from miner.config.mining import MiningConfig, upgrade_stored_config
from miner.config.runtime import Runtime
from miner.config.settings_group import SettingsGroup, explain
from miner.io.scratch import default_cache

__all__ = [
    "ExtraColumn",
    "Inputs",
    "MiningConfig",
    "Pooling",
    "Runtime",
    "SettingsGroup",
    "default_cache",
    "explain",
    "upgrade_stored_config",
]
