"""A name that does not exist: the sentence holds the right form, at the command line, in Python and over HTTP."""

import re

import pytest

from app.errors import WrongFields
from app.http.body import MINE_REQUEST, validated
from miner import MiningConfig
from miner.config.presets import PRESETS
from miner.errors import ConfigError
from miner.samplers import SAMPLERS
from miner.support.unknown_names import ELSEWHERE, PRESET, SAMPLER, SETTING, similar_name, unknown_name

FORMS = [
    ({"filters": ["max_score=0.8"]}, "'max_score=0.8' is no filter; write max_score:score=0.8 "),
    ({"filters": ["margin=0.1"]}, "write margin:absolute=0.1 or margin:relative=0.1 or margin:background=0.1 (knobs of 'margin'"),
    ({"filters": ["margin relative=0.1,below=3"]}, "write margin:relative=0.1,below=3 "),
    ({"filters": ["max_scor:score=1"]}, "there is no filter 'max_scor'; did you mean 'max_score'? There are: known_positive, "),
    ({"filters": ["margin:relativ=1"]}, "no knob 'relativ'; did you mean 'relative'? It has: absolute, relative"),
    ({"sampler": "uniform=5"}, "'uniform=5' is no sampler; write uniform:first=5 "),
    ({"sampler": "random"}, "did you mean 'uniform'?"),
    ({"index": "IVF64,Flat,nprobe=8"}, "search settings stand after a colon, as in IVF64,Flat:nprobe=8"),
    ({"preset": "saef"}, "there is no preset 'saef'; did you mean 'safe'? There are: default, safe, "),
    ({"preset": "NV-Retriever"}, "did you mean 'percpos'?"),
    ({"output_format": "parquet"}, "did you mean kind= parquet?"),
    ({"num_negatives": 3}, "there is no setting 'num_negatives'; did you mean negatives=?"),
    ({"range_min": 3}, 'did you mean filters=["ranks:skip=N"]?'),
    ({"zzzz": 3}, "there is no setting 'zzzz'; there are: model, "),
]


@pytest.mark.parametrize(("values", "message"), FORMS, ids=lambda value: str(value)[:40])
def test_a_wrong_form_names_the_right_one(values, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        MiningConfig(**values)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("mine --nagatives 3", "mine has no flag --nagatives; did you mean --negatives? `hardneg mine --help-all` lists its flags"),
        ("mine -negatives 3", "mine has no flag -negatives; did you mean --negatives?"),
        ("mine --range-min 3", "did you mean --filter 'ranks:skip=N'?"),
        ("mine --zzzz", "mine has no flag --zzzz; `hardneg mine --help-all`"),
        ("--versoin", "hardneg has no flag --versoin; did you mean --version? `hardneg --help`"),
        ("keys ls --jsno", "keys ls has no flag --jsno; did you mean --json? `hardneg keys ls --help`"),
        ("mien", "there is no verb 'mien'; did you mean 'mine'? `hardneg --help` lists the verbs"),
        ("version", "did you mean hardneg --version?"),
        ("cache list", "did you mean 'ls'? `hardneg cache --help`"),
    ],
)
def test_a_wrong_flag_or_verb_names_the_right_one(words, message):
    import typer

    from app.cli import app

    with pytest.raises(ConfigError) as refused:
        typer.main.get_command(app).main(words.split(), "hardneg", standalone_mode=False)
    assert message in refused.value.with_flags


@pytest.mark.parametrize(
    ("name", "near"), [("filterz", "; did you mean filters"), ("num_negatives", "; did you mean negatives=?"), ("zzzz", "")]
)
def test_an_unknown_field_of_a_body_names_the_right_one(name, near):
    with pytest.raises(WrongFields) as refused:
        validated(MINE_REQUEST, {"queries": [{"text": "a", "positive_texts": ["b"]}], "config": {name: 1}})
    (fault,) = refused.value.faults
    assert (fault["pointer"], near in fault["detail"].replace("'", "")) == (f"/config/{name}", True)


def test_a_name_of_another_program_leads_to_one_that_exists():
    """And never away from a name that is right."""
    fields = {*MiningConfig.model_fields, "allow_code", "out", "field", "filter", "pairs", "corpus"}
    flags = [text.split()[0].lstrip("-").replace("-", "_") for text in ELSEWHERE[SETTING].values()]
    assert [flag for flag in flags if flag not in fields] == []
    assert set(ELSEWHERE[PRESET].values()) <= set(PRESETS)
    assert set(ELSEWHERE[SAMPLER].values()) <= set(SAMPLERS)
    assert not set(ELSEWHERE[SETTING]) & set(MiningConfig.model_fields)
    assert similar_name(SETTING, "Near-Positive", ["near_positive"]) == "'near_positive'"
    assert unknown_name("part", "x", ["y"]) == "there is no part 'x'; there are: y"
