"""Inputs: what is read."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from miner.config.settings_group import SettingsGroup
from miner.errors import ConfigError


def _names(value: Any) -> Any:
    """One name is a list of one; ConfigError for one that comes twice."""
    names = () if value is None else (value,) if isinstance(value, str) else value
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1] if isinstance(names, list | tuple) else []
    if isinstance(names, list | tuple) and any(str(name) == "" for name in names):
        raise ConfigError("one of the inputs has an empty name: the name of a file or a folder is needed")
    if twice:
        raise ConfigError(f"{twice[0]} is named twice among the inputs: every file is read once")
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""Files that are read one after the other, as if they were one."""


class Inputs(SettingsGroup):
    """What is read: a BEIR folder, or its three files by name, or pairs with or without a corpus of their own."""

    data: str | None = Field(None, description="BEIR folder: corpus.jsonl, queries.jsonl, qrels/*.tsv")
    split: tuple[str, ...] = Field((), description="qrels files of the folder to mine for; default: train, or the only one")
    leave_out: tuple[str, ...] = Field(
        (), description="qrels files of the folder that are not read; positives of all other files are known positives"
    )
    corpus: Names = Field(
        (),
        description="passages: JSONL, CSV, TSV, Parquet, a folder of such files, a saved datasets folder, or hf:name",
    )
    queries: Names = Field((), description="queries, in any of the same forms")
    qrels: Names = Field((), description="judgements: TSV with query-id, corpus-id, score")
    pairs: Names = Field(
        (), description="(query, positive) rows, a query with a list of positives, or a trainer's format, in any of the same forms"
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="your column names: query=question, positive=answer, grade=score, id=doc_id …; negative=-: no such column",
    )
    verdicts: tuple[str, ...] = Field(
        (), description="files of verdicts: query_id, passage_id, verdict (false_negative, true_negative, unsure); the last one counts"
    )
    query_vectors: str | None = Field(None, description="your own query vectors: a .npy with ids beside it (same name, .ids)")
    passage_vectors: str | None = Field(None, description="your own passage vectors, likewise")
    on_error: Literal["fail", "skip"] = Field("fail", description="on an invalid row: fail, or skip it and write it to the error file")

    @model_validator(mode="after")
    def _together(self) -> Self:
        files = [name for name in ("corpus", "queries", "qrels") if getattr(self, name)]
        kinds = [name for name in ("data", "pairs") if getattr(self, name)] + (["files"] if files and not self.pairs else [])
        if len(kinds) != 1:
            raise ConfigError("give one of: data (a BEIR folder); corpus, queries and qrels; or pairs (with or without corpus)")
        if kinds == ["files"] and len(files) < 3:
            raise ConfigError(f"corpus, queries and qrels go together; {', '.join(files)} alone is not enough")
        if self.pairs and set(files) - {"corpus"}:
            raise ConfigError("pairs go with a corpus or alone, not with queries or qrels; rows of ids are judgements: give them as qrels")
        if sum(getattr(self, name).count("-") for name in ("corpus", "queries", "qrels", "pairs")) > 1:
            raise ConfigError("- is standard input, which is read once: give one of the inputs by -, the others as files")
        for name in ("split", "leave_out"):
            if getattr(self, name) and not self.data:
                raise ConfigError(f"{name} goes with data (a BEIR folder)")
        if bool(self.query_vectors) != bool(self.passage_vectors):
            raise ConfigError("query_vectors and passage_vectors go together")
        return self
