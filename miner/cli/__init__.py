"""The command line: one small file per verb; flags are fields of the config. Nothing heavy is imported before a verb runs."""

from miner.cli.main import app, run

__all__ = ["app", "run"]
