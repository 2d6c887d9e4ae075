"""What is changed in a batch: deletion, order, paraphrase, TF-IDF negatives, replacement; the loss of every row."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.errors import ConfigError
from miner.train import TrainConfig, train
from miner.train.augment import Paraphrasing, Una, WordDeletion, WordSwaps
from miner.train.hardness import row_losses
from miner.train.replace import ReserveReplacement, easy
from miner.train.training_rows import TrainingColumns

TEXTS = ["the boiler holds 20 litres of water", "the boiler is made of brass", "a kettle holds 2 litres", "the cat sat on the mat"]


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=9), st.floats(0, 1, exclude_max=True), st.integers(0, 5))
def test_deletion_and_order_keep_words(words, share, step):
    """Deletion keeps a subsequence and at least one word; reordering keeps all of them; the same noise, the same text."""
    text = " ".join(words)
    rows = [{"anchor": text, "positive": text}]
    shorter, shuffled = WordDeletion(share)(rows, step)[0], WordSwaps(share)(rows, step)[0]
    left = iter(words)
    assert all(word in left for word in shorter["anchor"].split())
    assert shorter["anchor"]
    assert Counter(shuffled["anchor"].split()) == Counter(words)
    assert shorter["positive"] == shuffled["positive"] == text
    assert WordDeletion(share)(rows, step) == [shorter]


def test_paraphrase_is_the_users_own():
    """Always, never, and an empty answer."""
    rows = [{"anchor": "a b", "positive": "c"}]
    assert Paraphrasing(str.upper, 1.0)(rows, 0)[0]["anchor"] == "A B"
    assert Paraphrasing(str.upper, 0.0)(rows, 0) == rows
    assert Paraphrasing(lambda text: "", 1.0)(rows, 0) == rows


def test_una_weights_are_the_formula():
    """log(1 + count / length) × log(N / df), in loops."""
    una = Una(TEXTS)
    words = ["the", "boiler", "the", "boiler", "holds"]
    for word in set(words):
        df = sum(word in text.split() for text in TEXTS)
        assert una.weights(words)[word] == pytest.approx(math.log(1 + words.count(word) / 5) * math.log(4 / df))


@pytest.mark.parametrize("step", range(6))
def test_una_replaces_what_weighs_most_and_never_the_least(step):
    """The weightiest word always goes, the lightest never (its chance is zero); a number for a number; every fifth batch."""
    una = Una(TEXTS, every=5)
    made = una(rows := [{"anchor": "q", "positive": TEXTS[0]}], step)[0]
    assert ("negative_una" in made) == (step % 5 == 0)
    text = una.text(TEXTS[0], step)
    assert text != TEXTS[0]
    assert len(text.split()) == len(TEXTS[0].split())
    assert text.split()[0] == "the"
    assert text.split()[3].isdigit()
    assert rows[0] == {"anchor": "q", "positive": TEXTS[0]}


def slowly(una, word, draw):
    """The substitute of a word, candidate by candidate."""
    digits = any(map(str.isdigit, word))
    place = una.position.get(word, 0)
    low = max(0, place - una.near // 2)
    near = range(low, min(len(una.vocabulary), low + una.near))
    some = [i for i in near if i != place and any(map(str.isdigit, una.vocabulary[i])) == digits]
    weights = np.array([una.weight[i] + 1e-9 for i in some])
    return una.vocabulary[some[int(draw.choice(len(some), p=weights / weights.sum()))]] if some else word


@pytest.mark.parametrize("near", [2, 5, 4000])
def test_una_substitutes_are_those_of_the_slow_version(near):
    """Every word of a vocabulary, numbers among them, and two strangers: the same draw, the same word."""
    draw = np.random.default_rng(0)
    words = [*(f"w{'x' * i}" for i in range(20)), *map(str, range(9)), "a1"]
    una = Una([" ".join(draw.choice(words, size=6)) for _ in range(40)], near=near)
    for seed, word in enumerate([*una.vocabulary, "stranger", "77"]):
        wanted = slowly(una, word, np.random.default_rng(seed))
        assert una.substitute(word, np.random.default_rng(seed)) == wanted, word


def test_una_without_substitutes_changes_nothing():
    """One text of one word."""
    assert Una(["word"]).text("word", 0) == "word"
    assert Una(["word"]).text("", 0) == ""


@pytest.mark.parametrize(
    ("first", "now", "told"),
    [
        (0.9, 0.7, True),
        (0.9, 0.78, False),
        (0.9, 0.85, False),
        (0.99, 0.82, False),
        (-0.2, -0.5, True),
        (-0.2, -0.21, False),
        (0.4, 0.5, False),
    ],
)
def test_easy_is_conans_rule_for_any_sign(first, now, told):
    """1.15 S < S0 and S < 0.8 for positive scores, nearly; the same drop for negative ones."""
    assert easy(first, now, 0.15, 0.8) is told


def test_easy_negatives_give_way_and_the_state_goes_on():
    """Scored every second batch; the next in reserve comes; an empty reserve keeps what is there."""
    near = {"q": [1.0, 0.0], "n": [0.9, math.sqrt(0.19)], "r1": [0.9, math.sqrt(0.19)], "r2": [0.8, 0.6]}
    swap = ReserveReplacement({("q", "p"): ["r1", "r2"]}, lambda texts, side: np.array([near[t] for t in texts], np.float32), every=2)
    row = {"anchor": "q", "positive": "p", "negative_1": "n"}
    assert swap([row], 0) == [row]
    near["n"] = [0.1, math.sqrt(0.99)]
    assert swap([row], 1) == [row]
    assert swap([row], 2)[0]["negative_1"] == "r1"
    other = ReserveReplacement({}, swap._encode, every=2)
    other.load(swap.state())
    near["r1"] = [0.8, 0.6]
    assert other([row], 4)[0]["negative_1"] == "r1"
    near["r1"] = [0.0, 1.0]
    assert other([row], 6)[0]["negative_1"] == "r2"
    near["r2"] = [0.0, 1.0]
    other([row], 8)
    near["r2"] = [-1.0, 0.0]
    assert other([row], 10)[0]["negative_1"] == "r2"
    assert (swap.replaced, other.replaced) == (1, 2)


def test_row_losses_are_the_formula():
    """Own negatives and the other rows' positives, copies of the own positive apart."""
    draw = np.random.default_rng(0)
    told = {name: draw.normal(size=4) for name in ("a", "b", "c", "p", "r", "x", "y", "z")}
    rows = TrainingColumns({"anchor": ["a", "b", "c"], "positive": ["p", "p", "r"], "negative_1": ["x", "y", "z"]})
    found = row_losses(rows, lambda texts, side: np.array([told[t] for t in texts], np.float32), scale=3.0)

    def cosine(one, other):
        return 3 * told[one] @ told[other] / np.linalg.norm(told[one]) / np.linalg.norm(told[other])

    against = {"a": ["r", "x"], "b": ["r", "y"], "c": ["p", "p", "z"]}
    for place, (anchor, positive) in enumerate(zip("abc", "ppr", strict=True)):
        good = math.exp(cosine(anchor, positive))
        bad = sum(math.exp(cosine(anchor, other)) for other in against[anchor])
        assert found[place] == pytest.approx(-math.log(good / (good + bad)), rel=1e-5)


