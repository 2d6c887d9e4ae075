"""MiningConfig: everything that changes the bytes. A wrong value is refused here, before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from pydantic import ConfigDict, field_validator, model_validator

from miner.config.consistency import check
from miner.config.filter_list import apply_specs, merge_specs, upgrade_specs
from miner.config.groups import EncoderSettings, JudgingSettings, OutputSettings, RetrievalSettings, SamplingSettings
from miner.config.presets import expanded
from miner.config.registry import BY, Spec, build, parse_part, resolved
from miner.config.variation_list import variation_specs
from miner.errors import ConfigError
from miner.evidence import ALWAYS, EVIDENCE, FROM_VECTORS, TABLES
from miner.filters import FILTERS
from miner.filters.score import Scored
from miner.formats import FORMATS
from miner.indexes import AUTO, IndexSpec
from miner.judges import JUDGES, JudgePart
from miner.samplers import SAMPLERS
from miner.sources import SOURCES, SourcePart
from miner.support.unknown_names import unknown_name
from miner.types import Ceiling, Filter, RankWindow, Relaxation, Sampler, SourceVote, Variation
from miner.variations import VARIATIONS


def upgrade_stored_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored config as this version would have stored it, with every knob of its filters."""
    return {**values, "filters": upgrade_specs(values["filters"])} if "filters" in values else dict(values)


def _numbered(kind: str, table: Mapping[str, type[Any]], specs: Sequence[str]) -> dict[str, Any]:
    """The parts by name; a second of a name is called name-2, and so on."""
    parts: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for spec in map(Spec.parse, specs):
        counts[spec.name] += 1
        parts[spec.name if counts[spec.name] == 1 else f"{spec.name}-{counts[spec.name]}"] = build(kind, table, spec)
    return parts


