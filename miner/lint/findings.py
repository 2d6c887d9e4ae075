"""The findings of one file: counted, and the first of each rule kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from miner.errors import ConfigError, InputError
from miner.formats import TrainingRow, read_training, recognise
from miner.lint.checks import Checks
from miner.lint.rules import RULES, Finding
from miner.support.unknown_names import unknown_name

MAX_KEPT_FINDINGS = 100
"""Findings of each rule that are kept; all are counted."""

Examined = tuple[list[Finding], TrainingRow | None]
"""What is wrong with a row, and the row; None in place of one that could not be used."""


@dataclass
class LintResult:
    """What was found in one file: rows read, findings by rule (all counted, the first hundred of each kept)."""

    path: str
    format: str
    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count one, keep it if it is one of the first."""
        self.counts[finding.rule] = self.counts.get(finding.rule, 0) + 1
        if self.counts[finding.rule] <= MAX_KEPT_FINDINGS:
            self.findings.append(finding)


def lint(path: str | Path, *, format: str | None = None, against: str | Path | None = None, ignore: Collection[str] = ()) -> LintResult:  # noqa: A002 - the word
    """Read a training file, a format's folder or a run folder, and say what is wrong with it.

    format: default: recognised. against: a BEIR folder, whose test queries must not be in the file, or a qrels file, by query id.
    ignore: rules that are not looked at. ConfigError for an unknown rule or format, InputError where no format is recognised.
    """
    linted = LintResult(str(path), format or recognise(path))
    for findings, row in examine(path, linted.format, against, ignore):
        linted.rows += row is not None
        for finding in findings:
            linted.add(finding)
    return linted


def examine(
    path: str | Path,
    format: str,  # noqa: A002 - the word
    against: str | Path | None = None,
    ignore: Collection[str] = (),
) -> Iterator[Examined]:
    """Each row with what is wrong with it; what is wrong with the whole file stands with the first."""
    for name in ignore:
        if name not in RULES:
            raise ConfigError(unknown_name("rule", name, RULES))
    check = Checks(path, format, against)
    of_file = [finding for finding in check.survey.findings() if finding.rule not in ignore]
    for findings, row in _rows(path, format, check, ignore):
        yield [*of_file, *findings], row
        of_file = []


def _rows(path: str | Path, format: str, check: Checks, ignore: Collection[str]) -> Iterator[Examined]:  # noqa: A002 - the word
    unusable: list[Finding] = []
    rows = read_training(path, format, on_fault=lambda fault: unusable.append(_unusable(fault)), repair=True)
    for row in chain(rows, (None,)):
        yield from (([fault], None) for fault in unusable if "unusable" not in ignore)
        unusable.clear()
        if row is not None:
            yield [finding for finding in check(row) if finding.rule not in ignore], row


def _unusable(fault: InputError) -> Finding:
    text = str(fault)
    return Finding("unusable", fault.where or "", text.removeprefix(f"{fault.where}: "))
