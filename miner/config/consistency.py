"""What settings must be together: errors that no field can find alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miner.errors import ConfigError
from miner.evidence import FROM_SOURCES, FROM_VECTORS
from miner.formats import FORMATS
from miner.indexes import AUTO
from miner.judges import JUDGES
from miner.types import SourceVote

if TYPE_CHECKING:
    from miner.config.mining import MiningConfig

GAP = "gap"
"""Evidence of sources in which second judges have a part too."""


def check(config: MiningConfig) -> None:
    """ConfigError for settings that do not go together."""
    for side in ("query", "passage"):
        if getattr(config, f"{side}_prompt") is not None and getattr(config, f"{side}_prompt_name") is not None:
            raise ConfigError(f"give {side}_prompt or {side}_prompt_name, not both")
    _check_index(config)
    _check_vectors(config)
    _check_sources(config)
    _check_judges(config)
    if config.negatives > config.deepest:
        raise ConfigError(f"negatives is {config.negatives}, more than the {config.deepest} candidates that are retrieved at most")
    if config.false_negatives == "adopt" and config.anchor == "own" and config.hub_cap is not None:
        raise ConfigError("false_negatives=adopt, anchor=own and a hub cap do not go together: leave one of them out")
    room = FORMATS[config.output_format].optional_columns
    for column in config.columns:
        if column not in room:
            raise ConfigError(f"output format '{config.output_format}' has no room for {column}; it has room for {', '.join(sorted(room))}")
    if config.fill != "none" and "tiers" not in room:
        raise ConfigError(f"output format '{config.output_format}' has no column for fallback levels: leave --fill out")
    _check_variations(config)


def _check_index(config: MiningConfig) -> None:
    """ConfigError when nothing says what an automatic index is for."""
    if config.index == AUTO and config.recall is None:
        raise ConfigError("index 'auto' is chosen for the recall asked for: give recall too, or name an index")


def _check_vectors(config: MiningConfig) -> None:
    """ConfigError when something compares vectors and no source has any."""
    if config.encodes:
        return
    source = next(iter(config.active_sources))
    wanting = [f"{name}:off" for name, part in config.active_filters.items() if not FROM_VECTORS.isdisjoint(part.needs)]
    for name, part_name in {**dict.fromkeys(config.evidence, "evidence"), **config.needed}.items():
        if name in FROM_VECTORS:
            off = " (" + " ".join(f"--filter {spec}" for spec in wanting) + ")" if part_name.startswith("filter") else ""
            raise ConfigError(
                f"{part_name} compares vectors ({name}), and source '{source}' has none: leave it out{off}, or add the source dense"
            )


def _check_sources(config: MiningConfig) -> None:
    """ConfigError when something compares sources and there is one only, or counts more of them than there are."""
    for name, part_name in config.needed.items():
        votes = len(config.sources) + (len(config.judges) if name == GAP else 0)
        if name in FROM_SOURCES and votes == 1:
            raise ConfigError(
                f"{part_name} compares sources, and there is one only, {next(iter(config.active_sources))}: "
                f"leave it out, or mine with a second one, such as bm25{', or with a judge' if name == GAP else ''}"
            )
    for rule in config.active_filters.values():
        if isinstance(rule, SourceVote):
            rule.check_sources(len(config.sources) + len(config.judges))


def _check_judges(config: MiningConfig) -> None:
    """ConfigError when something goes by a second judge that is not named."""
    for part_name, judge in config.judged_by:
        if judge not in config.active_judges:
            names = f"the judges are {', '.join(config.active_judges)}" if config.judges else "no judge is named"
            kind = judge if judge in JUDGES else next(iter(JUDGES))
            raise ConfigError(f"{part_name} goes by the judge '{judge}', and {names}; name one with --judge, as {kind}:model=FOLDER")
    if config.scores_by is not None and "scores" not in FORMATS[config.output_format].optional_columns:
        raise ConfigError(f"output format '{config.output_format}' has no room for scores: leave scores_by out")


def _check_variations(config: MiningConfig) -> None:
    """ConfigError where variations cannot be scored or written."""
    if config.variations and FORMATS[config.output_format].layout:
        raise ConfigError(
            f"output format '{config.output_format}' holds passages of the corpus by id, and a variation is none of them: "
            f"leave variations out (--variation {next(iter(config.active_variations))}:off), or write a format of texts, such as triplet"
        )
    if config.variations and config.judges:
        raise ConfigError("a second judge has no score for a variation, which is a new text: leave judges or variations out")
    if config.variations and not config.first_encodes:
        raise ConfigError(f"variations are scored with a model, and the first source is {config.sources[0]}: put dense first")
