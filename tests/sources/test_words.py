"""Words where a script has spaces, pairs of characters where it has none, each chosen run by run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.sources.tokens import terms


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("...!?", ""),
        ("The C++ of foo_bar, 2nd.", "the c of foo_bar 2nd"),
        ("STRASSE Straße ﬁne Ωmega", "strasse strasse fine ωmega"),
        ("naïve nai\u0308ve", "naïve naïve"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("السَّلام عليكم", "السَّلام عليكم"),
        ("한국어 문장", "한국어 문장"),
        ("臺灣大學", "臺灣 灣大 大學"),
        ("山。川", "山 川"),
        ("データベースの検索", "デー ータ タベ ベー ース スの の検 検索"),
        ("ﾃﾞｰﾀ", "デー ータ"),
        ("สวัสดี", "สวั วัส สดี"),
        ("Debianは自由なOSです", "debian は自 自由 由な os です"),
    ],
)
def test_terms(text, wanted):
    """Case, width and composition are equal; marks stay with their letters; nothing joins across another script or a mark."""
    assert list(terms(text)) == wanted.split()


@given(st.text())
def test_any_text_has_terms_without_spaces(text):
    """Whatever comes; twice the text is twice the terms.."""
    found = list(terms(text))
    assert all(term and not any(sign.isspace() for sign in term) for term in found)
    assert list(terms(f"{text} {text}")) == found * 2
