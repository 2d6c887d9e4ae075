"""Every number of every part: what is absurd is refused with its range, or trains with finite losses."""

import dataclasses
import math

import pytest

from miner.config import Inputs, MiningConfig
from miner.config.registry import Spec, build
from miner.errors import ConfigError
from miner.train import LoopConfig, TrainConfig, loop, train
from miner.train.parts import BATCH_SAMPLERS, CHANGES, LOSSES
from miner.train.teacher import teacher_collator
from miner.train.training_rows import columns

ABSURD = ("-1", "0", "2", "nan", "inf", "1e30", str(10**30), str(10**400))
FAMILIES = {"loss": LOSSES, "batch_sampler": BATCH_SAMPLERS, "changes": CHANGES}
NUMBERS = [
    (family, name, field.name)
    for family, table in FAMILIES.items()
    for name, part in table.items()
    for field in dataclasses.fields(part)
    if field.type in ("int", "float")
]


def settings(family, text):
    return {family: (text,) if family == "changes" else text}


TEACHERS = {"gist": "guide", "guided": "guide", "batch_kl": "teacher", "embed_distill": "teacher"}
"""Losses with a second model, and the knob that names it."""


def spec(name, knob, value, guide):
    return f"{name}:{TEACHERS[name]}={guide},{knob}={value}" if name in TEACHERS else f"{name}:{knob}={value}"


def losses_of(config, rows):
    """The losses of three steps, without a trainer."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(config.model, device="cpu")
    loss, made = config.active_loss(model, 0), columns(rows[:8], 1, config.active_loss.labels)
    labels = torch.tensor(made.columns["label"]) if "label" in made.columns else None
    names = ("anchor", "positive", "negative_1")
    texts = [made.columns[name] for name in names]
    collator = teacher_collator(None, loss, made.columns)
    added = collator.features([dict(zip(names, row, strict=True)) for row in zip(*texts, strict=True)]) if collator else {}

    def of(name):
        return {key.removeprefix(f"{name}_"): value for key, value in added.items() if key.startswith(f"{name}_")}

    optimiser, values = torch.optim.AdamW(model.parameters(), 0.05), []
    for _ in range(3):
        value = loss([{**model.preprocess(each), **of(name)} for name, each in zip(names, texts, strict=True)], labels)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    return values


@pytest.mark.parametrize(("family", "name", "knob"), NUMBERS)
def test_an_absurd_number_is_refused_or_in_its_range(family, name, knob, tiny_bert):
    """From the tables: every knob has a range, and a value outside of it is refused with the knob's name."""
    allowed = FAMILIES[family][name].ranges[knob]
    for value in ABSURD:
        number = float(value) if len(value) < 300 else math.inf
        if number in allowed and not (name == "hard_examples" and knob == "topics"):
            TrainConfig.of(**settings(family, spec(name, knob, int(number), tiny_bert)))
        elif number not in allowed:
            with pytest.raises(ConfigError, match=knob):
                TrainConfig.of(**settings(family, spec(name, knob, value, tiny_bert)))


def ends(part, knob):
    """The least and the greatest value of a knob, as text."""
    allowed, whole = part.ranges[knob], next(field.type for field in dataclasses.fields(part) if field.name == knob) == "int"
    low, high = allowed.low + (1e-3 if allowed.above else 0), allowed.high - (1e-3 if allowed.under else 0)
    return [str(int(end) if whole else end) for end in (low, high)]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name", "knob"), [each for each in NUMBERS if each[0] == "loss"])
def test_the_ends_of_a_range_make_finite_losses(family, name, knob, tiny_model, tiny_bert, tiny_rows):
    """Each knob of a loss at both."""
    model = tiny_bert if LOSSES[name].tokens else tiny_model
    for end in ends(LOSSES[name], knob):
        config = TrainConfig.of(model=str(model), loss=spec(name, knob, end, tiny_bert))
        assert all(math.isfinite(loss) for loss in losses_of(config, tiny_rows)), (knob, end)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name"), sorted({each[:2] for each in NUMBERS if each[0] != "loss"}))
