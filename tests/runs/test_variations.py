"""Variations become further negatives of their rows: scored by the run's model, never nearer to a positive than what they were made of."""

import json

import numpy as np
import oracle
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.config import Inputs, MiningConfig, Runtime
from miner.core import retrieval
from miner.encode import load_encoder
from miner.encode.stored_vectors import StoredVectors
from miner.errors import ConfigError, ModelError
from miner.formats import FORMATS, read_training
from miner.lint import lint
from miner.read import read_inline
from miner.runs import preflight
from miner.runs.dry_run import plan
from miner.runs.reproduce import rerun
from miner.runs.run import export, mine
from miner.runs.variation_file import FILE, read_variations
from miner.runs.variations import VariationMaker
from miner.sources.scoring import pair_scores, to_unit
from miner.support.noise import generator
from miner.types import MemoryTexts
from miner.variations import VARIATIONS

KINDS = ("delete:share=0.3,count=2", "reorder", "una:near=20", "paraphrase")
COLUMNS = ("ids", "scores", "ranks", "tiers", "sources")
RULES = ("near_positive:off", "nearest:off", "margin:relative=0.02")


def small(folder, order=None):
    """30 passages of three sentences and 12 queries of the tiny model's words."""
    rng = np.random.default_rng(4)
    words = [[f"w{j}" for j in rng.integers(0, 60, 9)] for _ in range(30)]
    passages = [{"id": f"p{i}", "text": f"{' '.join(w[:3])}. {' '.join(w[3:6])}. {' '.join(w[6:])}."} for i, w in enumerate(words)]
    queries = [{"id": f"q{i}", "text": " ".join(words[i][2:6]), "positives": [f"p{i}", f"p{i + 10}"]} for i in range(12)]
    if order is not None:
        shuffle = np.random.default_rng(order).permutation
        passages, queries = [passages[i] for i in shuffle(30)], [queries[i] for i in shuffle(12)]
    return read_inline(queries, passages, folder)


def backwards(text):
    return " ".join(reversed(text.split()))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return small(tmp_path_factory.mktemp("given"))


@pytest.fixture
def config(tiny_model):
    return MiningConfig.of(
        model=str(tiny_model), depth=20, max_depth=20, negatives=3, ladder=0, columns=COLUMNS, filters=RULES, variations=KINDS
    )


@pytest.fixture
def cache(tmp_path):
    return Runtime.of(cache=tmp_path / "cache")


class Slow:
    """The model's vectors by text, and what the rules say of one pair of texts."""

    def __init__(self, config, runtime):
        self.vectors, self.similarity = StoredVectors(load_encoder(config, runtime, None), runtime.cache), config.similarity

    def vector(self, text, side="passage"):
        vector = self.vectors.vectors(MemoryTexts(["-"], [text]), np.array([0]), side)
        to_unit(vector)
        return vector

    def cosine(self, one, other, side="passage"):
        return pair_scores(self.vector(one, side), self.vector(other), np.array([[0]]), "cosine")[0, 0]


def wanted_rows(dataset, config, runtime, negatives):
    """One negative at a time, in the order of the row: make, compare, score, judge; {query: variations} and counts by reason."""
    slow, made, reasons = Slow(config, runtime), {}, {}
    text = dict(zip(dataset.corpus.ids(range(30)), dataset.corpus.texts(range(30)), strict=True))
    for place, query in enumerate(dataset.queries.ids(range(12))):
        asked = dataset.queries.texts([place])[0]
        positives = [dataset.corpus.ids([row])[0] for row in dataset.qrels.positives(place)]
        bar = min(slow.cosine(asked, text[one], "query") for one in positives)
        taken = {oracle.normalise(each) for each in (asked, *(text[one] for one in (*positives, *negatives.get(query, ()))))}
        for kind, part in config.active_variations.items():
            change, count = part.open(dataset.corpus, backwards), 0
            for origin in negatives.get(query, ()):
                if count == part.count:
                    break
                new = change(text[origin], generator(config.seed, "variation", kind, query, origin))
                pairs = [(slow.cosine(new, text[one]), slow.cosine(text[origin], text[one])) for one in positives]
                score = slow.cosine(asked, new, "query")
                reason = "kept"
                if oracle.normalise(new) in taken:
                    reason = "unchanged" if oracle.normalise(new) == oracle.normalise(text[origin]) else "same_text"
                elif any(near > before for near, before in pairs):
                    reason = "nearer"
                elif float(score) > float(bar) - abs(float(bar)) * 0.02:
                    reason = "margin"
                else:
                    count += 1
                    taken.add(oracle.normalise(new))
                    made.setdefault(query, []).append((kind, origin, new, float(str(score))))
                reasons.setdefault(kind, {}).setdefault(reason, 0)
                reasons[kind][reason] += 1
    return made, reasons


