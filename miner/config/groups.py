"""The settings of a run, in groups. What a change of a setting makes necessary is read from its group.

Encoder and retrieval: candidates are searched anew (but for `evidence`, which is measured anew; with a recall, `seed` too, which draws the
queries that the search setting is chosen on). Judging: stored candidates are judged again, and deeper lists added where a query
has none. Sampling and output: negatives are chosen and written again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from miner.config.settings_group import SettingsGroup
from miner.formats import FORMATS

ExtraColumn = Literal["ids", "scores", "ranks", "tiers", "sources", "extra"]


Pooling = Literal["mean", "cls", "lasttoken"]
"""sentence-transformers' names of what becomes of the token vectors."""


class EncoderSettings(SettingsGroup):
    """Which model makes vectors, and of what."""

    model: str | None = Field(None, description="sentence-transformers model: a folder, or a hub name where a hub is reachable")
    revision: str | None = Field(None, description="the model's revision on the hub")
    query_prompt: str | None = Field(None, description="text put before every query")
    query_prompt_name: str | None = Field(None, description="name of one of the model's own prompts, for queries")
    passage_prompt: str | None = Field(None, description="text put before every passage")
    passage_prompt_name: str | None = Field(None, description="name of one of the model's own prompts, for passages")
    max_length: Annotated[int, Field(ge=1)] | None = Field(None, description="tokens read of each text; default: the model's own")
    truncate_dim: Annotated[int, Field(ge=1)] | None = Field(
        None, description="dimensions kept of each vector, for a model that was trained so (Matryoshka); default: all"
    )
    pooling: Pooling | None = Field(None, description="pooling of a model that names none, such as a language model: mean, cls, lasttoken")
    dtype: Literal["float32", "float16", "bfloat16"] = Field("float32", description="the model's number type while encoding")
    similarity: Literal["auto", "cosine", "dot", "euclidean"] = Field("auto", description="auto: the model's own")


class RetrievalSettings(SettingsGroup):
    """What is retrieved and measured. A run whose settings of these two groups differ searches anew."""

    sources: tuple[str, ...] = Field(
        ("dense",), min_length=1, description="where candidates come from; scores are those of the first: dense, dense:model=PATH, bm25"
    )
    rrf_k: int = Field(60, ge=0, le=10_000, description="several sources are pooled by 1 / (rrf_k + rank)")
    index: str = Field(
        "exact", description="exact, or any FAISS factory string, with search settings after a colon: IVF1024,Flat:nprobe=64"
    )
    recall: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="share of the nearest that an approximate index has to find: its search setting is chosen so"
    )
    depth: int = Field(200, ge=1, le=10_000, description="candidates retrieved per query")
    max_depth: int = Field(1000, ge=1, le=10_000, description="candidates retrieved per short query")
    evidence: tuple[str, ...] = Field(
        (), description="evidence that pass 1 measures beside what the filters and the sampler need, for a later export"
    )
    min_grade: int = Field(1, ge=1, le=127, description="smallest grade that counts as relevant")


class JudgingSettings(SettingsGroup):
    """Which candidates may be negatives, and how many a row needs: what decides which queries are searched deeper."""

    preset: str | None = Field(None, description="settings that go together, by name; any setting beside it wins")
    filters: tuple[str, ...] = Field((), description="filters added to, changed in, or (name:off) taken from the default ones")
    anchor: Literal["weakest", "own"] = Field(
        "weakest", description="reference score of a row: of the query's weakest positive, or of the row's own"
    )
    judged: Literal["prefer", "trust", "ignore"] = Field(
        "prefer",
        description="passages judged non-relevant: prefer: first, and exempt from filters that estimate relevance; trust: exempt; "
        "ignore: neither",
    )
    judges: tuple[str, ...] = Field(
        (),
        description="second judges, which score candidates and positives again: cross-encoder:model=FOLDER, bi-encoder:model=FOLDER; "
        "filters go by one with by=NAME",
    )
    false_negatives: Literal["drop", "adopt"] = Field(
        "drop", description="a passage with the verdict false_negative is dropped, or adopted as a positive of its query"
    )
    negatives: int = Field(4, ge=1, le=1000, description="negatives per query; with anchor=own, per pair")
    ladder: int = Field(
        3, ge=0, le=3, description="highest fallback level of a short query: 0 none, 1 max_depth, 2 reference score raised, 3 no ceiling"
    )


class SamplingSettings(SettingsGroup):
    """Which of the candidates that are left become negatives."""

    sampler: str = Field("top", description="rule that chooses among the kept candidates")
    distinct: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        None, description="two passages with this cosine or more are not negatives of one row"
    )
    hub_cap: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        None, description="largest number of rows that one passage may be a negative of; auto: three times the mean, at least 5"
    )
    fill: Literal["none", "random", "repeat"] = Field(
        "none",
        description="negatives for a row that is still short: random ones of those retrieved for its query, under every rule that "
        "must hold, or its own again; the file then holds their fallback level",
    )
    variations: tuple[str, ...] = Field(
        (),
        description="further negatives of a row, each made from the text of one of its negatives: delete, reorder, una, and paraphrase by "
        "a function of yours in Python; each with its knobs, as delete:share=0.1,count=1",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of all draws")


class OutputSettings(SettingsGroup):
    """How the training file is written."""

    output_format: str = Field(
        "triplet", description="format of the training file, named after its trainer", json_schema_extra={"enum": [*FORMATS]}
    )
    columns: tuple[ExtraColumn, ...] = Field((), description="columns added to each row")
    scores_by: str | None = Field(
        None, description="the second judge whose scores the rows hold, as a teacher's; a negative that it has not scored is dropped"
    )


RETRIEVAL_SETTINGS = (*EncoderSettings.model_fields, *RetrievalSettings.model_fields)
"""Settings that pass 1 has used up: an export cannot change them."""
