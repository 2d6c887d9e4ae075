"""The settings of the operator: address, keys, model, corpus, limits. `from_environ` reads them from the environment.

The settings of a request are in schemas.py.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from app.naming.models import Models
from miner.config import MiningConfig, Runtime, default_cache, explain
from miner.config.runtime import entries_of
from miner.errors import ConfigError, StorageError
from miner.io.plain_files import read_text

PREFIX = "HARDNEG_"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
SERVED_SETTINGS = (
    *("model", "revision", "query_prompt", "query_prompt_name", "passage_prompt", "passage_prompt_name"),
    *("max_length", "truncate_dim", "pooling", "dtype", "similarity", "index"),
)
"""Fields of the mining config that the operator sets for all requests: they determine the loaded vectors and index."""

Count = Annotated[int, Field(ge=1)]

MIN_KEY_CHARS = 16
"""Minimum length of a key in the settings: a random key of this length cannot be guessed."""
MAKE_KEY_COMMAND = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


def default_data(environ: Mapping[str, str] = os.environ) -> Path:
    """HARDNEG_DATA_DIR, else XDG_DATA_HOME/hardneg, else ~/.local/share/hardneg."""
    if chosen := environ.get("HARDNEG_DATA_DIR"):
        return Path(chosen)
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "hardneg"


class Limits(BaseModel):
    """How much one request may ask for, and how many requests there may be at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body_bytes: Count = Field(8 * 2**20, description="bytes of a request body")
    max_queries: Count = Field(100, description="queries of a request")
    max_passages: Count = Field(5000, description="passages of a request")
    max_positives: Count = Field(1000, description="positives of a query")
    max_verdicts: Count = Field(10_000, description="verdicts of a request")
    max_text_chars: Count = Field(100_000, description="characters of a text")
    max_id_bytes: Annotated[int, Field(ge=1, le=512)] = Field(512, description="UTF-8 bytes of an id")
    max_negatives: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="config.negatives")
    max_depth: Annotated[int, Field(ge=1, le=10_000)] = Field(1000, description="config.depth and config.max_depth")
    max_file_bytes: Count = Field(
        4 * 2**30, description="bytes of a file: of its content, where it is compressed, of its values, where it is Parquet"
    )
    max_ratio: Count = Field(200, description="largest compression ratio of a body, a compressed or a Parquet file, after the first MiB")
    keep_free_bytes: Annotated[int, Field(ge=0)] = Field(64 * 2**20, description="bytes of disk that uploads and jobs leave free")
    max_jobs_waiting: Count = Field(64, description="jobs that wait for a worker; the next one is answered 429")
    max_crashes: Count = Field(5, description="deaths of a job's process until the job counts as crashed")
    max_watchers: Count = Field(64, description="requests at a time that wait for a job or follow its events")
    max_wrong_keys: Count = Field(
        10, description="wrong keys a minute that a client may try, in headers and the form; the next request is answered 429"
    )
    max_connections: Count = Field(1024, description="connections at a time; at most half of the limit of open files")
    head_seconds: Count = Field(10, description="seconds in which the head of a request must arrive")
    body_seconds: Count = Field(30, description="seconds over which the rate of a body or an answer is averaged, for min_body_rate")
    min_body_rate: Annotated[int, Field(ge=0)] = Field(
        256, description="lowest rate of a body or an answer, bytes a second averaged over body_seconds; 0: one byte in that time is enough"
    )
    dry_runs_at_once: Count = Field(2, description="dry runs of jobs computed at a time")
    dry_runs_waiting: Annotated[int, Field(ge=0)] = Field(8, description="dry runs in the queue; the next one is answered 429")
    pages_at_once: Count = Field(4, description="pages of a run rendered at a time")
    pages_waiting: Annotated[int, Field(ge=0)] = Field(60, description="pages of a run in the queue; the next one is answered 429")
    at_once: Count = Field(8, description="POST /v1/mine requests processed at a time; they share encoder batches and searches")
    waiting: Annotated[int, Field(ge=0)] = Field(120, description="POST /v1/mine requests in the queue; the next one is answered 429")


