"""The demo's retrieval set: the same every time, of a useful size, with positives that training does not see."""

import json
from pathlib import Path

import pytest

from miner.read import read_beir, read_files
from miner.read.docstrings import build, hidden_positives

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, build(folder)


def test_it_is_of_a_useful_size(made: tuple[Path, dict[str, int]]) -> None:
    counts = made[1]
    assert 3_000 <= counts["passages"] <= 9_000
    assert 1_500 <= counts["queries"] <= 4_000
    assert counts["several_positives"] >= 600
    words = [len(json.loads(line)["text"].split()) for line in (made[0] / "corpus.jsonl").open(encoding="utf-8")]
    assert min(words) >= 5
    assert max(words) <= 100


def test_it_is_the_same_every_time(made: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    assert build(tmp_path) == made[1]
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "all.tsv"):
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes()


def test_one_positive_is_shown_and_the_others_are_hidden(made: tuple[Path, dict[str, int]]) -> None:
    folder, counts = made
    shown, every = read_beir(folder), read_files(*(folder / name for name in ("corpus.jsonl", "queries.jsonl", "all.tsv")))
    assert len(shown.qrels.rows) == len(shown.queries) == len(every.queries) == counts["queries"]
    unseen = hidden_positives(folder)
    assert len(unseen) == counts["several_positives"]
    assert sum(map(len, unseen.values())) == counts["judgements"] - counts["queries"]
    for i, query in enumerate(shown.queries.ids(range(len(shown.queries)))):
        of_all = set(every.corpus.ids(every.qrels.positives(i)))
        assert set(shown.corpus.ids(shown.qrels.positives(i))) == of_all - unseen.get(query, set())