class MiningConfig(OutputSettings, SamplingSettings, JudgingSettings, RetrievalSettings, EncoderSettings):
    """Everything that changes the bytes of the training file. Frozen; unknown fields are refused."""

    model_config = ConfigDict(allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        return expanded(values) if isinstance(values, Mapping) else values

    @model_validator(mode="before")
    @classmethod
    def _index_for_recall(cls, values: Any) -> Any:
        """With a recall and no index named, the index suits the number of passages."""
        if isinstance(values, Mapping) and values.get("recall") is not None and values.get("index") is None:
            return {**values, "index": AUTO}
        return values

    @field_validator("index", mode="after")
    @classmethod
    def _index(cls, index: str) -> str:
        return str(IndexSpec.parse(index))

    @field_validator("filters", mode="after")
    @classmethod
    def _filters(cls, specs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(str, merge_specs(specs)))

    @field_validator("evidence", mode="after")
    @classmethod
    def _evidence(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in (*EVIDENCE, *TABLES):
                raise ConfigError(unknown_name("evidence", name, (*EVIDENCE, *TABLES)))
        return tuple(name for name in (*EVIDENCE, *TABLES) if name in names)

    @field_validator("sources", mode="after")
    @classmethod
    def _sources(cls, specs: tuple[str, ...]) -> tuple[str, ...]:
        source_specs = tuple(str(resolved(spec, build("source", SOURCES, spec))) for spec in map(Spec.parse, specs))
        for place, spec in enumerate(source_specs):
            if spec in source_specs[:place]:
                raise ConfigError(f"source '{spec}' is set twice")
        return source_specs

    @field_validator("judges", mode="after")
    @classmethod
    def _judges(cls, specs: tuple[str, ...]) -> tuple[str, ...]:
        judge_specs = tuple(str(resolved(spec, build("judge", JUDGES, spec))) for spec in map(Spec.parse, specs))
        for place, spec in enumerate(judge_specs):
            if spec in judge_specs[:place]:
                raise ConfigError(f"judge '{spec}' is set twice")
        return judge_specs

    @field_validator("hub_cap", mode="before")
    @classmethod
    def _hub_cap(cls, value: Any) -> Any:
        if value is None or value == "auto":
            return value
        if not str(value).isdecimal() or int(value) < 1:
            raise ConfigError(f"hub_cap is a whole number from 1, or auto, not {value!r}")
        return int(value)

    @field_validator("sampler", mode="after")
    @classmethod
    def _sampler(cls, spec: str) -> str:
        return str(resolved(Spec.parse(spec), build("sampler", SAMPLERS, Spec.parse(spec))))

    @field_validator("variations", mode="after")
    @classmethod
    def _variations(cls, specs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(str, variation_specs(specs)))

    @field_validator("output_format", mode="after")
    @classmethod
    def _format(cls, name: str) -> str:
        if name not in FORMATS:
            raise ConfigError(unknown_name("output format", name, FORMATS))
        return name

    @model_validator(mode="after")
    def _together(self) -> Self:
        check(self)
        return self

    @classmethod
    def of_stored(cls, values: Mapping[str, Any]) -> Self:
        """The config of a manifest, whatever version wrote it: a run made before `relax` existed keeps its original meaning."""
        return cls.of(**upgrade_stored_config(values))

    @property
    def deepest(self) -> int:
        """Candidates retrieved for a short query."""
        return max(self.depth, self.max_depth)

    @property
    def deepens(self) -> bool:
        """Whether short queries are searched deeper."""
        return self.deepest > self.depth and self.ladder > 0

    @cached_property
    def active_sources(self) -> dict[str, SourcePart]:
        """The sources by name, the one that judges first; a second of a kind is called dense-2, and so on."""
        return _numbered("source", SOURCES, self.sources)

    @cached_property
    def active_judges(self) -> dict[str, JudgePart]:
        """The second judges by name, in the order in which they score; a second of a kind is called bi-encoder-2, and so on."""
        return _numbered("judge", JUDGES, self.judges)

    @property
    def judged_by(self) -> list[tuple[str, str]]:
        """The parts that go by a second judge, as (part, judge)."""
        parts: list[tuple[str, Any]] = [(f"filter '{Spec.parse(key).name}'", rule) for key, rule in self.active_filters.items()]
        parts.append((f"sampler '{Spec.parse(self.sampler).name}'", self.active_sampler))
        asks = [("scores_by", self.scores_by), *((part_name, getattr(part, BY, None)) for part_name, part in parts)]
        return [(part_name, judge) for part_name, judge in asks if judge is not None]

    def without_judges(self) -> Self:
        """The settings of the search: without the second judges and what goes by them."""
        if not self.judges:
            return self
        specs = [spec for spec in map(Spec.parse, self.filters) if BY not in dict(spec.knobs)]
        if len(self.sources) == 1:
            specs = [spec for spec in specs if spec.name != "consensus"]
        sampler = Spec.parse(self.sampler)
        plain = str(Spec(sampler.name, tuple(knob for knob in sampler.knobs if knob[0] != BY)))
        return self.model_copy(update={"judges": (), "scores_by": None, "filters": tuple(map(str, specs)), "sampler": plain})

    @property
    def first_encodes(self) -> bool:
        """Whether the source whose scores count has vectors."""
        return next(iter(self.active_sources.values())).encodes

    @property
    def encodes(self) -> bool:
        """Whether any source has vectors."""
        return any(part.encodes for part in self.active_sources.values())

    @cached_property
    def active_filters(self) -> dict[str, Filter]:
        """The filters that run, by name, in the order they run."""
        specs = (parse_part("filter", FILTERS, text) for text in self.filters)
        rules = {spec.key: build("filter", FILTERS, spec) for spec in specs if not spec.off}
        asks = [judge for judge in (self.scores_by, getattr(self.active_sampler, BY, None)) if judge is not None]
        rules |= {f"scored:{BY}={judge}": Scored(judge) for judge in asks}
        # Rules by a judge come last: judges are asked about what the others leave. A vote of sources counts all judges.
        judges = [*self.active_judges]
        turns = {key: judges.index(rule.by) + 1 if getattr(rule, BY, None) in judges else 0 for key, rule in rules.items()}
        votes = {key for key, rule in rules.items() if judges and isinstance(rule, SourceVote)}
        return {key: rules[key] for key in sorted(rules, key=lambda key: len(judges) + 1 if key in votes else turns[key])}

    @property
    def relaxation(self) -> Relaxation:
        """Which ceilings and windows hold on every fallback level, which may be relaxed, and up to which level rows are filled."""
        rules = {name: rule for name, rule in self.active_filters.items() if isinstance(rule, Ceiling | RankWindow)}
        firm, loose = ([name for name, rule in rules.items() if rule.relax is relax] for relax in (False, True))
        return {"firm": firm, "relaxable": loose, "ladder": self.ladder, "fill": self.fill}

    @cached_property
    def active_sampler(self) -> Sampler:
        """The sampler, built."""
        sampler: Sampler = build("sampler", SAMPLERS, Spec.parse(self.sampler))
        return sampler

    @cached_property
    def active_variations(self) -> dict[str, Variation]:
        """The kinds of variations by name, built, in the order of the table."""
        return {spec.name: build("variation", VARIATIONS, spec) for spec in map(Spec.parse, self.variations)}

    @property
    def variations_per_row(self) -> int:
        """The most variations that a row gets."""
        return sum(part.count for part in self.active_variations.values())

    @cached_property
    def needed(self) -> dict[str, str]:
        """Who asks for each evidence that the active filters and the sampler need: {"near_positive": "filter 'near_positive'"}."""
        asks = [(f"filter '{name}'", part.needs) for name, part in self.active_filters.items()]
        asks.append((f"sampler '{Spec.parse(self.sampler).name}'", self.active_sampler.needs))
        asks.append(("distinct", TABLES if self.distinct is not None else ()))
        return {name: part_name for part_name, needs in reversed(asks) for name in needs}

    @property
    def measured(self) -> tuple[str, ...]:
        """The evidence that pass 1 measures and stores, in the order of the table."""
        names = {*ALWAYS, *self.needed, *self.evidence} - (set() if self.encodes else FROM_VECTORS)
        return tuple(name for name in (*EVIDENCE, *TABLES) if name in names)

    def with_filters(self, *specs: str) -> Self:
        """The same with filters added, changed or switched off, as `--filter` does over a run's config."""
        return self.model_copy(update={"filters": apply_specs(self.filters, specs)})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same with some values changed, checked as any other; pydantic's own would keep the parts that the old values made."""
        return type(self).of(**{**self.model_dump(), **(update or {})})
