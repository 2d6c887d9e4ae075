"""TrainConfig: everything that changes the trained model, beside the data; the same fields are flags, config file and training.json."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from miner.config import MiningConfig, Pooling, SettingsGroup
from miner.config.registry import Spec, build, resolved
from miner.errors import ConfigError
from miner.evaluation.measures import parse
from miner.train.parts import BATCH_SAMPLERS, CHANGES, LOSSES, Batches, Change, Loss

MODEL_FIELDS = ("model", "revision", "query_prompt", "query_prompt_name", "passage_prompt", "passage_prompt_name", "max_length", "pooling")
"""Settings of the model that mining knows by the same names."""

WATCHED = ("precision@10", "recall@10", "f1@10", "ndcg@10", "mrr@10")


class TrainConfig(SettingsGroup):
    """The settings of a training. Frozen; unknown fields are refused."""

    model_config = ConfigDict(allow_inf_nan=False, validate_default=True, protected_namespaces=())

    model: str | None = Field(None, description="the model to start from: a folder, or a hub name where a hub is reachable")
    revision: str | None = Field(None, description="the model's revision on the hub")
    query_prompt: str | None = Field(None, description="text put before every query")
    query_prompt_name: str | None = Field(None, description="name of one of the model's own prompts, for queries")
    passage_prompt: str | None = Field(None, description="text put before every passage")
    passage_prompt_name: str | None = Field(None, description="name of one of the model's own prompts, for passages")
    max_length: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="tokens read of each text; default: the model's own"
    )
    pooling: Pooling | None = Field(None, description="pooling of a model that names none: mean, cls, lasttoken")
    min_grade: int = Field(1, ge=1, le=127, description="smallest grade that counts as relevant, in pairs and on dev")
    loss: str = Field("in_batch", description="the loss that is minimised")
    batch_sampler: str = Field("no_duplicates", description="how rows are put together in batches")
    changes: tuple[str, ...] = Field((), description="changes of a batch: augmentations, synthetic or replaced negatives")
    use_negatives: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        None, description="negatives used of each row; default: as many as the longest row has"
    )
    train_batch_size: int = Field(64, ge=2, le=1_000_000, description="rows in a batch")
    drop_last: bool = Field(False, description="leave out batches with fewer rows than that (the trainer's dataloader_drop_last)")
    accumulate: int = Field(1, ge=1, le=1_000_000, description="batches of one optimiser step")
    steps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(None, description="optimiser steps; default: from `epochs`")
    epochs: float = Field(1.0, gt=0, le=10_000, description="passes over the rows, where steps is not set")
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (), description="the peak rate; several are all tried, and dev chooses; default: 2e-5, or 0.1 for a static model"
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the rate rises")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="how the rate falls afterwards")
    weight_decay: float = Field(0.01, ge=0, le=1, description="AdamW's weight decay")
    precision: Literal["float32", "bf16", "fp16"] = Field("float32", description="number type of the forward pass; fp16 needs a GPU")
    eval_every: Annotated[int, Field(ge=1)] | None = Field(
        None, description="steps between two evaluations on dev; default: a tenth of all"
    )
    patience: int = Field(3, ge=0, description="evaluations on dev without a gain before training stops; 0: never early")
    dev_measure: str = Field("ndcg@10", description="measure that chooses the checkpoint on dev")
    watch: tuple[str, ...] = Field(WATCHED, description="further measures of every look at dev; they choose nothing")
    watch_rows: int = Field(512, ge=0, le=1_000_000, description="training rows that are scored at every look; 0: none")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of all draws")

    @field_validator("loss", mode="after")
    @classmethod
    def _loss(cls, text: str) -> str:
        return str(resolved(Spec.parse(text), build("loss", LOSSES, Spec.parse(text))))

    @field_validator("batch_sampler", mode="after")
    @classmethod
    def _batch_sampler(cls, text: str) -> str:
        return str(resolved(Spec.parse(text), build("batch sampler", BATCH_SAMPLERS, Spec.parse(text))))

    @field_validator("changes", mode="after")
    @classmethod
    def _changes(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        specs = [Spec.parse(text) for text in texts]
        return tuple(str(resolved(spec, build("change", CHANGES, spec))) for spec in specs)

    @field_validator("dev_measure", mode="after")
    @classmethod
    def _dev_measure(cls, text: str) -> str:
        return "{}@{}".format(*parse(text))

    @field_validator("watch", mode="after")
    @classmethod
    def _watch(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys("{}@{}".format(*parse(text)) for text in texts))

    @property
    def measures(self) -> tuple[str, ...]:
        """All measures of a look at dev, the one that chooses first."""
        return tuple(dict.fromkeys((self.dev_measure, *self.watch)))

    @property
    def active_loss(self) -> Loss:
        """The loss, built from its name."""
        part: Loss = build("loss", LOSSES, Spec.parse(self.loss))
        return part

    @property
    def active_batches(self) -> Batches:
        """The batch sampler, built from its name."""
        part: Batches = build("batch sampler", BATCH_SAMPLERS, Spec.parse(self.batch_sampler))
        return part

    @property
    def active_changes(self) -> list[Change]:
        """The changes to a batch, in order, built from their names."""
        return [build("change", CHANGES, Spec.parse(text)) for text in self.changes]

    def encoding(self) -> MiningConfig:
        """Return the model settings for the encoder."""
        return MiningConfig.of(**{name: getattr(self, name) for name in MODEL_FIELDS})


class LoopConfig(SettingsGroup):
    """The settings of a loop. Heights are shares of (reference score - noise floor), as in the filter `margin`."""

    model_config = ConfigDict(allow_inf_nan=False, validate_default=True)

    rounds: int = Field(3, ge=1, le=100, description="largest number of rounds")
    start: Literal["base", "last", "continue"] = Field(
        "base", description="what each round starts from: base, last (the last round's model), continue (its optimiser and schedule, too)"
    )
    keep: Literal["notebook", "share", "last"] = Field(
        "notebook",
        description="what trains: notebook (errors of all rounds), share (some of the last round's and new ones), last (new ones)",
    )
    retain: float = Field(
        0.5, ge=0, le=1, description="with keep=share: share of a row's negatives from the last round, where they are still hard"
    )
    only_wrong: bool = Field(False, description="train only on negatives the model gets wrong")
    wrong: float = Field(0.5, ge=-10, le=10, description="a negative is wrong above reference score - wrong × height")
    easy: float = Field(0.9, ge=-10, le=10, description="an old negative is easy, and leaves, below reference score - easy × height")
    notebook: int = Field(15, ge=1, le=1000, description="entries of one anchor that train at most")
    notebook_ratio: float = Field(9, ge=1, le=1000, description="entries for each positive that train at most, in the whole: 3 is 1:3")
    epsilon: float = Field(0.002, ge=0, description="smallest gain on dev that counts")
    wait: int = Field(
        1,
        ge=1,
        description="rounds without a gain before the loop stops; one where dev cannot decide (epsilon is in the interval) counts half",
    )
    same: float = Field(0.9, ge=0, le=1, description="stop when this share of the negatives is the last round's (Jaccard)")
    hold_out: bool = Field(False, description="hide all but one positive of each query, and measure false negatives; stop when they double")

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.easy <= self.wrong:
            raise ConfigError(
                f"easy is {self.easy} and wrong {self.wrong}: easy has to be larger, since an easy negative lies further below the "
                "reference score than a wrong one"
            )
        return self