def chosen(run):
    """The mined negatives of each query, in their order."""
    found = {}
    for row in run.rows():
        found.setdefault(row["anchor_id"], {})[row["negative_id"]] = None
    return {query: [name for name in names if "~" not in name] for query, names in found.items()}


def test_the_file_is_the_slow_twins(dataset, config, cache, tmp_path):
    """Texts, origins, scores, order and the count of every reason; each lies in the training file behind its row's negatives, with its tag."""
    run = mine(dataset, config, out=tmp_path / "out", runtime=cache, paraphrase=backwards)
    made, reasons = wanted_rows(dataset, config, cache, chosen(run))
    found = {}
    for row in read_variations(run.folder):
        found.setdefault(row["query_id"], []).append((row["kind"], row["passage_id"], row["text"], row["score"]))
    assert found == made
    assert sum(map(len, made.values())) > 20
    for kind, counts in run.report["variations"].items():
        assert {"kept": counts["kept"], **counts["dropped"]} == {"kept": 0, **reasons[kind]}
        assert counts["tried"] == sum(reasons[kind].values())
    assert {reason for counts in reasons.values() for reason in counts} >= {"kept", "nearer", "margin"}
    rows = [row for row in run.rows() if "~" in row["negative_id"] and row["positive_id"] == f"p{row['anchor_id'][1:]}"]
    written = {}
    for row in rows:
        origin, kind, query = row["negative_id"].split("~")
        assert row["sources"] == [f"variation-{kind}:{row['rank']}"]
        assert query == row["anchor_id"]
        written.setdefault(query, []).append((kind, origin, row["negative"], row["scores"][1]))
    assert written == made
    assert run.manifest["counts"]["variations"] == len(rows)
    assert run.differences() == []


