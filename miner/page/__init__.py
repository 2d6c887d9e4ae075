"""Reports as one self-contained HTML page: no script, no foreign origin, light and dark, readable without images."""

from miner.page.model_comparison import comparison
from miner.page.run_comparison import runs
from miner.page.sections import page
from miner.page.training_page import looks_tables, training_page

__all__ = ["comparison", "looks_tables", "page", "runs", "training_page"]
