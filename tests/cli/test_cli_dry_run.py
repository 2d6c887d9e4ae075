"""`mine --dry-run` as a person reads it."""

import pytest

from miner.cli import dry_run

GUESS = {
    "seconds": {"all": 7503.0, "read": 3.0, "encode": 7500.0},
    "memory_bytes": 2_500_000_000,
    "disk_bytes": {"run": 1_200_000, "store": 0, "scratch": 5_000_000},
    "candidates": 1000,
    "queries_deepened_at_least": 3,
    "rows": 40,
    "full_rows_share": 0.985,
    "pilot": {"queries": 5, "passages": 20, "texts_per_second": {"dense": {"passage": 1234.5}}},
}


def test_every_number_is_said(capsys):
    """Counts first, then what a run will take."""
    told = {"queries": 5, "passages": 20, "judgements": 7, "pairs": 6, "texts_to_encode": 25, "filters": ["margin"], "model": None}
    index = {"index": "IVF8,Flat:nprobe=2", "vectors": 1200, "dims": 8, "lists": 8, "trained_on": 1200, "memory_bytes": 2_000_000}
    told["indexes"] = {"dense": {**index, "settings": {"nprobe": 2.0}, "chosen": [], "limits": {"nprobe": "a whole number from 1 to 8"}}}
    told["recall"] = None
    told["reading"] = {"queries": 5, "rejected": 2, "known_from:test.tsv": 1200}
    dry_run.show({**told, "estimate": GUESS, "free_bytes": {"run": 10**10, "store": 10**9}})
    said = capsys.readouterr().out
    for part in (
        "5 queries, 20 passages, 7 judgements; 6 pairs",
        "2 h 5 min (read 3.0 s, encode 2 h 5 min)",
        "2.5 GB",
        "passage 1,234/s",
        "wrong rows of the input, left out (see dataset/errors.jsonl in the run folder): 2",
        "positives that qrels/test.tsv adds to the known positives; they are never negatives (--leave-out test reads none): 1,200",
    ):
        assert part in said
    for part in (
        "IVF8,Flat:nprobe=2: 1,200 vectors of 8 dimensions, trained on 1,200; nprobe 2 (a whole number from 1 to 8); 2 MB",
        "1 MB for the run, 5 MB more",
        "10.0 GB are free",
        "1,000; at least 3 queries searched to max depth",
        "40 rows; 98.5 %",
        "none; 25 texts to encode",
    ):
        assert part in said


def test_a_recall_of_an_exact_index_is_named():
    """Instead of the word exact alone."""
    plan = {"index": "exact", "vectors": 5, "dims": 4, "settings": {}, "chosen": [], "limits": {}, "trained_on": 0, "memory_bytes": 80}
    assert "every passage is compared, so that all are found: a recall of 1, where 0.98 is asked for; " in dry_run.index_line(plan, 0.98)
    assert "every passage is compared; " in dry_run.index_line(plan, None)


@pytest.mark.parametrize(("seconds", "said"), [(0.44, "0.4 s"), (12.3, "12 s"), (200, "3 min"), (7200, "2 h 0 min")])
def test_a_span_is_short(seconds, said):
    assert dry_run.span(seconds) == said
