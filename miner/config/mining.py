"""MiningConfig: everything that changes the bytes. A wrong value is refused here, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import ConfigDict, field_validator, model_validator

from miner.config.filter_list import apply_specs, merge_specs, upgrade_specs
from miner.config.groups import EncoderSettings, JudgingSettings, OutputSettings, RetrievalSettings, SamplingSettings
from miner.config.presets import expanded
from miner.config.registry import Spec, build, parse_part, resolved
from miner.config.variation_list import variation_specs
from miner.errors import ConfigError
from miner.evidence import ALWAYS, EVIDENCE, FROM_SOURCES, FROM_VECTORS, TABLES
from miner.filters import FILTERS
from miner.formats import FORMATS
from miner.indexes import AUTO, IndexSpec
from miner.samplers import SAMPLERS
from miner.sources import SOURCES, SourcePart
from miner.support.unknown_names import unknown_name
from miner.types import Ceiling, Filter, RankWindow, Relaxation, Sampler, SourceVote, Variation
from miner.variations import VARIATIONS


def upgrade_stored_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored config as this version would have stored it, with every knob of its filters."""
    return {**values, "filters": upgrade_specs(values["filters"])} if "filters" in values else dict(values)


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
        for side in ("query", "passage"):
            if getattr(self, f"{side}_prompt") is not None and getattr(self, f"{side}_prompt_name") is not None:
                raise ConfigError(f"give {side}_prompt or {side}_prompt_name, not both")
        self._check_index()
        self._check_vectors()
        self._check_sources()
        if self.negatives > self.deepest:
            raise ConfigError(f"negatives is {self.negatives}, more than the {self.deepest} candidates that are retrieved at most")
        if self.false_negatives == "adopt" and self.anchor == "own" and self.hub_cap is not None:
            raise ConfigError("false_negatives=adopt, anchor=own and a hub cap do not go together: leave one of them out")
        room = FORMATS[self.output_format].optional_columns
        for column in self.columns:
            if column not in room:
                raise ConfigError(
                    f"output format '{self.output_format}' has no room for {column}; it has room for {', '.join(sorted(room))}"
                )
        if self.fill != "none" and "tiers" not in room:
            raise ConfigError(f"output format '{self.output_format}' has no column for fallback levels: leave --fill out")
        self._check_variations()
        return self

    def _check_variations(self) -> None:
        """ConfigError where variations cannot be scored or written."""
        if self.variations and FORMATS[self.output_format].layout:
            raise ConfigError(
                f"output format '{self.output_format}' holds passages of the corpus by id, and a variation is none of them: "
                f"leave variations out (--variation {next(iter(self.active_variations))}:off), or write a format of texts, such as triplet"
            )
        if self.variations and not self._first_encodes:
            raise ConfigError(f"variations are scored with a model, and the first source is {self.sources[0]}: put dense first")

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
        parts: dict[str, SourcePart] = {}
        for spec in map(Spec.parse, self.sources):
            count = 1 + sum(name.partition("-")[0] == spec.name for name in parts)
            parts[spec.name if count == 1 else f"{spec.name}-{count}"] = build("source", SOURCES, spec)
        return parts

    def _check_index(self) -> None:
        """ConfigError when nothing says what an automatic index is for."""
        if self.index == AUTO and self.recall is None:
            raise ConfigError("index 'auto' is chosen for the recall asked for: give recall too, or name an index")

    def _check_vectors(self) -> None:
        """ConfigError when something compares vectors and no source has any."""
        if self._encodes:
            return
        source = next(iter(self.active_sources))
        wanting = [f"{name}:off" for name, part in self.active_filters.items() if not FROM_VECTORS.isdisjoint(part.needs)]
        for name, part_name in {**dict.fromkeys(self.evidence, "evidence"), **self.needed}.items():
            if name in FROM_VECTORS:
                off = " (" + " ".join(f"--filter {spec}" for spec in wanting) + ")" if part_name.startswith("filter") else ""
                raise ConfigError(
                    f"{part_name} compares vectors ({name}), and source '{source}' has none: leave it out{off}, or add the source dense"
                )

    def _check_sources(self) -> None:
        """ConfigError when something compares sources and there is one only, or counts more of them than there are."""
        for name, part_name in self.needed.items():
            if name in FROM_SOURCES and len(self.sources) == 1:
                raise ConfigError(
                    f"{part_name} compares sources, and there is one only, {next(iter(self.active_sources))}: "
                    "leave it out, or mine with a second one, such as bm25"
                )
        for rule in self.active_filters.values():
            if isinstance(rule, SourceVote):
                rule.check_sources(len(self.sources))

    @property
    def _first_encodes(self) -> bool:
        """Whether the source whose scores count has vectors."""
        return next(iter(self.active_sources.values())).encodes

    @property
    def _encodes(self) -> bool:
        """Whether any source has vectors."""
        return any(part.encodes for part in self.active_sources.values())

    @cached_property
    def active_filters(self) -> dict[str, Filter]:
        """The filters that run, by name, in the order they run."""
        specs = (parse_part("filter", FILTERS, text) for text in self.filters)
        return {spec.name: build("filter", FILTERS, spec) for spec in specs if not spec.off}

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
        names = {*ALWAYS, *self.needed, *self.evidence} - (set() if self._encodes else FROM_VECTORS)
        return tuple(name for name in (*EVIDENCE, *TABLES) if name in names)

    def with_filters(self, *specs: str) -> Self:
        """The same with filters added, changed or switched off, as `--filter` does over a run's config."""
        return self.model_copy(update={"filters": apply_specs(self.filters, specs)})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same with some values changed, checked as any other; pydantic's own would keep the parts that the old values made."""
        return type(self).of(**{**self.model_dump(), **(update or {})})
