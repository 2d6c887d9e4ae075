"""The lookup of ids equals a dict, also when hashes collide; ragged judgements equal a dict of sets."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.read import ids
from miner.read.assemble import merge_judgements
from miner.read.text_writer import TextsWriter
from miner.types import Texts

KEYS = {"xxh3": ids.key, "few": lambda text: len(text) % 3, "one": lambda text: 7}
NAMES = st.lists(st.text(alphabet="abä", min_size=1, max_size=3), max_size=30)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@given(there=NAMES, wanted=NAMES)
def test_lookup_equals_a_dict(
    tmp_path_factory: pytest.TempPathFactory, key: Callable[[str], int], there: list[str], wanted: list[str]
) -> None:
    path = tmp_path_factory.mktemp("ids") / "texts.arrow"
    first: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "key", key)
        patch.setattr("miner.read.text_writer.key", key)
        with TextsWriter(path) as writer:
            for row, name in enumerate(there):
                writer.add((name, None, "x", None, None), row)
        texts = Texts(path)
        assert ids.firsts(texts, writer.keys).tolist() == [first.setdefault(name, row) for row, name in enumerate(there)]
        assert ids.Lookup(writer.keys, texts.ids).rows(wanted).tolist() == [first.get(name, -1) for name in wanted]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(-128, 127)), min_size=1, max_size=40),
    st.permutations(range(7)),
)
def test_ragged_judgements_equal_a_dict(judgements: list[tuple[int, int, int]], id_order: list[int]) -> None:
    expected: dict[int, dict[int, int]] = {query: {} for query in range(5)}
    for query, passage, grade in judgements:
        expected[query][passage] = max(grade, expected[query].get(passage, -128))
    queries, passages, grades = (np.array(column) for column in zip(*judgements, strict=True))
    qrels, repeated, disputed = merge_judgements(5, queries, passages, grades.astype(np.int8), np.argsort(id_order).astype(np.int32))
    for query, start, stop in zip(range(5), qrels.indptr[:-1], qrels.indptr[1:], strict=True):
        rows = qrels.rows[start:stop].tolist()
        assert dict(zip(rows, qrels.grades[start:stop].tolist(), strict=True)) == expected[query]
        assert rows == sorted(rows, key=id_order.index)
        assert set(qrels.positives(query).tolist()) == {row for row, grade in expected[query].items() if grade >= 1}
    assert repeated == len(judgements) - sum(map(len, expected.values()))
    assert disputed == len(set(judgements)) - sum(map(len, expected.values()))
