"""Texts held against each other: nothing is lost, nothing becomes markup, nothing stays hidden."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.word_diff import MAX_CHARS, diff, jaccard, mark_shared, tokens, visible

EVIL = "<script>alert(1)</script>"


def plain(markup, without=""):
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(rf"<{without}>.*?</{without}>", "", markup, flags=re.DOTALL) if without else markup))


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_character_is_shown_once(text, other):
    assert "".join(tokens(text)) == text
    assert plain(mark_shared(text, other)) == visible(text)
    assert plain(diff(other, text), "del") == visible(text)
    assert plain(diff(other, text), "ins") == visible(other)


def test_what_both_have_is_marked():
    assert mark_shared("The tower stands in Paris.", "Which tower? PARIS") == "The <mark>tower</mark> stands in <mark>Paris</mark>."
    assert mark_shared("東京の塔", "塔") == "東京の<mark>塔</mark>"
    assert mark_shared("a b c", "a b c") == "a b c"


def test_what_was_changed_is_told_word_for_word():
    assert diff("the red house", "the blue house") == "the <del>red</del><ins>blue</ins> house"


def test_a_text_is_never_markup():
    for markup in (mark_shared(EVIL, EVIL), diff("x", EVIL), diff(EVIL, "x")):
        assert "<script" not in markup


@pytest.mark.parametrize(
    ("text", "shown"), [("a\u202eb", "a‹U+202E›b"), ("a\0b\x1b", "a‹U+0000›b‹U+001B›"), ("a\u200bb", "a‹U+200B›b"), ("a\nb\tc", "a\nb\tc")]
)
def test_what_turns_or_hides_text_is_written_out(text, shown):
    assert visible(text) == shown


def test_a_long_text_is_cut_and_says_so():
    assert visible("x" * (MAX_CHARS + 1500)).endswith("… (1,500 more characters)")


@pytest.mark.parametrize(
    ("one", "two", "least", "most"),
    [
        ("a b c d e f", "A, b c d e f!", 1, 1),
        ("a b c d e f", "u v w x y z", 0, 0),
        ("", "", 1, 1),
        ("a b c d e f g h", "a b c d e f g x", 0.5, 0.9),
    ],
)
def test_how_alike_two_texts_are(one, two, least, most):
    assert least <= jaccard(one, two) <= most
