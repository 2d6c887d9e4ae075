"""MiningConfig: everything that changes the bytes; the same fields are flags, config file, HTTP body and manifest. Runtime: what does not.

Owns validation: a wrong value is refused here, before any work, in one sentence.
"""

from miner.config.groups import ExtraColumn, Pooling
from miner.config.inputs import Inputs
from miner.config.mining import MiningConfig, in_todays_words
from miner.config.runtime import Runtime
from miner.config.settings_group import Checked, explain
from miner.io.scratch import default_cache

__all__ = ["Checked", "ExtraColumn", "Inputs", "MiningConfig", "Pooling", "Runtime", "default_cache", "explain", "in_todays_words"]
