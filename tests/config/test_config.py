"""A config is checked before any work, resolved completely, and says what is wrong in one sentence."""

import pytest

from miner.config import Inputs, MiningConfig, Runtime, default_cache
from miner.config.presets import PRESETS
from miner.config.registry import Spec
from miner.errors import ConfigError
from miner.evidence import ALWAYS
from miner.filters import DEFAULTS
from miner.filters.score import Margin


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depht": 3}, "there is no setting 'depht'; did you mean 'depth'? There are: model, revision,"),
        ({"device": "cpu"}, "device is no setting of a config, but of the runtime: Runtime(device=…), on the command line `--device`"),
        (
            {"batch_size": 3},
            "batch_size is no setting of a config, but of the runtime: Runtime(batch_size=…), on the command line `--batch-size`",
        ),
        ({"depth": 0}, "depth is 0: input should be greater than or equal to 1"),
        ({"depth": 10_001}, "depth is 10001: input should be less than or equal to 10000"),
        ({"negatives": "many"}, "negatives is 'many': a whole number is needed"),
        ({"negatives": True}, "negatives is True: a number is needed, not true or false"),
        ({"truncate_dim": True}, "truncate_dim is True: a number is needed"),
        ({"recall": False}, "recall is False: a number is needed"),
        ({"filters": ("margni",)}, "there is no filter 'margni'; did you mean 'margin'? There are: known_positive, verdict,"),
        ({"filters": ("margin:relativ=1",)}, "filter 'margin' has no knob 'relativ'; did you mean 'relative'? It has: absolute, relative"),
        ({"filters": ("max_score",)}, "filter 'max_score' needs a score: write score=0.7"),
        ({"filters": ("known_positive:off",)}, "filter 'known_positive' cannot be switched off"),
        ({"filters": ("nothing:off",)}, "there is no filter 'nothing'"),
        ({"filters": ("ranks:skip=5,last=5",)}, "filter 'ranks' wants 0 <= skip < last, got skip=5, last=5"),
        ({"evidence": ("hunch",)}, "there is no evidence 'hunch'; there are: known_positive, same_text,"),
        ({"hub_cap": "none"}, "hub_cap is a whole number from 1, or auto, not 'none'"),
        ({"hub_cap": 0}, "hub_cap is a whole number from 1, or auto, not 0"),
        ({"distinct": 2}, "distinct is 2: input should be less than or equal to 1"),
        ({"sampler": "best"}, "there is no sampler 'best'; there are: top, uniform"),
        ({"sampler": "uniform:first=0"}, "sampler 'uniform' wants first >= 1, got 0"),
        ({"seed": -1}, "seed is -1: input should be greater than or equal to 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808: input should be less than 9223372036854775808"),
        ({"ladder": 4}, "ladder is 4: input should be less than or equal to 3"),
        ({"fill": "some"}, "fill is 'some': input should be 'none', 'random' or 'repeat'"),
        ({"min_grade": 0}, "min_grade is 0: input should be greater than or equal to 1"),
        ({"query_prompt": "a", "query_prompt_name": "b"}, "give query_prompt or query_prompt_name, not both"),
        ({"passage_prompt": "", "passage_prompt_name": "b"}, "give passage_prompt or passage_prompt_name, not both"),
        ({"negatives": 50, "depth": 10, "max_depth": 49}, "negatives is 50, more than the 49 candidates that are retrieved at most"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(given, message):
    """The field, the value, what would be right."""
    with pytest.raises(ConfigError) as caught:
        MiningConfig.of(**given)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_default_is_valid_and_written_out():
    """The defaults go through the same checks: every knob of every part is there to be stored."""
    config = MiningConfig.of()
    assert config.filters == (
        "known_positive",
        "self_match:ids=false",
        "same_text",
        "group:relax=true",
        "near_positive:cosine=0.8,most=0.5,relax=true",
        "nearest:share=0.05,first=200,relax=true",
        "margin:absolute=0.0,relative=0.05,background=0.3,below=10,relax=true",
    )
    assert config.sampler == "top"
    assert list(config.active_filters) == [Spec.parse(text).name for text in DEFAULTS]


@pytest.mark.parametrize(
    "given", [{}, {"filters": ("ranks:skip=1", "same_text:off", "max_score:score=0.9")}, {"sampler": "uniform:first=9"}]
)
def test_a_config_is_its_own_fixed_point(given):
    """What a manifest stores makes the same config again."""
    config = MiningConfig.of(**given)
    assert MiningConfig.of(**config.model_dump(mode="json")) == config
    assert MiningConfig.model_validate_json(config.model_dump_json()) == config
    assert hash(config) == hash(MiningConfig.of(**given))


NEAR = ("near_positive", "nearest")


def test_filters_run_in_the_order_of_the_table():
    """Whatever the order they are given in; off is off."""
    config = MiningConfig.of(filters=("ranks:skip=1", "min_score:score=0.1", "margin:off", "same_text"))
    assert list(config.active_filters) == ["known_positive", "self_match", "same_text", "group", *NEAR, "min_score", "ranks"]
    assert "margin:off" in config.filters


@pytest.mark.parametrize(
    ("given", "knobs"),
    [
        ((), (0.0, 0.05, 0.3, 10, True)),
        (("margin:relative=0.1",), (0.0, 0.1, 0.0, 0, False)),
        (("margin",), (0.0, 0.0, 0.0, 0, False)),
        (("margin:relax=false",), (0.0, 0.05, 0.3, 10, False)),
        (("margin:relative=0.1,relax=true",), (0.0, 0.1, 0.0, 0, True)),
        (("margin:relative=0.1", "margin:absolute=0.2"), (0.2, 0.1, 0.0, 0, False)),
        (("margin:relative=0.1,relax=true", "margin:absolute=0.2"), (0.2, 0.1, 0.0, 0, True)),
        (("margin:relative=0.1", "margin:relax=true"), (0.0, 0.1, 0.0, 0, True)),
    ],
)
def test_a_rule_that_is_given_takes_the_place_of_one_that_may_be_relaxed(given, knobs):
    """None of the default's knobs weakens it; all knobs that are given stay; `relax` alone changes nothing else."""
    margin = MiningConfig.of(filters=given).active_filters["margin"]
    assert (margin.absolute, margin.relative, margin.background, margin.below, margin.relax) == knobs


def test_only_rules_of_the_default_may_be_relaxed():
    """A preset that is named is a promise as well, and what cannot be relaxed has no such knob."""
    for preset, settings in PRESETS.items():
        named = {spec.partition(":")[0] for spec in settings.get("filters", ())}
        rules = MiningConfig.of(preset=preset).active_filters
        assert not any(rules[name].relax for name in named & {*rules})
    with pytest.raises(ConfigError, match="filter 'max_score' has no knob 'relax'"):
        MiningConfig.of(filters=("max_score:score=1,relax=true",))


def test_a_stored_config_without_relax_means_what_it_meant():
    """Before there was `relax` every rule could be relaxed; what says so already, and what is off, stays."""
    before = ("known_positive", "group", "margin:absolute=0.0,relative=0.1,background=0.3,below=10", "ranks:skip=1,of=raw", "nearest:off")
    config = MiningConfig.of_stored({"filters": before})
    assert config.active_filters["margin"] == Margin(relative=0.1, background=0.3, below=10, relax=True)
    assert config.active_filters["ranks"].relax
    assert config.active_filters["group"].relax
    assert "nearest" not in config.active_filters
    assert MiningConfig.of_stored(config.model_dump(mode="json")) == config
    assert MiningConfig.of_stored({"filters": ("margin:relative=0.1,relax=false",)}).active_filters["margin"].relax is False


@pytest.mark.parametrize(
    ("depth", "deepest", "ladder", "deepens"), [(10, 20, 1, True), (10, 20, 0, False), (20, 10, 3, False), (20, 20, 3, False)]
)
def test_deepest_is_never_below_depth(depth, deepest, ladder, deepens):
    """A smaller max_depth means that nothing is searched deeper, as does ladder 0."""
    config = MiningConfig.of(depth=depth, max_depth=deepest, ladder=ladder)
    assert (config.deepest, config.deepens) == (max(depth, deepest), deepens)


def test_a_config_cannot_be_changed():
    """It is hashed into what it made."""
    with pytest.raises(ConfigError, match="settings cannot be changed"):
        MiningConfig.of().depth = 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give one of: data"),
        ({"data": "x", "pairs": "y"}, "give one of: data"),
        ({"data": "x", "corpus": "y"}, "give one of: data"),
        ({"corpus": "x", "queries": "y"}, "corpus, queries and qrels go together; corpus, queries alone is not enough"),
        ({"pairs": "x", "queries": "y"}, "pairs go with a corpus or alone"),
        ({"pairs": "x", "split": ("train",)}, "split goes with data"),
        ({"data": "x", "query_vectors": "q.npy"}, "query_vectors and passage_vectors go together"),
        ({"data": "x", "on_error": "ignore"}, "on_error is 'ignore': input should be 'fail' or 'skip'"),
    ],
)
def test_inputs_that_do_not_go_together(given, message):
    """Told before a file is opened."""
    with pytest.raises(ConfigError) as caught:
        Inputs.of(**given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "given",
    [
        {"data": "x"},
        {"data": "x", "split": ("dev",)},
        {"pairs": ("x",)},
        {"pairs": ("x", "x2"), "corpus": ("y",)},
        {"corpus": ("x",), "queries": ("y",), "qrels": ("z",)},
    ],
)
def test_inputs_that_do(given):
    """A folder, three files, or pairs."""
    assert Inputs.of(**given).model_dump(exclude_defaults=True) == given