KNOBS = {"steps": 3, "train_batch_size": 8, "learning_rates": (0.05,), "use_negatives": 1}


@pytest.fixture(scope="module")
def unchanged(tiny_bert, tiny_rows, tmp_path_factory):
    """The weights without any change."""
    folder = tmp_path_factory.mktemp("plain") / "out"
    return (train(tiny_rows, TrainConfig.of(model=str(tiny_bert), **KNOBS), out=folder).folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "change", ["delete:of=positive,share=0.9", "reorder:of=both,share=1", "una:every=1", "replace:drop=0,score=1,every=1", "paraphrase"]
)
def test_every_change_trains(tiny_bert, tiny_rows, tmp_path, unchanged, change):
    """From config to weights that differ from those without it."""
    settings = TrainConfig.of(model=str(tiny_bert), **KNOBS, changes=(change,))
    made = train(tiny_rows, settings, out=tmp_path / "made", paraphrase=lambda text: f"{text} w9")
    assert (made.folder / "model.safetensors").read_bytes() != unchanged


def test_changes_say_what_they_need(tiny_model, tiny_rows, tmp_path):
    """A function, a reserve; an unknown name."""
    for change, said in (("paraphrase", "needs your function"), ("replace", "set use_negatives")):
        with pytest.raises(ConfigError, match=said):
            train(tiny_rows, TrainConfig.of(model=str(tiny_model), changes=(change,)), out=tmp_path / change)
    with pytest.raises(ConfigError, match="there is no change 'x'"):
        TrainConfig.of(changes=("x",))


WRONG = [
    (lambda: WordDeletion(7), "WordDeletion wants 0 <= share < 1, got share=7"),
    (lambda: WordSwaps(-0.1), "WordSwaps wants 0 <= share <= 1, got share=-0.1"),
    (lambda: Paraphrasing(str, 2), "Paraphrasing wants 0 <= share <= 1, got share=2"),
    (lambda: Una(TEXTS, every=0), "Una wants 1 <= every"),
    (lambda: ReserveReplacement({}, len, drop=-1), "ReserveReplacement wants 0 <= drop <= 2, got drop=-1"),
]


@pytest.mark.parametrize(("build", "message"), WRONG, ids=[message.split()[0] for _, message in WRONG])
def test_a_class_has_the_ranges_of_its_part(build, message):
    """Where nobody reads a configuration."""
    with pytest.raises(ValueError, match=message):
        build()
