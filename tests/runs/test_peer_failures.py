"""What other miners get wrong, one test each: the docstring says what they do, the test what this one does."""

import json
from pathlib import Path

import numpy as np
import pytest

from miner import MiningConfig, mine, read_inline, read_pairs
from miner.config import Inputs
from miner.errors import InputError
from miner.formats import FORMATS
from miner.runs import pass_two as module

COLUMNS = ("ids", "scores", "ranks")


def texts(count: int, seed: int = 0) -> list[str]:
    """Different ones, of the tiny model's words."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{word}" for word in rng.integers(0, 60, 6)) for _ in range(count)]


@pytest.fixture
def world(tmp_path):
    """Thirty passages, five queries with one positive each."""
    passages = [{"id": f"p{i}", "text": text} for i, text in enumerate(texts(30))]
    return read_inline([{"id": f"q{i}", "text": text, "positives": [f"p{i}"]} for i, text in enumerate(texts(5, 1))], passages)


@pytest.fixture
def config(tiny_model):
    def made(**changed):
        return MiningConfig.of(**({"model": str(tiny_model), "negatives": 3, "columns": COLUMNS} | changed))

    return made


def retrained(folder: Path) -> None:
    """Other weights under the same name."""
    from safetensors.numpy import load_file, save_file

    (weights,) = folder.rglob("*.safetensors")
    save_file({name: np.flip(tensor, 0).copy() for name, tensor in load_file(weights).items()}, weights)


def test_stale_cache_after_fine_tuning(world, config, tmp_path, tiny_model, monkeypatch):
    """sentence-transformers' cache_folder and NeMo's cache give another checkpoint of the same name the old vectors."""
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    before = list(mine(world, config(model=str(folder))).rows())
    retrained(folder)
    after = list(mine(world, config(model=str(folder))).rows())
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "fresh"))
    assert after == list(mine(world, config(model=str(folder))).rows())
    assert after != before


def test_stale_cache_after_fine_tuning_in_the_drop_in(tmp_path, tiny_model):
    """The same, through the function whose cache it is: two local checkpoints share one key there, neighbours and scores bit for bit."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    from miner.compat import mine_hard_negatives

    pairs = Dataset.from_dict({"query": texts(8, 1), "answer": texts(8)})
    one, two = SentenceTransformer(str(tiny_model), device="cpu"), SentenceTransformer(str(tiny_model), device="cpu")
    two[0].embedding.weight.data = two[0].embedding.weight.data.flip(0)
    mined = [
        mine_hard_negatives(pairs, model, output_scores=True, verbose=False, cache_folder=folder)["scores"]
        for model, folder in ((one, tmp_path / "a"), (two, tmp_path / "a"), (two, tmp_path / "b"))
    ]
    assert mined[1] == mined[2] != mined[0]


