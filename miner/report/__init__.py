"""The report of a run: statistics that are collected while mining, notes, and a terminal table. The HTML page is in `page`."""

from miner.report.judge_tally import JudgeTally
from miner.report.left_out import FILE as LEFT_OUT
from miner.report.left_out import LeftOut
from miner.report.notes import notes, reading_notes
from miner.report.run_report import ReportData, Statistics, VariationCounts
from miner.report.tally import Tally
from miner.report.terminal import case_lines, summary_lines, table

__all__ = [
    "LEFT_OUT",
    "JudgeTally",
    "LeftOut",
    "ReportData",
    "Statistics",
    "Tally",
    "VariationCounts",
    "case_lines",
    "notes",
    "reading_notes",
    "summary_lines",
    "table",
]
