"""A recall that is asked for: its setting is chosen on one half of a sample drawn by hash, measured on the other, and kept by a resume."""

import faiss
import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import SIMILARITIES, Prescribed, dataset_of, make

from miner.cli.main import app
from miner.config import MiningConfig
from miner.core import retrieval
from miner.errors import ConfigError
from miner.indexes import Factory
from miner.read import read_inline
from miner.runs import index_tuning as module
from miner.runs.candidate_store import CandidateWriter
from miner.runs.index_tuning import Sample, choose_settings, draw, measure_recall, tune
from miner.runs.run import mine
from miner.sources import Dense


@pytest.fixture
def texts(tmp_path):
    """400 passages and 60 queries of the tiny model's words."""
    rng = np.random.default_rng(1)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(400)]
    queries = [{"id": f"q{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 4)), "positives": [f"p{i}"]} for i in range(60)]
    return lambda name="given": read_inline(queries, passages, tmp_path / name)


def opened(folder, index="IVF16,Flat", similarity="cosine", seed=3, **settings):
    """A world of 300 passages and its dense source."""
    (folder / "work").mkdir(parents=True)
    world = make(seed, passages=300, queries=60, dim=8, similarity=similarity)
    dataset = dataset_of(world, into=folder / "dataset")
    return dataset, Dense(dataset, Prescribed(world), folder / "work", index), MiningConfig.of(index=index, depth=20, **settings)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("index", ["IVF16,Flat:nprobe=3", "HNSW8", "IVF8,PQ4x4,RFlat:nprobe=2"])
def test_recall_is_that_of_brute_force(tmp_path, similarity, index):
    """Of the nearest by all scores, the share that a search of that depth gives; the interval contains it."""
    dataset, source, config = opened(tmp_path, index, similarity)
    recall = measure_recall(source, dataset, config)
    queries = np.arange(len(dataset.queries))
    every = source.score(queries, np.broadcast_to(source.passage_rows, (len(queries), len(source.passage_rows))))
    last = np.sort(every, axis=1)[:, -20]
    found = source.retrieve(queries, 20).scores >= last[:, None]
    assert recall.share == pytest.approx(found.mean())
    assert recall.interval[0] <= recall.share <= recall.interval[1]
    assert (recall.index, recall.queries) == (index, len(queries))
    assert source.describe()[0]["recall_interval"] == list(recall.interval)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("target", [0.5, 0.9, 0.98, 1.0])
def test_the_cheapest_setting_that_reaches_is_chosen(tmp_path, seed, target):
    """The next smaller one does not reach it; more lists never find fewer; all lists find all."""
    dataset, source, config = opened(tmp_path, seed=seed, recall=target)
    sample = Sample.of(source, dataset, draw(dataset, config)[0], config)
    tried = choose_settings(source.index, 36, sample.recall, target)
    chosen = int(source.index.spec.settings["nprobe"])
    every = {}
    for nprobe in range(1, 17):
        source.index.change({"nprobe": nprobe})
        every[nprobe] = sample.recall()
    assert chosen == next(nprobe for nprobe, recall in every.items() if recall.interval[0] >= target)
    assert [recall.share for recall in every.values()] == sorted(recall.share for recall in every.values())
    assert every[16].share == 1
    assert all(recall == every[int(recall.index.partition("=")[2])] for recall in tried)


def test_given_settings_stay_and_codes_are_compared_first(tmp_path):
    """What --index sets is not changed; with codes, k_factor_rf is raised before lists are left out."""
    dataset, source, config = opened(tmp_path / "a", "IVF16,Flat:nprobe=2", recall=0.9)
    tune(source, dataset, config)
    assert str(source.index.spec) == "IVF16,Flat:nprobe=2"
    dataset, source, config = opened(tmp_path / "b", "IVF16,PQ4x4,RFlat", recall=0.9)
    tune(source, dataset, config)
    settings = source.index.spec.settings
    assert settings["k_factor_rf"] in module.FACTORS
    assert 1 <= settings["nprobe"] <= 16
    assert measure_recall(source, dataset, config).interval[1] >= 0.9


@pytest.mark.parametrize("index", ["HNSW8", "Flat", "SQ8"])
def test_other_indexes(tmp_path, index):
    """efSearch begins where it has an effect; an index without settings is measured as it is."""
    dataset, source, config = opened(tmp_path, index, recall=0.5)
    tune(source, dataset, config)
    assert source.index.spec.settings.get("efSearch", 36) == 36


ADVICE = {
    "IVF16,Flat:nprobe=1": "ask for less, or leave nprobe out, which the recall then chooses: index= 'IVF16,Flat'",
    "PQ1x4": "ask for less, or refine it (index= 'PQ1x4,RFlat'), or mine with index= 'IVF55,Flat', or with exact, which finds all",
}


@pytest.mark.parametrize(("index", "advice"), ADVICE.items())
def test_the_advice_fits_the_index_and_the_passages(tmp_path, index, advice):
    """A setting that was given is left out; another index is one for so many passages."""
    dataset, source, config = opened(tmp_path, index, recall=0.98)
    with pytest.raises(ConfigError) as caught:
        measure_recall(source, dataset, config)
    assert str(caught.value).endswith(advice)


def test_a_recall_that_is_not_reached_is_an_error(tmp_path):
    """With what was asked for, what was measured and its interval; a miss that may be chance is none."""
    dataset, source, config = opened(tmp_path, "IVF16,Flat:nprobe=1", recall=0.98)
    with pytest.raises(ConfigError, match=r"recall 0.98 was asked for, and index IVF16,Flat:nprobe=1 finds \d\d\.\d % of the 20 nearest "):
        measure_recall(source, dataset, config)
    share = source.recall
    assert measure_recall(source, dataset, config.model_copy(update={"recall": share.interval[1]})) == share


def test_the_halves_follow_from_ids_and_seed(tmp_path, monkeypatch):
    """Whatever the input order; no query is in both; another seed draws others."""
    monkeypatch.setattr(module, "SAMPLE", 10)
    world, config, names = make(1, passages=30, queries=60), MiningConfig.of(recall=0.9), []
    for order in (None, 5):
        dataset = dataset_of(world, into=tmp_path / f"d{order}", order=order)
        names.append([dataset.queries.ids(half) for half in draw(dataset, config)])
    assert names[0] == names[1]
    assert len({*names[0][0]} | {*names[0][1]}) == 20
    assert names[0] != [dataset.queries.ids(half) for half in draw(dataset, config.model_copy(update={"seed": 1}))]
    assert names[0][0] != dataset.queries.ids(np.arange(10))


@pytest.mark.parametrize("index", ["IVF16,Flat", "HNSW8", "IVF8,PQ4x4,RFlat"])
def test_threads_and_resume_do_not_matter(texts, tiny_model, tmp_path, monkeypatch, index):
    """The same rows and the same setting with one thread, with two, and after an interruption."""
    monkeypatch.setattr(retrieval, "BLOCK", 20)
    config, write = MiningConfig.of(model=str(tiny_model), index=index, recall=0.9, depth=30), CandidateWriter.write
    before, runs = faiss.omp_get_max_threads(), []
    for count in (1, 2):
        faiss.omp_set_num_threads(count)
        runs.append(mine(texts(f"t{count}"), config, out=tmp_path / f"run{count}"))
    faiss.omp_set_num_threads(before)
    monkeypatch.setattr(CandidateWriter, "write", lambda self, number, block: write(self, number, block) if number != 2 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        mine(texts("t3"), config, out=tmp_path / "run3")
    monkeypatch.setattr(CandidateWriter, "write", write)
    runs.append(mine(texts("t3"), config, out=tmp_path / "run3", resume=True))
    assert len({run.file.read_bytes() for run in runs}) == 1
    (section,) = {str(run.manifest["retrieval"]) for run in runs}
    assert index + ":" in section
    assert runs[0].report["retrieval"]["recall_target"] == 0.9


def test_the_seed_draws_the_sample(texts, tiny_model, tmp_path):
    """With a recall asked for, another seed searches anew; otherwise candidates stay."""
    for recall, is_new in ((None, False), (0.9, True)):
        config = MiningConfig.of(model=str(tiny_model), index="IVF16,Flat", recall=recall, depth=30)
        first = mine(texts(f"a{recall}"), config, out=tmp_path / f"run-{is_new}").manifest["made_from"]
        other = mine(texts(f"b{recall}"), config.model_copy(update={"seed": 7}), out=tmp_path / f"run-{is_new}", force=True)
        assert (other.manifest["made_from"] != first) is is_new


@pytest.mark.parametrize("given", [{}, {"index": "exact"}])
def test_few_passages_are_searched_exactly(texts, tiny_model, given):
    """Which is said, and no setting is tuned."""
    run = mine(texts(), MiningConfig.of(model=str(tiny_model), recall=0.98, **given))
    section = run.manifest["retrieval"]
    assert (section["index"], section["recall"], section["recall_target"]) == ("exact", 1.0, 0.98)
    assert section["sources"]["dense"]["recall"] == 1.0
    assert run.report["retrieval"]["recall"] == 1.0
    assert "recall 0.98 was asked for, and exact search finds all of the 200 nearest: recall is 1" in run.report["notes"]


def test_the_command_line(texts, tiny_model, tmp_path, monkeypatch):
    """Flag, environment and config file; the summary has recall, interval and sample."""
    dataset = texts("d")
    names, sentence = ("id", "text"), "of the 30 nearest, measured on a sample of 30 queries (95 % interval "
    for name, part in (("corpus", dataset.corpus), ("queries", dataset.queries)):
        rows = zip(*(part.column(column, np.arange(len(part))) for column in names), strict=True)
        (tmp_path / f"{name}.tsv").write_text("id\ttext\n" + "".join("\t".join(row) + "\n" for row in rows))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\tp{i}\t1\n" for i in range(60)))
    (tmp_path / "c.yaml").write_text("recall: 0.9\n")
    given = [f"--{name}={tmp_path / f'{name}.tsv'}" for name in ("corpus", "queries", "qrels")]
    call = ["mine", *given, "--model", str(tiny_model), "--depth=30", "--index=IVF16,Flat", f"--out={tmp_path / 'out'}", "--force"]
    printed = []
    for flags, variables in ((["--recall=0.9"], {}), ([], {"HARDNEG_RECALL": "0.9"}), ([f"--config={tmp_path / 'c.yaml'}"], {})):
        result = CliRunner().invoke(app, [*call, *flags], env=variables)
        printed.append(" ".join((result.output + result.stderr).split()))
        assert sentence in printed[-1]
        assert "90 % was asked for, and its setting was chosen on other queries" in printed[-1]


def test_a_depth_of_many_candidates_is_searched_in_parts(monkeypatch):
    """The memory that re-ranking takes is bounded; the result is not changed."""
    vectors = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    index = Factory(vectors, "dot", "Flat,RFlat:k_factor_rf=4")
    whole = index.search(vectors[:50], 9)[0]
    monkeypatch.setattr("miner.indexes.faiss_factory.CELLS", 100)
    assert np.array_equal(whole, index.search(vectors[:50], 9)[0])
