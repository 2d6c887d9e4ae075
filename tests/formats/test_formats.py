"""Every format says what was chosen, in the shape sentence-transformers gives it, and reads back what it wrote."""

import dataclasses

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.cli.options import OUTPUT_FORMATS
from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.formats import FORMATS
from miner.formats.row_format import add_extra, shortest

ALL = ("ids", "scores", "ranks", "tiers", "extra")
WHOLE = {"n-tuple", "pylate"}
"""Formats without the rows that ran short."""
JUDGED = {"labeled-pair", "beir", "trec"}
"""Formats that keep the positives of a query without negatives."""
ALWAYS = {"nemo": {"scores"}, "pylate": {"scores"}, "trec": {"scores"}}
BY_ID = {name for name, shape in FORMATS.items() if shape.layout}
NO_SCORES = {"colbert", "msmarco", "gpl", "beir"}
formats = pytest.mark.parametrize("name", FORMATS)
single = pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if not shape.layout])


def asked(name, columns=ALL):
    """What of `columns` the format has room for."""
    return set(columns) & FORMATS[name].optional_columns


def carried(name, columns):
    """The lists a TrainingRow has when `columns` were asked for."""
    lists = (set(columns) | ALWAYS.get(name, set()) | ({"ids"} if name in BY_ID or name == "tevatron-v1" else set())) - {"extra"}
    return lists - ({"scores"} if name in NO_SCORES else set())


def judgements(rows):
    """What training rows claim: {(query id, passage id): (query text, passage text, label, score, rank, tier)}."""
    claims = {}
    for row in rows:
        lists = [values or [None] * len(row.passages) for values in (row.scores, row.ranks, row.tiers)]
        for values in zip(row.ids, row.passages, row.labels, *lists, strict=True):
            claims.setdefault((row.query_id, values[0]), (row.query, *values[1:]))
    return claims


def expected(name, dataset, negatives, columns):
    """The same, from the arrays, one at a time."""
    claims, has = {}, carried(name, columns)
    for b, query in enumerate(negatives.queries):
        chosen = [m for m in range(negatives.rows.shape[1]) if negatives.rows[b, m] >= 0]
        if (name in WHOLE and len(chosen) < negatives.rows.shape[1]) or (name not in JUDGED and not chosen):
            continue
        query_text, query_id = dataset.queries.texts([query])[0], dataset.queries.ids([query])[0]
        told = [(p, 1, s, 0, 0) for p, s in zip(negatives.positives[b], negatives.positive_scores[b], strict=True)]
        told += [(negatives.rows[b, m], 0, negatives.scores[b, m], negatives.ranks[b, m], negatives.tiers[b, m]) for m in chosen]
        for row, label, score, rank, tier in told:
            text, passage = dataset.corpus.texts([row])[0], dataset.corpus.ids([row])[0]
            aside = [("scores", float(str(np.float32(score)))), ("ranks", rank), ("tiers", tier)]
            claims.setdefault(
                (query_id, passage), (query_text, text, label, *(value if column in has else None for column, value in aside))
            )
    return claims


def test_the_table_and_the_setting_name_the_same_formats():
    assert MiningConfig.model_json_schema()["properties"]["output_format"]["enum"] == list(FORMATS)
    assert [MiningConfig.of(output_format=name).output_format for name in FORMATS] == list(FORMATS)
    assert OUTPUT_FORMATS.replace(" or ", ", ").split(", ") == list(FORMATS)
    with pytest.raises(ConfigError, match="there is no output format 'pickle'; there are: triplet, n-tuple"):
        MiningConfig.of(output_format="pickle")


@formats
def test_a_column_a_format_has_no_room_for_is_refused(name):
    for column in ALL:
        if column in FORMATS[name].optional_columns:
            assert MiningConfig.of(output_format=name, columns=(column,)).columns == (column,)
        else:
            with pytest.raises(ConfigError, match=f"output format '{name}' has no room for {column}; it has room for .*ids"):
                MiningConfig.of(output_format=name, columns=(column,))
    if "tiers" not in FORMATS[name].optional_columns:
        with pytest.raises(ConfigError, match=f"output format '{name}' has no column for fallback levels"):
            MiningConfig.of(output_format=name, fill="random")


@formats
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_what_is_written_is_what_was_chosen_and_is_read_back(name, seed, dataset, negatives_of, read_back):
    negatives, columns = negatives_of(seed, own=seed % 2), asked(name)
    rows = read_back(name, columns, negatives)
    assert judgements(rows) == expected(name, dataset, negatives, columns)
    assert all(f"{name}" in row.where for row in rows)


@formats
@pytest.mark.parametrize("columns", [(), ("scores",), ("ids",), ("ranks", "tiers"), ALL])
@pytest.mark.parametrize("own", [False, True])
def test_every_choice_of_columns_reads_back_the_same_texts(name, columns, own, dataset, negatives_of, read_back):
    negatives = negatives_of(5, own)
    plain = [(row.query, row.passages) for row in read_back(name, (), negatives)]
    rows = read_back(name, asked(name, columns), negatives)
    assert [(row.query, row.passages) for row in rows] == plain
    lists = carried(name, asked(name, columns))
    assert all({column for column in ("ids", "scores", "ranks", "tiers") if getattr(row, column)} == lists for row in rows)


