"""Every kind of variation makes what its slow twin makes; every one in the table keeps the promises of all."""

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.config import MiningConfig
from miner.config.registry import Spec, build
from miner.errors import ConfigError
from miner.support.noise import generator
from miner.types import MemoryTexts
from miner.variations import VARIATIONS
from miner.variations.una import DistinctTexts, WordReplacement

TEXTS = (
    "Cats sleep all day. Dogs do not! Who knows 42 owls?",
    "one two three",
    "猫は眠る。犬は走る！",
    "v1.2 is out\nfetch it",
    "alone",
    "",
)
CORPUS = MemoryTexts([f"p{place}" for place in range(7)], [*TEXTS, TEXTS[0]])
texts = st.one_of(st.sampled_from(TEXTS), st.lists(st.sampled_from(["a", "b c", "d.", "E!\n", "12", "x?"])).map(" ".join))
seeds = st.integers(0, 2**32)


def opened(spec):
    return build("variation", VARIATIONS, Spec.parse(spec)).open(CORPUS, str.title)


def deleted_slowly(text, share, draw):
    """Keep a word where its number is not under the share; then lose the one of the least number, or keep the one of the largest."""
    words, numbers = text.split(), draw.random(len(text.split())).tolist()
    if len(words) < 2:
        return text
    left = [place for place, number in enumerate(numbers) if number >= share]
    if len(left) == len(words):
        left.remove(numbers.index(min(numbers)))
    return " ".join(words[place] for place in left or [numbers.index(max(numbers))])


def reordered_slowly(text, draw):
    """Cut behind every mark that white space follows, behind a full-width mark, and at a new line; put the pieces in another order."""
    pieces, piece = [], ""
    for place, sign in enumerate(text.strip()):
        after = text.strip()[place + 1 : place + 2]
        piece += sign
        if (sign in ".!?…" and after.isspace()) or sign in "。！？" or sign == "\n":
            pieces, piece = [*pieces, piece.strip()], ""
    pieces = [each for each in (*pieces, piece.strip()) if each]
    order = draw.permutation(len(pieces)).tolist()
    if order == sorted(order):
        order = [*order[1:], *order[:1]]
    return "".join(pieces[place] + ("" if pieces[place][-1] in "。！？" else " ") for place in order).strip()


def weights_slowly(text):
    """log(1 + count / length) * log(N / df), over distinct texts."""
    every = [re.findall(r"\w+", each.lower()) for each in set(TEXTS)]
    words = re.findall(r"\w+", text.lower())
    df = {word: sum(word in each for each in every) for word in words}
    return {w: math.log(1 + n / len(words)) * (math.log(len(every) / df[w]) if df[w] else 0.0) for w, n in Counter(words).items()}


@given(text=texts, seed=seeds, share=st.sampled_from([0.01, 0.3, 0.99]))
def test_words_left_out(text, seed, share):
    assert opened(f"delete:share={share}")(text, generator(seed)) == deleted_slowly(text, share, generator(seed))


@given(text=texts, seed=seeds)
def test_sentences_in_another_order(text, seed):
    """As many sentences, never in the order they were in."""
    assert opened("reorder")(text, generator(seed)) == reordered_slowly(text, generator(seed))


@given(text=st.sampled_from(TEXTS), seed=seeds, strength=st.sampled_from([0.0, 0.5, 1.0]))
def test_words_replaced_by_tf_idf(text, seed, strength):
    """Which words give way, and to what of the same shape, are the formula's; the weightiest always does, the least only where it is that."""
    una, draw, weights = WordReplacement(DistinctTexts(CORPUS), strength), generator(seed), weights_slowly(text)
    wanted = text
    if weights:
        low, high = min(weights.values()), max(weights.values())
        giving = {word for word, weight in weights.items() if draw.random() < strength * (weight - low) / max(high - low, 1e-12)}
        giving.add(max(weights, key=lambda word: (weights[word], word)))
        others = {word: una.substitute(word, draw) for word in sorted(giving)}
        assert all((re.search("[0-9]", word) is None) == (re.search("[0-9]", other) is None) for word, other in others.items())
        wanted = re.sub(r"\w+", lambda found: others.get(found[0].lower(), found[0]), text)
    assert opened(f"una:strength={strength}")(text, generator(seed)) == wanted


@pytest.mark.parametrize("kind", VARIATIONS)
def test_a_text_and_its_numbers_are_all_that_counts(kind):
    """The order of the corpus, another text before it and another object of the kind change nothing; another draw does, where one is drawn."""
    one, other = (
        opened(kind),
        build("variation", VARIATIONS, Spec(kind)).open(MemoryTexts(CORPUS.ids(range(7)), CORPUS.texts([*range(6, -1, -1)])), str.title),
    )
    other(TEXTS[1], generator(9))
    made = [one(TEXTS[0], generator(seed)) for seed in range(20)]
    assert made == [other(TEXTS[0], generator(seed)) for seed in range(20)]
    assert TEXTS[0] not in made
    assert len(set(made)) > 1 or kind == "paraphrase"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("delete:share=0", "variation 'delete' wants 0 < share < 1, got share=0.0"),
        ("una:near=1", "variation 'una' wants 0 <= strength <= 1 and near >= 2, got strength=0.5, near=1"),
        ("una:every=5", "variation 'una' has no knob 'every'; it has: count, strength, near"),
        ("delete=1", "'delete=1' is no variation; write delete:count=1 or delete:share=1 (knobs of 'delete': count, share)"),
        ("shuffle", "there is no variation 'shuffle'; there are: delete, reorder, una, paraphrase"),
        *((f"{kind}:count=0", f"variation '{kind}' wants 1 <= count <= 100, got count=0") for kind in VARIATIONS),
    ],
)
def test_a_wrong_kind_or_knob_is_refused(spec, message):
    with pytest.raises(ConfigError) as refused:
        MiningConfig.of(variations=(spec,))
    assert refused.value.with_flags == message


def test_kinds_stand_in_the_order_of_the_table_with_every_knob():
    """One that says off is left out, and one kind stands once."""
    config = MiningConfig.of(variations=("reorder", "una:off", "delete:share=0.2"))
    assert config.variations == ("delete:count=1,share=0.2", "reorder:count=1")
    assert config.variations_per_row == 2
    with pytest.raises(ConfigError, match="variation 'una' is set twice: leave one; una:count=2 makes two of a row"):
        MiningConfig.of(variations=("una", "una:count=3"))


def test_a_paraphrase_is_asked_for_once_and_is_a_text():
    """One passage is a negative of many queries; what is no text is refused with the text it was made of."""
    asked = []
    change = build("variation", VARIATIONS, Spec("paraphrase")).open(CORPUS, lambda text: asked.append(text) or text[::-1])
    assert [change("abc", np.random.default_rng(seed)) for seed in range(3)] == ["cba"] * 3
    assert asked == ["abc"]
    broken = build("variation", VARIATIONS, Spec("paraphrase")).open(CORPUS, lambda text: 7)
    with pytest.raises(ConfigError, match="your paraphrase function returned a number for 'abc'; a text is needed"):
        broken("abc", np.random.default_rng(0))