@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_of_the_ranges_train(family, name, end, tiny_model, tiny_rows, tmp_path):
    """All knobs of a batch sampler or change at the least, and at the greatest."""
    part = FAMILIES[family][name]
    text = f"{name}:" + ",".join(f"{knob}={ends(part, knob)[end]}" for knob in part.ranges)
    knobs = {"steps": 3, "train_batch_size": 8, "use_negatives": 1, "learning_rates": (0.05,)}
    config = TrainConfig.of(model=str(tiny_model), **knobs, **settings(family, text))
    told = train(tiny_rows, config, out=tmp_path / "out", paraphrase=str.upper).report
    assert all(math.isfinite(loss) for _, loss in told["loss"])


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("loss", "hcl:tau=1", r"loss 'hcl' wants 0 <= tau < 1, got tau=1\.0"),
        ("loss", "mochi:hardest=0", "loss 'mochi' wants 1 <= hardest"),
        ("loss", "in_batch:scale=0", "loss 'in_batch' wants 0 < scale <= 1000, got scale=0"),
        ("loss", "in_batch:scale=-5", "loss 'in_batch' wants 0 < scale <= 1000"),
        ("loss", "unremix:kept=0", "wants 1 <= kept"),
        ("loss", "unremix:hard=0,uncertain=0,typical=0", "one of hard, uncertain and typical above 0"),
        ("batch_sampler", "hard_examples:share=5", "batch sampler 'hard_examples' wants 0 <= share <= 1"),
        ("batch_sampler", "high_loss:decay=-3", "wants 0 <= decay <= 1"),
        ("batch_sampler", "topics:bins=0", "wants 1 <= bins"),
        ("changes", "delete:share=7", "change 'delete' wants 0 <= share < 1"),
        ("changes", "delete:share=1", "change 'delete' wants 0 <= share < 1"),
        ("changes", "una:near=-1", "wants 2 <= near"),
        ("changes", "replace:every=0", "wants 1 <= every"),
    ],
)
def test_a_range_is_told(kind, text, said):
    """In the words of a filter's message, where the configuration is made."""
    with pytest.raises(ConfigError, match=said):
        TrainConfig.of(**settings(kind, text))


@pytest.mark.parametrize("values", [{"weight_decay": 1e30}, {"epochs": 1e30}, {"use_negatives": 10**9}, {"accumulate": 10**12}])
def test_settings_without_bound_have_one(values):
    """The name of the setting is in the message."""
    with pytest.raises(ConfigError, match=next(iter(values))):
        TrainConfig.of(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"loss": "cached"}, "a static model does not have: take in_batch"),
        ({"loss": "batch_kl:teacher=nowhere/at/all"}, "nowhere/at/all"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"batch_sampler": "high_loss:first=measure", "loss": "margin_mse"}, "has another unit: write first=train"),
        ({"changes": ("paraphrase",)}, "needs your function"),
        ({"changes": ("replace",), "use_negatives": 3}, "set use_negatives below"),
        ({"loss": "gist:guide=nowhere/at/all"}, "nowhere/at/all"),
    ],
)
def test_what_does_not_go_together_is_refused_before_mining(values, said, tiny_model, tiny_folder, tmp_path):
    """In a loop nothing is begun."""
    training = TrainConfig.of(model=str(tiny_model), **values)
    with pytest.raises(Exception, match=said):
        loop(Inputs.of(data=str(tiny_folder)), training, MiningConfig.of(negatives=3), LoopConfig.of(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch_sampler": "high_loss:delta=1"}, "leaves no batch out with delta=1: lower delta"),
        ({"batch_sampler": "high_loss:first=train", "steps": None}, "'high_loss' chooses from the second pass on and has no effect"),
        ({"changes": ("replace",), "use_negatives": 1, "steps": 2}, "'replace' compares a row's scores of two passes"),
        ({"changes": ("replace:score=-1",), "use_negatives": 1, "steps": 6}, "'replace' replaced no negative"),
        ({"changes": ("reorder",)}, "does not see the order of words"),
        ({"changes": ("delete:share=0",)}, "'delete' has no effect with share=0"),
        ({"loss": "mochi:warmup=5", "steps": 5}, "mixes no negatives: its warmup of 5"),
    ],
)
def test_what_has_no_effect_is_said(values, said, tiny_model, tiny_rows, tmp_path):
    """A warning in the log and in training.json."""
    knobs = {"steps": 3, "train_batch_size": 8, **values}
    told = train(tiny_rows, TrainConfig.of(model=str(tiny_model), **knobs), out=tmp_path / "out").report
    assert any(said in text for text in told["warnings"]), told["warnings"]


def test_defaults_lie_in_their_ranges():
    """A part without knobs can be built; a loss with a second model wants its folder."""
    for family, table in FAMILIES.items():
        for name in table:
            build(family, table, Spec.parse(f"{name}:{TEACHERS[name]}=x" if name in TEACHERS else name))
