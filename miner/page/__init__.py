"""The report as one HTML page that needs nothing else: no script, no foreign origin, light and dark, readable without pictures."""

from miner.page.model_comparison import comparison
from miner.page.run_comparison import runs
from miner.page.sections import page

__all__ = ["comparison", "page", "runs"]