def test_stale_cache_of_an_own_kind_of_model(tmp_path, tiny_model):
    """A subclass may do anything, so a sample is encoded; its weights are hashed too: one word's may be in no text of the sample."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    from miner.compat import mine_hard_negatives

    class Own(SentenceTransformer):
        pass

    pairs = Dataset.from_dict({"query": [f"w{place % 20}" for place in range(60)], "answer": [f"w{place % 58}" for place in range(60)]})
    model = Own(str(tiny_model), device="cpu")
    mined = []
    for folder, word in ((tmp_path / "a", None), (tmp_path / "a", "w31"), (tmp_path / "b", None)):
        if word:
            model[0].embedding.weight.data[model[0].tokenizer.token_to_id(word)] += 9
        mined.append(mine_hard_negatives(pairs, model, output_scores=True, verbose=False, cache_folder=folder)["scores"])
    assert mined[1] == mined[2] != mined[0]


def test_a_euclidean_model_with_faiss(world, config):
    """sentence-transformers searches by inner product and scores positives by distance: a margin then drops every candidate."""
    exact, approximate = (
        list(mine(world, config(similarity="euclidean", index=index, filters=("margin:below=0",))).rows()) for index in ("exact", "HNSW32")
    )
    assert len(exact) == 15
    assert approximate == exact
    assert all(negative <= positive <= 0 for positive, negative in (row["scores"] for row in exact))


def test_the_query_itself_as_a_negative(config):
    """sentence-transformers, where a corpus of questions holds the query: score 1.0, the hardest negative of all."""
    some = texts(12)
    data = read_inline([{"id": "q", "text": some[3], "positives": ["p0"]}], [{"id": f"p{i}", "text": t} for i, t in enumerate(some)])
    run = mine(data, config(negatives=10, filters=("margin:off", "near_positive:off")))
    assert {row["negative_id"] for row in run.rows()} == {f"p{i}" for i in range(12)} - {"p0", "p3"}


def test_a_near_duplicate_of_the_positive_as_a_negative(config):
    """sentence-transformers and FlagEmbedding compare strings: "Paris " and "paris" are mined as negatives of "Paris"."""
    some = texts(8)
    copies = [some[0].upper(), f"  {some[0]}", f"{some[0]}.", f"{some[0]} {some[0]}"]
    data = read_inline(
        [{"id": "q", "text": texts(1, 1)[0], "positives": ["p0"]}], [{"id": f"p{i}", "text": t} for i, t in enumerate([*some, *copies])]
    )
    run = mine(data, config(negatives=10, filters=("margin:off",)))
    assert {row["negative_id"] for row in run.rows()} == {f"p{i}" for i in range(1, 8)}


def test_a_tiny_pool(config):
    """FlagEmbedding raises "Sample larger than population" after all the work, with the output already cut to 0 bytes; or repeats texts."""
    data = read_inline([{"id": "q", "text": "w1", "positives": ["p0"]}], [{"id": f"p{i}", "text": text} for i, text in enumerate(texts(3))])
    run = mine(data, config(negatives=15, filters=("margin:off",)))
    assert sorted(row["negative_id"] for row in run.rows()) == ["p1", "p2"]


def test_pos_as_a_string(tmp_path, config):
    """FlagEmbedding takes the string for a list: the corpus becomes single characters, and mining "succeeds"."""
    some, path = texts(10), tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"query": f"w{i}", "pos": text}) + "\n" for i, text in enumerate(some)))
    dataset = read_pairs(path, fields={"positive": "pos"})
    assert sorted(dataset.corpus.texts(range(len(dataset.corpus)))) == sorted(some)
    assert {row["negative"] for row in mine(dataset, config()).rows()} <= set(some)


def test_rejected_candidates_returned_with_minus_infinity(world, config):
    """NeMo marks what it rejects with -inf and takes the best n all the same: where fewer survive, the rejected top comes back."""
    run = mine(world, config(filters=("max_score:score=-1000",), ladder=0))
    assert list(run.rows()) == []
    partly = list(mine(world, config(filters=("margin:off", "min_score:score=0.3"), negatives=20, ladder=0)).rows())
    assert 0 < len(partly) < 100
    assert all(np.isfinite(row["scores"]).all() and row["scores"][1] >= 0.3 for row in partly)


@pytest.mark.parametrize("of", ["survivors", "raw"])
def test_an_ignored_rank_window(world, config, of):
    """RAGatouille tests the length of a pair instead of the list: hard_negative_minimum_rank has no effect on the trainer's path."""
    wide = {row["negative_id"] for row in mine(world, config(filters=("margin:off",), ladder=0)).rows()}
    rows = list(mine(world, config(filters=("margin:off", f"ranks:skip=10,of={of}"), ladder=0)).rows())
    assert len(rows) == 15
    assert all(row["rank"] > 10 for row in rows)
    assert {row["negative_id"] for row in rows} != wide


def test_duplicate_ids(tmp_path, tiny_model):
    """NeMo lets the later row of an id overwrite the earlier one without a word."""
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": "a", "text": "one"}\n{"_id": "b", "text": "two"}\n{"_id": "a", "text": "three"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "which"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    given = Inputs.of(corpus=str(path), queries=str(tmp_path / "queries.jsonl"), qrels=(str(tmp_path / "qrels.tsv"),))
    with pytest.raises(InputError, match=rf"corpus.jsonl:3: duplicate id 'a', first at {path}:1"):
        mine(given, MiningConfig.of(model=str(tiny_model)))


def test_unseeded_runs(world, config):
    """FlagEmbedding and OpenMatch (seed = the clock) draw anew: three runs, three outputs."""
    runs = [mine(world, config(sampler="uniform", seed=seed)) for seed in (7, 7, 7, 8)]
    files = [run.file.read_bytes() for run in runs]
    assert files[0] == files[1] == files[2] != files[3]


def test_output_cut_off_by_a_crash(world, config, tmp_path, monkeypatch):
    """FlagEmbedding opens its output before the loop that may fail, NeMo overwrites: what was there is gone."""
    out = tmp_path / "hard.jsonl"
    mine(world, config(), out=out)
    before = out.read_bytes()

    class Dies:
        def __getattr__(self, name):
            return getattr(FORMATS["triplet"], name)

        def write(self, *given):
            yield from list(FORMATS["triplet"].write(*given))[:2]
            raise MemoryError

    monkeypatch.setattr(module, "FORMATS", {"triplet": Dies()})
    with pytest.raises(MemoryError):
        mine(world, config(negatives=2), out=out, force=True)
    assert out.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {"hard.jsonl", "hard.run"}


def test_a_margin_under_a_negative_positive_score(world, config):
    """NeMo, and sentence-transformers up to 5.x, multiply: below zero a stricter margin lets more through, even above the positive."""
    rules = [
        (
            f"margin:relative={share},background=0,below=0",
            *(f"{name}:off" for name in ("self_match", "same_text", "near_positive", "nearest")),
        )
        for share in (0.0, 0.2, 0.4)
    ]
    runs = [mine(world, config(filters=some, similarity="euclidean", negatives=20, ladder=0)) for some in rules]
    counts = [len(list(run.rows())) for run in runs]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert all(row["scores"][1] <= row["scores"][0] * 1.4 + 1e-5 for row in runs[-1].rows())