@settings(max_examples=4, deadline=None)
@given(order=st.integers(0, 99), block=st.sampled_from([1, 5, 2048]), threads=st.sampled_from([1, 3]), batch=st.sampled_from([1, 7]))
def test_nothing_but_the_stored_vectors_matters(tiny_model, tmp_path_factory, order, block, threads, batch):
    """Input order, blocks, threads and batch size give the same bytes; every variation is at most as near to each positive as its origin."""
    config = MiningConfig.of(model=str(tiny_model), depth=12, max_depth=20, negatives=2, columns=COLUMNS, variations=KINDS, anchor="own")
    shared = tmp_path_factory.getbasetemp() / "shared-cache"
    folder, files = tmp_path_factory.mktemp("orders"), {}
    for name, each in (("plain", None), ("other", order)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(retrieval, "BLOCK", 2048 if each is None else block)
            runtime = Runtime.of(cache=shared, **({} if each is None else {"threads": threads, "batch_size": batch}))
            run = mine(small(folder / f"data-{name}", each), config, out=folder / name, runtime=runtime, paraphrase=backwards)
        files[name] = [(run.folder / file).read_bytes() for file in ("triplets.jsonl", FILE)]
    assert files["plain"] == files["other"]
    lines = list(read_variations(run.folder))
    assert lines
    assert all(near <= before for line in lines for near, before in line["cosines"].values())
    assert all(set(line["cosines"]) == {f"p{line['query_id'][1:]}", f"p{int(line['query_id'][1:]) + 10}"} for line in lines)


def test_a_killed_run_ends_with_the_same_bytes(dataset, config, cache, tmp_path, monkeypatch):
    """Wherever it is killed while variations are made, nothing but blocks is left, and the same command makes what it would have made."""
    monkeypatch.setattr(retrieval, "BLOCK", 5)
    whole = mine(dataset, config, out=tmp_path / "whole", runtime=cache, paraphrase=backwards)
    real = VariationMaker._check
    for moment in (1, 4, 9):
        calls = iter(range(moment))

        def dies(*arguments, calls=calls):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(VariationMaker, "_check", dies)
            with pytest.raises(KeyboardInterrupt):
                mine(dataset, config, out=tmp_path / "killed", runtime=cache, paraphrase=backwards)
        assert not (tmp_path / "killed").exists()
        assert not (tmp_path / ".killed.part" / FILE).exists()
    again = mine(dataset, config, out=tmp_path / "killed", resume=True, runtime=cache, paraphrase=backwards)
    for file in ("triplets.jsonl", FILE):
        assert (again.folder / file).read_bytes() == (whole.folder / file).read_bytes()


def test_without_variations_nothing_changes(dataset, config, cache, tmp_path):
    """The rows of mined negatives are those of a run without, in bytes; such a run has no file, no count and no part of the report."""
    plain = mine(dataset, config.model_copy(update={"variations": ()}), out=tmp_path / "plain", runtime=cache)
    varied = mine(dataset, config, out=tmp_path / "varied", runtime=cache, paraphrase=backwards)
    mined_rows = [line for line in varied.file.read_bytes().splitlines() if "~" not in orjson.loads(line)["negative_id"]]
    assert mined_rows == plain.file.read_bytes().splitlines()
    assert not (plain.folder / FILE).exists()
    assert "variations" not in plain.report
    assert "variations" not in plain.manifest["counts"]
    assert {name: value for name, value in varied.report.items() if name not in ("variations", "rows_written", "setup")} == {
        name: value for name, value in plain.report.items() if name not in ("rows_written", "setup")
    }


def test_an_export_makes_them_with_the_runs_model(dataset, config, cache, tmp_path, tiny_bert):
    """The same bytes as a run that made them; off takes them away; another model is refused, and so is a model that is not there."""
    plain = mine(dataset, config.model_copy(update={"variations": ()}), out=tmp_path / "plain", runtime=cache)
    mined = mine(dataset, config, out=tmp_path / "mined", runtime=cache, paraphrase=backwards)
    exported = export(plain, config, out=tmp_path / "exported", runtime=cache, paraphrase=backwards)
    assert exported.file.read_bytes() == mined.file.read_bytes()
    assert (exported.folder / FILE).read_bytes() == (mined.folder / FILE).read_bytes()
    back = export(mined, {**config.model_dump(), "variations": ["delete:off"]}, out=tmp_path / "back", runtime=cache)
    assert back.file.read_bytes() == plain.file.read_bytes()
    with pytest.raises(ModelError, match=r"are scored with the model that made .*, and this is another one"):
        export(plain, config, model=load_encoder(config.model_copy(update={"model": str(tiny_bert)}), cache, None), paraphrase=backwards)


@pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if not shape.layout])
def test_every_format_of_texts_holds_them(dataset, config, cache, tmp_path, name):
    """A format with a fixed number of negatives leaves out rows that have fewer; its trainer would refuse them."""
    variations = ("delete:share=0.3",)
    run = mine(dataset, {**config.model_dump(), "output_format": name, "columns": (), "variations": variations}, runtime=cache)
    made = {(row["query_id"], row["text"]) for row in read_variations(run.folder)}
    text = run.file.read_text() if run.file.is_file() else ""
    found = [json.dumps(each, ensure_ascii=False)[1:-1] in text for _, each in made]
    assert all(found) if not FORMATS[name].full else any(found)
    assert not FORMATS[name].full or {len(row.negatives) for row in read_training(run.file)} == {4}


@pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if shape.layout])
def test_a_format_of_ids_has_no_room_for_them(config, name):
    with pytest.raises(ConfigError, match=f"output format '{name}' holds passages of the corpus by id, and a variation is none of them"):
        MiningConfig.of(**{**config.model_dump(), "output_format": name, "columns": ()})


def test_every_positive_of_the_question_counts(tiny_model, tmp_path):
    """That of the same question under another id, and one that a reviewer has found: none of them comes nearer."""
    passages = [{"id": f"p{i}", "text": f"w{i} w{i + 1} w{i + 2}"} for i in range(20)]
    queries = [{"id": "a", "text": "w1 w2", "positives": ["p1"]}, {"id": "b", "text": "W1 w2!", "positives": ["p9"]}]
    (tmp_path / "verdicts.jsonl").write_text('{"query_id": "a", "passage_id": "p0", "verdict": "false_negative"}\n')
    config = MiningConfig.of(
        model=str(tiny_model), filters=("margin:off",), false_negatives="adopt", variations=("delete:count=4,share=0.5",), seed=3
    )
    data, runtime = read_inline(queries, passages, tmp_path / "data"), Runtime.of(cache=tmp_path / "cache")
    run = mine(data, config, verdicts=[tmp_path / "verdicts.jsonl"], runtime=runtime)
    cosines = {row["query_id"]: set(row["cosines"]) for row in read_variations(run.folder)}
    assert cosines == {"a": {"p0", "p1", "p9"}, "b": {"p1", "p9"}}


def test_a_repeated_negative_is_no_other_origin(dataset, config, cache):
    """What is tried is the same whether short rows are filled with their own negatives again or not."""
    filled = config.model_copy(update={"fill": "repeat", "filters": ("margin:relative=0.5",)})
    runs = [mine(dataset, each, runtime=cache, paraphrase=backwards) for each in (filled, filled.model_copy(update={"fill": "none"}))]
    assert runs[0].report["counts"]["tiers"]["5"] > 0
    assert runs[0].report["variations"] == runs[1].report["variations"]


def test_a_text_that_the_row_has_is_none(dataset, config, cache):
    """A paraphrase that says another negative of the row, the query, a positive, or what an earlier kind has made."""
    names = [f"p{i}" for i in range(30)]
    text = dict(zip(names, dataset.corpus.texts(range(30)), strict=True))
    variations = ("delete:count=3", "paraphrase:count=3")
    for other in (text["p3"], text["p0"], dataset.queries.texts([0])[0]):
        made = mine(
            dataset, {**config.model_dump(), "variations": variations}, runtime=cache, paraphrase=lambda _, other=other: other.upper()
        )
        told = [row for row in read_variations(made.folder) if row["query_id"] == "q0" and row["kind"] == "paraphrase"]
        assert [
            row["text"] for row in told if oracle.normalise(row["text"]) in {oracle.normalise(text["p0"]), *dataset.queries.texts([0])}
        ] == []
        assert len(told) <= 1
        assert made.report["variations"]["paraphrase"]["dropped"]["same_text"] > 0


def test_what_cannot_be_made_is_refused_before_any_work(dataset, config, tmp_path):
    """A paraphrase without a function, a first source without vectors, vectors made before."""
    with pytest.raises(ConfigError, match=r"variation 'paraphrase' needs your function: mine\(…, paraphrase=function\), in Python"):
        mine(dataset, config, out=tmp_path / "out")
    with pytest.raises(ConfigError, match="variations are scored with a model, and the first source is bm25"):
        MiningConfig.of(sources=("bm25", "dense"), variations=("delete",))
    with pytest.raises(ConfigError, match="a second judge has no score for a variation, which is a new text"):
        config.model_copy(update={"judges": (f"bi-encoder:model={config.model}",)})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_a_judged_origin_exempts_nothing(tiny_model, tmp_path, similarity):
    """A passage judged non-relevant may score above its ceiling; what is made of its text may not."""
    data = small(tmp_path / "data")
    names = {row["id"]: row for row in [{"id": name} for name in data.corpus.ids(range(30))]}
    queries = [{"id": "q", "text": "w1 w2 w3", "positives": ["p0"], "non_relevant": [name for name in names if name != "p0"]}]
    passages = [{"id": name, "text": text} for name, text in zip(names, data.corpus.texts(range(30)), strict=True)]
    config = MiningConfig.of(
        model=str(tiny_model),
        similarity=similarity,
        depth=30,
        max_depth=30,
        negatives=8,
        ladder=3,
        variations=("delete:count=8,share=0.5",),
    )
    run = mine(read_inline(queries, passages, tmp_path / "judged"), config, runtime=Runtime.of(cache=tmp_path / "cache"))
    ceiling = min(row["scores"][0] for row in export(run, {**config.model_dump(), "columns": ["scores"], "variations": []}).rows())
    assert max((row["score"] for row in read_variations(run.folder)), default=-1e9) <= ceiling
    assert run.report["variations"]["delete"]["tried"] == 8