def test_one_name_is_a_list_of_one_and_none_comes_twice():
    """Shards of a corpus, several files of pairs: all are read, each once."""
    assert Inputs.of(pairs="x", corpus=["a", "b"]).corpus == ("a", "b")
    assert Inputs.of(**{**Inputs.of(pairs="x").model_dump(), "corpus": None}) == Inputs.of(pairs=("x",))
    with pytest.raises(ConfigError, match="a is named twice"):
        Inputs.of(pairs="x", corpus=["a", "b", "a"])


def test_runtime_refuses_nonsense():
    """It is no part of the config: no field is in both."""
    with pytest.raises(ConfigError, match="threads is 0"):
        Runtime.of(threads=0)
    assert not set(Runtime.model_fields) & set(MiningConfig.model_fields)


def test_where_the_cache_lies(monkeypatch, tmp_path):
    """HARDNEG_CACHE, else XDG_CACHE_HOME, else the home folder; empty is unset."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache({"HARDNEG_CACHE": "/a", "XDG_CACHE_HOME": "/b"}).as_posix() == "/a"
    assert default_cache({"HARDNEG_CACHE": "", "XDG_CACHE_HOME": "/b"}).as_posix() == "/b/hardneg"
    assert default_cache({"XDG_CACHE_HOME": ""}) == tmp_path / ".cache" / "hardneg"


def test_what_pass_one_measures_is_what_is_asked_for():
    """The needs of filters and sampler, what `evidence` names, and what is always stored; in the order of the table, once each."""
    assert MiningConfig.of().measured == ALWAYS
    assert set(MiningConfig.of(filters=("near_positive:off", "nearest:off")).measured) == set(ALWAYS)
    assert MiningConfig.of(evidence=("same_id", "same_text", "same_id")).evidence == ("same_text", "same_id")
    assert MiningConfig.of().needed["same_text"] == "filter 'self_match'"


def test_a_copy_has_the_parts_of_its_own_values():
    """And is checked like any other config."""
    config = MiningConfig.of()
    assert config.active_filters["margin"].below == 10
    copy = config.model_copy(update={"filters": ("margin:below=3",), "negatives": 2})
    assert (copy.active_filters["margin"].below, copy.negatives, copy.depth) == (3, 2, config.depth)
    with pytest.raises(ConfigError, match="negatives"):
        config.model_copy(update={"negatives": 0})


def test_rules_by_a_judge_run_last():
    """Whatever their place in the table; a vote of sources counts all judges, and is the last of all."""
    judges = ("bi-encoder:model=a", "cross-encoder:model=b")
    specs = ("margin:by=cross-encoder,relative=0.1", "max_score:by=bi-encoder,score=1", "ranks:skip=10", "consensus")
    config = MiningConfig.of(judges=judges, filters=specs)
    assert list(config.active_filters)[-4:] == ["ranks", "max_score:by=bi-encoder", "margin:by=cross-encoder", "consensus"]
    assert list(config.without_judges().active_filters)[-1] == "ranks"
