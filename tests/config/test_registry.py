"""Parts by name: what a spec says, what is made of it, and every way of getting it wrong."""

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.config import MiningConfig
from miner.config.registry import Spec, build, resolved
from miner.errors import ConfigError


@dataclass(frozen=True)
class Part:
    """One knob of every kind."""

    share: float = 0.5
    count: int | None = None
    strict: bool = False
    of: Literal["raw", "survivors"] = "raw"


TABLE = {"part": Part, "other": Part}


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("part", Spec("part")),
        ("part:", Spec("part")),
        (" part:off ", Spec("part", off=True)),
        ("part:share=0.1", Spec("part", (("share", "0.1"),))),
        ("part: share = 0.1 , count=3", Spec("part", (("share", "0.1"), ("count", "3")))),
        ("part:of=", Spec("part", (("of", ""),))),
    ],
)
def test_parse(text, spec):
    """A name, a name that is off, or a name with knobs."""
    assert Spec.parse(text) == spec


@pytest.mark.parametrize("text", ["part:share", "part:=1", "part:share=1,", "part:on", "part:off,share=1"])
def test_what_is_no_spec_is_refused(text):
    """With the two forms that are."""
    with pytest.raises(ConfigError, match=f"'{text}' is not a part: write name:knob=value,knob=value or name:off"):
        Spec.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_score:0.8", "'max_score:0.8' is no filter; write max_score:score=0.8 (knobs of 'max_score': score, by)"),
        ("relative_margin=0.05", "there is no filter 'relative_margin'; write margin:relative=0.05"),
        ("absolute-margin:0.1", "there is no filter 'absolute-margin'; write margin:absolute=0.1"),
        ("percentile:on", "'percentile:on' is no filter; write percentile:KNOB=VALUE"),
        ("nprobe=3", "there is no filter 'nprobe=3'"),
    ],
)
def test_a_filter_in_another_form_is_answered_with_its_own(text, message):
    """With the value that was given, also where another program's name is used."""
    with pytest.raises(ConfigError) as caught:
        MiningConfig.of(filters=(text,))
    assert message in caught.value.with_flags


@given(st.floats(allow_nan=False, allow_infinity=False), st.none() | st.integers(), st.booleans(), st.sampled_from(["raw", "survivors"]))
def test_what_is_written_out_is_read_back(share, count, strict, of):
    """A part, as the manifest stores it, makes the same part; writing it out again changes nothing."""
    part = Part(share, count, strict, of)
    spec = resolved(Spec("part"), part)
    assert build("filter", TABLE, Spec.parse(str(spec))) == part
    assert resolved(spec, part) == spec == Spec.parse(str(spec))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prat", "there is no filter 'prat'; did you mean 'part'? There are: part, other"),
        ("part:shar=1", "filter 'part' has no knob 'shar'; did you mean 'share'? It has: share, count, strict, of"),
        ("part:share=1,share=2", "filter 'part' is given 'share' twice"),
        ("part:share=much", "filter 'part': share is a number, not 'much'"),
        ("part:share=nan", "filter 'part': share is a finite number, not 'nan'"),
        ("part:share=-inf", "filter 'part': share is a finite number, not '-inf'"),
        ("part:count=1.5", "filter 'part': count is a whole number, not '1.5'"),
        ("part:strict=1", "filter 'part': strict is true or false, not '1'"),
        ("part:of=Raw", "filter 'part': of is one of raw, survivors, not 'Raw'"),
    ],
)
def test_a_wrong_part_is_told_in_one_sentence(text, message):
    """What is wrong, the value, what would be right."""
    with pytest.raises(ConfigError) as caught:
        build("filter", TABLE, Spec.parse(text))
    assert str(caught.value) == message


def test_a_part_without_knobs_says_so():
    """It has: none."""
    with pytest.raises(ConfigError, match="sampler 'top' has no knob 'k'; it has: none"):
        build("sampler", {"top": dataclass(frozen=True)(type("Top", (), {}))}, Spec.parse("top:k=1"))