class Settings(Limits):
    """Everything `hardneg serve` is started with."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str | None = Field(None, description="model to serve: a folder, a hub name, or a name of HARDNEG_MODELS")
    revision: str | None = Field(None, description="the model's revision on the hub")
    query_prompt: str | None = Field(None, description="text put before every query")
    query_prompt_name: str | None = Field(None, description="one of the model's own prompts, for queries")
    passage_prompt: str | None = Field(None, description="text put before every passage")
    passage_prompt_name: str | None = Field(None, description="one of the model's own prompts, for passages")
    max_length: int | None = Field(None, description="tokens read of each text; default: the model's own")
    truncate_dim: int | None = Field(None, description="first dimensions kept of each vector of a Matryoshka model; default: all")
    pooling: str | None = Field(None, description="pooling of a model that has no pooling layer: mean, cls or lasttoken")
    dtype: str = Field("float32", description="float32, float16 or bfloat16")
    similarity: str = Field("auto", description="cosine, dot or euclidean; auto: the model's own")
    index: str = Field("exact", description="exact, or a FAISS factory string with search settings (IVF1024,Flat:nprobe=64), for corpora")
    models: dict[str, str] = Field(
        default_factory=dict, description="models that jobs may name: NAME=FOLDER, comma-separated; clients see the names"
    )
    allow_code: tuple[str, ...] = Field(
        (),
        description="models whose own code may run, comma-separated: NAME@COMMIT of the hub, or FOLDER@SHA256 of its code files",
    )
    corpus: str | None = Field(None, description="file of passages to open at start")
    cache: Path = Field(default_factory=default_cache, description="folder of the embedding store")
    data_dir: Path = Field(default_factory=default_data, description="folder of files, corpora, jobs and the database")
    shared_data: Literal["no", "group"] = Field(
        "no", description="other users of the data folder: no: none (0700, files 0600); group: its group (0770, files 0660)"
    )
    database: SecretStr | None = Field(None, description="postgresql://USER:PASSWORD@HOST/NAME in place of SQLite in the data folder")
    device: str | None = Field(None, description="cpu, cuda, mps …; default: the best there is")
    threads: int | None = Field(None, description="processor threads of the server; default: all")
    jobs_at_once: int = Field(1, ge=0, le=64, description="jobs that the server runs at a time; 0: only workers run jobs")
    warm_corpora: int = Field(4, ge=1, description="stored corpora kept open")
    job_threads: int = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 2) - 1), ge=1, description="processor threads of a job; default: all but one"
    )
    host: str = Field("127.0.0.1", description="address to listen on; any but a loopback address needs a key")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on")
    api_key: tuple[SecretStr, ...] = Field(
        (), description="keys of the operator, with all scopes; at least 16 characters each, comma-separated"
    )
    api_key_file: Path | None = Field(None, description="file with such keys, one per line")
    allowed_hosts: tuple[str, ...] = Field((), description="host names of the service that clients may use, comma-separated; *: any")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks (10.0.0.7, 10.1.0.0/24) of proxies whose X-Forwarded-For names the client, comma-separated"
    )
    insecure_no_auth: bool = Field(False, description="listen on a non-loopback address without a key")
    log: Literal["text", "json"] = Field("text", description="format of log lines: text or json")

    @field_validator("data_dir", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """Make the path absolute: jobs run in other working directories."""
        return value.absolute()

    @field_validator("api_key", "allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        """Split a text at its commas."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("allow_code", mode="before")
    @classmethod
    def _code(cls, value: Any) -> Any:
        """Check the entries; folders become absolute."""
        return entries_of(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Accept addresses and networks only: a host name would never match."""
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"{error}; a proxy is an address such as 10.0.0.7, or a network such as 10.1.0.0/24") from None
        return value

    @field_validator("models", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """name=folder-or-hub-name, several with commas between them."""
        if not isinstance(value, str):
            return value
        pairs = [item.strip().partition("=") for item in value.split(",") if item.strip()]
        if not all(name and model for name, _, model in pairs):
            raise ValueError("models are written name=folder, several with commas between them")
        return {name: model for name, _, model in pairs}

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The settings from values of any type; empty texts are ignored. ConfigError names the field; its message never holds a key."""
        try:
            return cls(**{name: value for name, value in values.items() if value != ""})
        except ValidationError as error:
            if any(str(part).startswith(("api_key", "database")) for fault in error.errors() for part in fault["loc"]):
                raise ConfigError("api_key is a text, or several with commas between them; database is an address") from None
            raise ConfigError(explain(error, list(cls.model_fields))) from None

    @property
    def known_models(self) -> Models:
        """The models that clients may name. ConfigError when two would have the same name."""
        return Models.of(self.model, self.models)

    @property
    def named_folders(self) -> dict[str, str]:
        """The folders of the service, each with the name that clients see in its place."""
        folders = {folder: name for name, folder in self.known_models.folders.items() if Path(folder).is_absolute()}
        folders |= {str(self.data_dir): "DATA", str(self.cache): "CACHE"}
        if self.corpus and Path(self.corpus).exists():
            folders |= {self.corpus: "CORPUS", str(Path(self.corpus).absolute()): "CORPUS"}
        return folders

    @property
    def serving(self) -> MiningConfig:
        """The model and index settings of every request's config. ConfigError when no model is named."""
        if not self.model:
            raise ConfigError("no model is named: give --model or HARDNEG_MODEL, a sentence-transformers folder or a hub name")
        return MiningConfig.of(**{**{name: getattr(self, name) for name in SERVED_SETTINGS}, "model": self.known_models.loaded})

    @property
    def loading(self) -> MiningConfig:
        """The same with the folder or hub name of the model."""
        models = self.known_models
        return self.serving.model_copy(update={"model": models.folders[models.loaded or ""]})

    def resolved(self, config: MiningConfig) -> MiningConfig:
        """A job's config with a model of the operator's list; of the served model also what the operator has set for it.

        ConfigError names the models there are.
        """
        models = self.known_models
        name = config.model or models.loaded
        if name not in models.folders or config.revision not in (None, self.revision):
            raise ConfigError(f"config.model is one of the server's: {', '.join(models.folders) or 'there are none'}")
        if any(part.settings() for part in config.active_sources.values()):
            raise ConfigError("config.sources cannot name a model here: dense is the config's own model, and bm25 needs none")
        models.check_judges(config.judges)
        fixed = {*config.model_fields_set, "model"}
        overrides = {field: getattr(self, field) for field in SERVED_SETTINGS if field not in fixed} if name == models.loaded else {}
        return MiningConfig.of(**{**config.model_dump(), **overrides, "model": name})

    @property
    def job_runtime(self) -> Runtime:
        """The runtime of jobs, with fewer threads than the server's."""
        return Runtime.of(device=self.device, threads=self.job_threads, cache=self.cache, allow_code=self.allow_code)

    @property
    def runtime(self) -> Runtime:
        """The runtime of the server."""
        return Runtime.of(device=self.device, threads=self.threads, cache=self.cache, allow_code=self.allow_code)

    @property
    def limits(self) -> dict[str, int]:
        """All limits, by name."""
        return {name: getattr(self, name) for name in Limits.model_fields}

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are answered, without a port; "*" means any."""
        own_host = () if _any_address(self.host) else (f"[{self.host}]" if ":" in self.host else self.host,)
        return frozenset(name.lower() for name in (*LOCAL, *own_host, *self.allowed_hosts))

    def digests(self) -> tuple[bytes, ...]:
        """Hashes of the keys in the settings. ConfigError when one is too short; the message does not hold the key."""
        keys = {key.get_secret_value(): "HARDNEG_API_KEY" for key in self.api_key}
        if self.api_key_file:
            try:
                file_keys = read_text(self.api_key_file).split()
            except (OSError, UnicodeDecodeError) as error:
                raise StorageError(f"the key file {self.api_key_file} cannot be read: {type(error).__name__}") from None
            if not file_keys:
                raise ConfigError(f"the key file {self.api_key_file} holds no key")
            keys |= dict.fromkeys(file_keys, f"the key file {self.api_key_file}")
        for key, place in keys.items():
            if len(key) < MIN_KEY_CHARS:
                raise ConfigError(
                    f"a key of {place} has {len(key)} characters, and needs {MIN_KEY_CHARS} at least: make one with {MAKE_KEY_COMMAND}"
                )
        return tuple(sha256(key.encode()).digest() for key in keys)

    @property
    def requires_key(self) -> bool:
        """Whether other machines can reach the service, and insecure_no_auth is not set."""
        return not (_loopback(self.host) or self.insecure_no_auth)

    def check_exposure(self, keys: int = 0) -> None:
        """ConfigError when other machines could use the service without a key. keys: number of keys in the data folder."""
        if self.requires_key and not self.digests() and not keys:
            raise ConfigError(
                f"refusing to listen on {self.host} without a key: `hardneg keys create`, or HARDNEG_API_KEY, or --insecure-no-auth"
            )


def from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings in the environment (HARDNEG_HOST …) as texts, for `Settings.of`."""
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    return {names[name]: value for name, value in environ.items() if name in names and value}


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _any_address(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
