"""The drop-in's corpus is whatever holds texts in order; anything else is refused in one sentence."""

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from miner.compat import mine_hard_negatives
from miner.compat.corpus_texts import corpus_texts

TEXTS = ["w1 w3", "w40 w41", ""]
COLLECTIONS = {
    "tuple": tuple,
    "generator": lambda texts: (text for text in texts),
    "datasets column": lambda texts: datasets.Dataset.from_dict({"text": texts})["text"],
    "pandas": pd.Series,
    "polars": pl.Series,
    "NumPy": np.array,
    "NumPy objects": lambda texts: np.array(texts, dtype=object),
    "Arrow": pa.array,
    "chunked Arrow": lambda texts: pa.chunked_array([texts[:1], texts[1:]]),
    "dict's values": lambda texts: dict(enumerate(texts)).values(),
}
FAULTS = {
    "one text": ("w1", r"corpus is one text, 'w1': a list of texts is needed, \['w1'\]"),
    "bytes": (b"w1", "corpus is one text, b'w1'"),
    "a dict": ({"text": TEXTS}, "corpus is a table or a dict, of type dict: name the column of texts"),
    "a frame": (pd.DataFrame({"text": TEXTS}), "corpus is a table or a dict, of type DataFrame"),
    "a dataset": (datasets.Dataset.from_dict({"text": TEXTS}), "corpus is a table or a dict, of type Dataset"),
    "a set": ({"w1"}, "corpus is of type set, which has no order"),
    "a matrix": (np.array([["w1"]]), r"corpus is an array of shape \(1, 1\)"),
    "a number": (5, "corpus is of type int: a list of texts is needed"),
    "None inside": (["w1", None], r"corpus\[1\] is None, of type NoneType: every passage is a text"),
    "None in a Series": (pd.Series(["w1", None], dtype=object), r"corpus\[1\] is None"),
    "numbers": (np.array([1, 2]), r"corpus\[0\] is 1, of type int: every passage is a text"),
    "lists": ([["w1"]], r"corpus\[0\] is \['w1'\], of type list"),
}


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_every_collection_of_texts_is_a_list_of_them(kind):
    """In its order, as plain texts."""
    texts = corpus_texts(COLLECTIONS[kind](TEXTS))
    assert texts == TEXTS
    assert {type(text) for text in texts} == {str}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_collection_of_texts_is_refused(name):
    corpus, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        corpus_texts(corpus)


def test_the_drop_in_takes_them(tiny_model):
    """The rows are those of a list; a model's name is refused."""
    from sentence_transformers import SentenceTransformer

    pairs, model = datasets.Dataset.from_dict({"query": ["w1"], "answer": ["w1 w2"]}), SentenceTransformer(str(tiny_model), device="cpu")
    options = {"num_negatives": 2, "output_format": "n-tuple", "verbose": False}
    expected = mine_hard_negatives(pairs, model, corpus=TEXTS, **options)[0]
    assert mine_hard_negatives(pairs, model, corpus=(text for text in TEXTS), **options)[0] == expected
    with pytest.raises(ValueError, match="model is a name, 'some/name': a loaded model is needed"):
        mine_hard_negatives(pairs, "some/name", **options)
