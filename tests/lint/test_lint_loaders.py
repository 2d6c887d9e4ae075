"""The linter and the loader of sentence-transformers judge spoilt files alike: a sample of the fuzz of all loaders."""

import pytest

from benchmarks.peers.consumers import lint_fuzz as fuzz
from benchmarks.peers.consumers import load, mutations


@pytest.mark.parametrize("name", mutations.CONSUMERS["sentence_transformers"])
def test_spoilt_files_are_judged_alike(tmp_path, name, monkeypatch):
    """Every difference has a name, and both verdicts come up."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    datasets.disable_progress_bars()
    made = [fuzz.write(name, seed, tmp_path) for seed in range(16)]
    files = [(path, name, ways) for path, ways in made]
    verdicts = {str(path): load.verdict("sentence_transformers", path, name, tmp_path / "cache") for path, *_ in files}
    counts, left = fuzz.compare("sentence_transformers", files, verdicts)
    assert left == []
    assert counts["right"] >= 1
    assert counts["wrong"] >= 1