@formats
def test_rows_do_not_depend_on_where_blocks_are_cut(name, dataset, negatives_of):
    negatives = negatives_of(9)
    whole = list(FORMATS[name].write(dataset, negatives, ALL))
    parts = [slice(0, 5), slice(5, 6), slice(6, 12)]
    fields = [field.name for field in dataclasses.fields(negatives) if field.name not in ("sources", "teacher")]
    cut = [dataclasses.replace(negatives, **{name: getattr(negatives, name)[part] for name in fields}) for part in parts]
    assert [row for block in cut for row in FORMATS[name].write(dataset, block, ALL)] == whole


@pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if "sources" in shape.optional_columns])
def test_who_found_a_negative_at_which_rank(name, dataset, negatives_of, read_back):
    """`name:rank` of every source that found it; the column is ours, and no column of the user's."""
    negatives = negatives_of(2)
    found = negatives.rows >= 0
    sources = {"dense": np.where(found, 3, 0), "bm25": np.where(found & (negatives.rows % 2 == 0), 17, 0)}
    negatives = dataclasses.replace(negatives, sources=sources)
    written = orjson.dumps(list(FORMATS[name].write(dataset, negatives, ("sources",)))).decode()
    even = (negatives.rows % 2 == 0)[found].sum()
    assert '["dense:3"]' in written
    assert '["dense:3","bm25:17"]' in written or not even
    assert not any(row.extra for row in read_back(name, ("sources",), negatives))


SHAPES = {
    "triplet": (("anchor", "positive", "negative"), ("anchor", "positive", "negative", "scores")),
    "n-tuple": (
        ("anchor", "positive", "negative_1", "negative_2", "negative_3"),
        ("anchor", "positive", "negative_1", "negative_2", "negative_3", "scores"),
    ),
    "labeled-pair": (("anchor", "positive", "label"), ("anchor", "positive", "score")),
    "labeled-list": (("anchor", "positive", "labels"), ("anchor", "positive", "scores")),
    "flagembedding": (("query", "pos", "neg"), ("query", "pos", "neg", "pos_scores", "neg_scores")),
    "tevatron-v1": (("query_id", "query", "positive_passages", "negative_passages"),) * 2,
    "dpr": (("question", "answers", "positive_ctxs", "negative_ctxs", "hard_negative_ctxs"),) * 2,
    "ms-swift": (("messages", "positive_messages", "negative_messages"), ("messages", "positive_messages", "negative_messages", "scores")),
}


@single
def test_columns_are_those_the_trainer_reads(name, dataset, negatives_of):
    for columns, names in zip([(), ("scores",)], SHAPES[name], strict=True):
        assert {tuple(row) for row in FORMATS[name].write(dataset, negatives_of(1), columns)} == {names}


@formats
def test_other_columns_of_the_user_come_along_and_never_replace_ours(name, dataset, negatives_of, read_back):
    if "extra" not in FORMATS[name].optional_columns:
        return
    ours = name in {"triplet", "n-tuple", "labeled-pair", "labeled-list"}
    label = ("extra_extra_label", "extra_label") if ours else ("label", "extra_label")
    extras = [dict(row.extra) for row in read_back(name, ("extra",), negatives_of(1))]
    assert {"topic": "x", label[0]: 7, label[1]: 8} in extras
    assert all(extra.keys() <= {"topic", *label} for extra in extras)


def test_a_column_of_the_user_never_replaces_one_that_the_row_has():
    """Whether the format reserves the name or not."""
    assert add_extra({"answers": ["ours"]}, {"answers": "x", "note": 1}) == {"answers": ["ours"], "extra_answers": "x", "note": 1}


def test_a_labeled_pair_is_written_once_per_query_although_each_positive_has_negatives_of_its_own(dataset, negatives_of):
    negatives = negatives_of(2, own=True)
    twice = dataclasses.replace(negatives, rows=np.repeat(negatives.rows[::2], 2, axis=0))
    pairs = [(row["anchor_id"], row["passage_id"]) for row in FORMATS["labeled-pair"].write(dataset, twice, ("ids",))]
    assert len(pairs) == len(set(pairs)) == 24 + int((negatives.rows[::2] >= 0).sum())


def test_scores_are_the_shortest_decimals_and_never_nan():
    assert shortest(np.array([[0.1, np.nan, 1 / 3], [np.inf, 1e-30, -2]], np.float32)) == [[0.1, None, 0.33333334], [None, 1e-30, -2.0]]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_written_score_gives_the_same_float_back(values):
    assert shortest(np.array([values], np.float32)) == [[float(str(np.float32(value))) for value in values]]
    assert np.array_equal(np.array(shortest(np.array([values], np.float32)), np.float32), np.array([values], np.float32))