def test_every_kind_has_a_sentence_of_its_own():
    assert all(part.__doc__ and part.__doc__[0].isupper() for part in VARIATIONS.values())


def test_a_rerun_a_dry_run_and_a_preflight_make_them_too(dataset, config, cache, tmp_path, monkeypatch, tiny_model):
    """From the manifest the same bytes; a kind that needs code cannot be made again."""
    kinds = {**config.model_dump(), "variations": ("delete:share=0.3", "una:near=20")}
    monkeypatch.setattr(preflight, "MIN_TEXTS", 1)
    run = mine(dataset, kinds, out=tmp_path / "out", runtime=cache)
    assert "rehearse" in run.manifest["timings"]
    assert rerun(run, stored=True, runtime=cache).differences == []
    told = mine(dataset, config, out=tmp_path / "told", runtime=cache, paraphrase=backwards)
    with pytest.raises(ConfigError, match="variation 'paraphrase' needs your function"):
        rerun(told, stored=True, runtime=cache)
    passages = [{"id": f"p{i}", "text": f"w{i} w{i + 1} w{i + 2}"} for i in range(20)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({"query": f"w{i}", "positive": passages[i]["text"]}) + "\n" for i in range(9)))
    inputs = Inputs.of(pairs=str(tmp_path / "pairs.jsonl"))
    assert plan(inputs, MiningConfig.of(**kinds), cache)["estimate"]
    with pytest.raises(ConfigError, match="variation 'paraphrase' needs your function"):
        plan(inputs, config, cache)


@pytest.mark.parametrize(
    "more",
    [
        {"anchor": "own", "columns": ("ids",)},
        {"hub_cap": 2},
        {"fill": "repeat", "ladder": 3},
        {"fill": "random", "depth": 8, "ladder": 3, "filters": ("margin:relative=0.3,relax=true",)},
        {"sources": ("dense", "bm25"), "filters": ("consensus:margin=0.1",)},
        {"distinct": 0.9},
    ],
    ids=str,
)
def test_they_go_with_every_way_of_choosing(dataset, config, cache, tmp_path, more):
    """No row has a text twice but where it is repeated, none is a positive, every origin is a negative of the row, and lint finds nothing."""
    run = mine(dataset, {**config.model_dump(), **more}, out=tmp_path / "out", runtime=cache, paraphrase=backwards)
    rows = [(row.query_id, row.positives[0], *row.negatives) for row in read_training(run.folder)]
    names = {(row.query_id, row.positives[0], name) for row in read_training(run.folder) for name in row.ids[1:]}
    of_row = {}
    for query, positive, negative in rows:
        assert oracle.normalise(negative) != oracle.normalise(positive)
        of_row.setdefault((query, positive), []).append(oracle.normalise(negative))
    if more.get("fill") != "repeat":
        assert all(len(set(texts)) == len(texts) for texts in of_row.values())
    further = [(query, positive, name) for query, positive, name in names if "~" in name]
    assert further
    assert {(query, positive, name.split("~")[0]) for query, positive, name in further} <= names
    assert set(lint(run.folder).counts) <= {"extra_column", "score_order", "duplicate_negative", "repeated_row"}
