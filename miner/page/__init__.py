"""Reports as one self-contained HTML page: no script, no foreign origin, light and dark, readable without images."""

from miner.page.loop_page import loop_page
from miner.page.model_comparison import comparison
from miner.page.run_comparison import runs
from miner.page.sections import page
from miner.page.training_page import looks_tables, training_page

__all__ = ["comparison", "looks_tables", "loop_page", "page", "runs", "training_page"]
