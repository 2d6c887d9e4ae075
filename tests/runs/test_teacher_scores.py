"""A teacher's scores in training files: in every format with room for scores each passage has the judge's own, where its trainer reads them."""

import json

import pytest
from test_judge_pass import config_of, cross, scores_of  # noqa: F401  # a fixture
from test_run import small

from miner.formats import FORMATS, read_training
from miner.runs.run import export, mine
from miner.train.training_rows import columns

SCORED = [name for name, shape in FORMATS.items() if "scores" in shape.optional_columns]


@pytest.fixture(scope="module")
def world(tiny_model, cross, tmp_path_factory):  # noqa: F811
    """A function of a format that returns its file, and {(query's text, passage's text): score by the judge itself}."""
    folder = tmp_path_factory.mktemp("teacher")
    dataset = small(folder / "texts")
    config = config_of(tiny_model, cross, ",pairs=all,first=30", columns=(), scores_by="cross-encoder")
    run = mine(dataset, config, out=folder / "run")
    scores = scores_of(cross, dataset)
    texts = [dict(zip(part.ids(range(len(part))), part.texts(range(len(part))), strict=True)) for part in (dataset.queries, dataset.corpus)]

    def file_of(name):
        if not (folder / name).exists():
            export(run, config.model_copy(update={"output_format": name}), out=folder / name)
        return next(path for path in ((folder / name / name), *(folder / name).glob("triplets.*")) if path.exists())

    return file_of, {(texts[0][query], texts[1][passage]): score for (query, passage), score in scores.items()}


@pytest.mark.parametrize("name", [name for name in SCORED if name != "gpl"])
def test_every_passage_has_the_judges_score(world, name):
    """Positives and negatives, through our reader."""
    file_of, scores = world
    rows = list(read_training(file_of(name)))
    assert rows
    for row in rows:
        assert row.scores == pytest.approx([scores[row.query, text] for text in row.passages], abs=1e-5)


def test_trainers_read_them_under_their_own_names(world):
    """FlagEmbedding's pos_scores and neg_scores beside pos and neg; a list beside the passages of a labeled list; the margins of GPL."""
    file_of, scores = world
    for row in map(json.loads, file_of("flagembedding").read_text().splitlines()):
        for side in ("pos", "neg"):
            assert row[f"{side}_scores"] == pytest.approx([scores[row["query"], text] for text in row[side]], abs=1e-5)
    for row in map(json.loads, file_of("labeled-list").read_text().splitlines()):
        assert row["scores"] == pytest.approx([scores[row["anchor"], text] for text in row["positive"]], abs=1e-5)
        assert "labels" not in row
    lines = (file_of("gpl") / "gpl-training-data.tsv").read_text().splitlines()
    rows = list(read_training(file_of("gpl")))
    texts = {name: text for row in rows for name, text in zip((row.query_id, *row.ids), (row.query, *row.passages), strict=True)}
    assert lines
    for query, positive, negative, margin in (line.split("\t") for line in lines):
        wanted = scores[texts[query], texts[positive]] - scores[texts[query], texts[negative]]
        assert float(margin) == pytest.approx(wanted, abs=1e-5)


def test_pylates_matrix_is_the_judges(world):
    """One row of scores for each query and positive, the positive first, looked up by ids as PyLate does."""
    pq = pytest.importorskip("pyarrow.parquet")
    file_of, scores = world
    folder = file_of("pylate")
    queries, documents = (
        {row[key]: row["text"] for row in pq.read_table(folder / f"{name}.parquet").to_pylist()}
        for name, key in (("queries", "query_id"), ("documents", "document_id"))
    )
    for row in pq.read_table(folder / "train.parquet").to_pylist():
        wanted = [scores[queries[row["query_id"]], documents[name]] for name in row["document_ids"]]
        assert row["scores"] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", ["n-tuple", "labeled-list", "flagembedding"])
def test_losses_learn_the_judges_scores(world, name):
    """`distillation` gets the scores of positive and negatives, `margin_mse` their differences."""
    file_of, scores = world
    for labels in ("scores", "margins"):
        table = columns(read_training(file_of(name)), 2, labels).columns
        for anchor, positive, *negatives, label in zip(*(table[key] for key in table), strict=True):
            values = [scores[anchor, text] for text in (positive, *negatives)]
            assert label == pytest.approx(values if labels == "scores" else [values[0] - value for value in values[1:]], abs=1e-5)
