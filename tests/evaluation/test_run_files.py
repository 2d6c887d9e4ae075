"""Rankings of other systems: read as trec_eval reads them, measured as models are."""

import gzip

import ir_measures
import numpy as np
import pytest

from miner.errors import InputError
from miner.evaluation import EvaluateConfig, RunFile, evaluate
from miner.page import comparison
from miner.read import read_inline


@pytest.fixture
def data(tmp_path):
    corpus = [{"id": f"p{i:02}", "text": f"w{i}"} for i in range(40)]
    positives = [[f"p{(i * 3 + j) % 40:02}" for j in range(1 + i % 3)] for i in range(12)]
    queries = [{"id": f"q{i:02}", "text": f"ask {i}", "positives": names} for i, names in enumerate(positives)]
    return read_inline(queries, corpus, tmp_path / "data")


def write(path, dataset, rows, scores):
    queries, passages = (texts.ids(np.arange(len(texts))) for texts in (dataset.queries, dataset.corpus))
    lines = [
        f"{queries[q]} Q0 {passages[row]} {99 - place} {score} me"
        for q in range(len(rows))
        for place, (row, score) in enumerate(zip(rows[q], scores[q], strict=True))
    ]
    draw = np.random.default_rng(1)
    path.write_text("\n".join(draw.permutation(lines)) + "\n\n")
    return path


def test_as_trec_eval_measures_it(data, tmp_path):
    """Scores order, whatever the ranks and the order of lines; every measure equals the library's own reading of the file."""
    draw = np.random.default_rng(0)
    rows = np.array([draw.permutation(40)[:30] for _ in range(12)])
    run = write(tmp_path / "a.run", data, rows, draw.permuted(np.tile(np.arange(30.0), (12, 1)), axis=1))
    names = ("ndcg@10", "mrr@10", "recall@10", "map@100")
    made = evaluate(data, {"a": RunFile(run)}, EvaluateConfig.of(measures=names, self_match="keep"))
    query_ids, passages = data.queries.ids(np.arange(12)), data.corpus.ids(np.arange(40))
    qrels = {q: {passages[int(row)]: 1 for row in data.qrels.positives(i)} for i, q in enumerate(query_ids)}
    library = [ir_measures.nDCG @ 10, ir_measures.RR @ 10, ir_measures.R @ 10, ir_measures.AP @ 100]
    values = {(v.query_id, v.measure): v.value for v in ir_measures.iter_calc(library, qrels, ir_measures.read_trec_run(str(run)))}
    expected = np.array([[values[query, measure] for measure in library] for query in query_ids])
    np.testing.assert_allclose(made.values["a"][0], expected, atol=1e-12)


def test_two_runs_and_what_one_lacks(data, tmp_path):
    """Compressed too; a judged query that is missing counts as 0 and is named; the page has a picture for every measure."""
    rows = np.array([np.roll(np.arange(40), -i)[:5] for i in range(12)])
    whole = write(tmp_path / "whole.run", data, rows, np.tile(np.arange(5.0), (12, 1)))
    lines = whole.read_text().splitlines()
    gone = data.queries.ids([3])[0]
    part = tmp_path / "part.run.gz"
    part.write_bytes(gzip.compress("\n".join(line for line in lines if not line.startswith(f"{gone} ")).encode()))
    names = ("ndcg@5", "recall@5")
    made = evaluate(data, {"whole": RunFile(whole), "part": RunFile(part)}, EvaluateConfig.of(measures=names))
    assert not made.values["part"][0, 3].any()
    assert f"judged queries that {part} lacks, which count as 0: 1" in made.summary["data"]["notes"]
    page = comparison(made.summary)
    for name in names:
        assert f"{name}: mean and 95 % interval" in page
        assert f"{name}: difference from whole, 95 % interval" in page


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{q} Q0 nowhere 1 0.5 me", "line 2: passage 'nowhere' is not in the corpus"),
        ("{q} Q0 {p} 1 0.4 me", "line 2: passage '{p}' comes twice for query '{q}'"),
        ("{q} Q0 {p} 1 high me", "line 2: the score 'high' is no number"),
        ("{q} {p} 0.5", "line 2: a line of a run is 'query-id Q0 passage-id rank score name', this has 3 fields"),
    ],
)
def test_wrong_lines(data, tmp_path, line, message):
    """One sentence with the line."""
    query, passage = data.queries.ids([0])[0], data.corpus.ids([0])[0]
    run = tmp_path / "x.run"
    run.write_text(f"{query} Q0 {passage} 1 0.5 me\n" + line.format(q=query, p=passage) + "\n")
    with pytest.raises(InputError, match=message.format(q=query, p=passage)):
        RunFile(run).rows(data, 10)
