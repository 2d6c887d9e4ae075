"""Faults in any training file we can read, whoever wrote it: what teaches a model the opposite of what is meant, leaks its test, or ends
a trainer. What each trainer does with each fault: docs/lint.md.
"""

from miner.lint.findings import Examined, LintResult, examine, lint
from miner.lint.rules import RULES, Finding

__all__ = ["RULES", "Examined", "Finding", "LintResult", "examine", "lint"]
