"""Which stored corpora stay open, without one on disk."""

import json
from types import SimpleNamespace

import pytest

from app.engine import corpus_cache
from app.engine.corpus_cache import CorpusCache
from app.errors import Conflict

MODEL = {"name": "m", "fingerprints": {"passage": "1"}}


@pytest.fixture
def cache_of(tmp_path, monkeypatch):
    """(a cache, the names that it opened, in order), of corpora that were made with a model."""

    def make(max_open=2, model=MODEL):
        opened = []
        (tmp_path / "about.json").write_text(json.dumps({"model": model}))
        corpora = SimpleNamespace(
            changes=lambda: 1,
            get=lambda name: SimpleNamespace(id=name, ready=SimpleNamespace(version=1)),
            folder=lambda *_: tmp_path,
        )
        monkeypatch.setattr(corpus_cache, "open_stored", lambda name, *_: opened.append(name) or name)
        return CorpusCache(corpora, SimpleNamespace(describe=lambda: MODEL), "exact", max_open), opened

    return make


def test_so_many_stay_open_and_the_least_recently_used_is_closed(cache_of):
    """It is opened again on demand; the others are not."""
    cache, opened = cache_of(max_open=2)
    assert [cache.get(name) for name in "abacabc"] == list("abacabc")
    assert opened == list("abcbc")


def test_a_corpus_of_another_model_is_refused(cache_of):
    """By what the model does with a passage, whatever its name."""
    assert cache_of(model=MODEL | {"name": "/models/m"})[0].get("a") == "a"
    with pytest.raises(Conflict, match="has the vectors of model 'm', and POST /v1/mine uses another model"):
        cache_of(model={"name": "/models/m", "fingerprints": {"passage": "2"}})[0].get("a")
