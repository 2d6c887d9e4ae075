"""The linter finds every kind of fault in every format, nothing in a clean file, and a mended file is clean."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disk import on_disk
from worlds import make

from miner.config import MiningConfig
from miner.errors import ConfigError, InputError
from miner.formats import FORMATS, read_training
from miner.io import standard_input
from miner.lint import RULES, lint
from miner.lint.fixes import mend
from miner.runs.run import export, mine

BARE = {"query": "else", "pos": ["x"], "neg": ["y"]}
PAIR = {"anchor": "q", "positive": "p", "negative": "n"}
TUPLE = {"anchor": "q", "positive": "p", "negative_1": "a", "negative_2": "b"}
CLEAN = {"query": "what is a", "pos": ["a letter", "the first one"], "neg": ["b", "c"], "pos_scores": [0.9, 0.8], "neg_scores": [0.5, 0.4]}


def written(folder, *rows):
    path = folder / "train.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def found(path, **more):
    return [(each.rule, each.where.rpartition(":")[2], each.passages) for each in lint(path, **more).findings]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([CLEAN], []),
        ([CLEAN | {"neg": ["A  LETTER!", "c"]}], [("negative_is_positive", "1", (2,))]),
        (
            [CLEAN, {"query": "What is A?", "pos": ["x"], "neg": ["The first one."], "pos_scores": [2], "neg_scores": [1]}],
            [("negative_is_positive", "2", (1,))],
        ),
        ([BARE, {"query": "what is b", "pos": ["x"], "neg": ["the first one"]}], []),
        ([CLEAN | {"neg": ["b", "B."]}], [("duplicate_negative", "1", (3,))]),
        ([CLEAN | {"neg": ["what is A", "c"]}], [("negative_is_query", "1", (2,))]),
        ([CLEAN | {"pos": ["what is a", "x"]}], [("positive_is_query", "1", (0,))]),
        ([CLEAN | {"neg_scores": [0.8, 0.1]}], [("score_order", "1", (2,))]),
        ([CLEAN | {"neg": ["  ", "c"]}], [("empty", "1", (2,))]),
        ([CLEAN | {"query": " "}], [("empty", "1", ())]),
        ([CLEAN | {"pos": [], "pos_scores": []}], [("no_positive", "1", ())]),
        ([CLEAN, CLEAN], [("repeated_row", "2", ())]),
        ([BARE, BARE | {"query": "what", "pos": "a string"}], [("string_for_list", "2", ())]),
        ([CLEAN, CLEAN | {"query": "else", "neg_scores": ["0.5", 0.4]}], [("string_for_number", "2", ())]),
        ([CLEAN, CLEAN | {"query": "else", "neg_scores": ["low", 0.4]}], [("unusable", "2", ())]),
        ([CLEAN, CLEAN | {"query": "else", "neg": [], "neg_scores": []}], [("no_negative", "2", ())]),
        ([BARE, {"query": "what", "pos": ["x"]}], [("no_negative", "2", ())]),
        ([CLEAN, CLEAN | {"query": "else", "neg_scores": [0.5, None]}], [("part_scores", "2", (3,))]),
        ([CLEAN, CLEAN | {"query": "why"}, BARE], [("part_scores", "3", ())]),
        ([BARE, BARE | {"query": "why"}, CLEAN], [("part_scores", "3", ())]),
        ([BARE, BARE | {"query": "what", "pos_scores": [1]}], [("part_scores", "2", ())]),
        (["\ufeff" + json.dumps(CLEAN)], [("byte_order_mark", "1", ())]),
        ([PAIR, PAIR | {"anchor": "r"}], []),
        ([{name: PAIR[name] for name in ("anchor", "negative", "positive")}], [("column_order", "1", ())]),
        ([PAIR | {"source": "faq"}], [("extra_column", "1", ())]),
        ([PAIR | {"score": 1}], []),
        ([TUPLE, TUPLE | {"anchor": "r"}, {"anchor": "s", "positive": "p", "negative_1": "a"}], [("uneven", "3", ())]),
        ([TUPLE | {"negative_3": "c"}, TUPLE | {"anchor": "r"}, TUPLE | {"anchor": "s"}], [("uneven", "1", (3,))]),
        ([CLEAN, CLEAN | {"query": "else", "pos": [None]}], [("unusable", "2", ())]),
        ([CLEAN, '{"query": "else", "pos": ["x"], "neg": ["y"], "neg_scores": [-Infinity], "pos_scores": [1]}'], [("unusable", "2", ())]),
        ([CLEAN, CLEAN | {"query": "else", "neg_scores": [1]}], [("unusable", "2", ())]),
    ],
)
def test_every_fault_is_found_where_it_is(tmp_path, rows, wanted):
    """Rule, line and passage; a clean row has none."""
    assert found(written(tmp_path, *rows)) == wanted


def test_a_string_in_place_of_a_list_says_so(tmp_path):
    """Its single characters would be positives."""
    path = written(tmp_path, BARE, BARE | {"query": "what", "pos": "a string"})
    (fault,) = lint(path).findings
    with pytest.raises(InputError, match="'pos' is a string; a list of strings is needed"):
        list(read_training(path))
    assert fault.message == "'pos' is a string; a list of strings is needed"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lint")
    config = MiningConfig.of(depth=12, negatives=3, ladder=1, filters=("near_positive:off",), columns=())
    return mine(on_disk(make(8, passages=60, queries=6, similarity="cosine"), folder / "data"), config, out=folder / "run")


@pytest.mark.parametrize("name", FORMATS)
def test_what_we_write_is_clean_in_every_format(run, tmp_path, name):
    """Read through each format's door; a positive that is the query, as the world has some, is the data's own."""
    made = export(run, run.config.model_copy(update={"output_format": name, "negatives": 2}), out=tmp_path / "out")
    linted = lint(made.folder, ignore=("positive_is_query", "score_order"))
    assert (linted.format, linted.counts) == (name, {})
    assert linted.rows > 0


@pytest.mark.parametrize("name", [name for name, shape in FORMATS.items() if not shape.layout])
def test_a_mended_file_is_clean_and_keeps_what_was_right(run, tmp_path, name):
    """The first row's first negative becomes its positive: it goes, the rest stays, in the same format."""
    made = export(run, run.config.model_copy(update={"output_format": name, "negatives": 2}), out=tmp_path / "out")
    before = list(read_training(made.file, name))
    row = next(row for row in before if 0 in row.labels and 1 in row.labels)
    lines = made.file.read_text().splitlines(keepends=True)
    bad, good = (json.dumps(text)[1:-1] for text in (row.negatives[0], row.positives[0]))
    at = next((i for i, line in enumerate(lines) if json.dumps(row.query)[1:-1] in line and bad in line), None)
    if at is None:
        pytest.skip("its texts are not plain JSON")
    lines[at] = lines[at].replace(bad, good)
    path = tmp_path / f"bad{made.file.suffix}"
    path.write_text("".join(lines))
    mended = tmp_path / f"good{made.file.suffix}"
    assert "negative_is_positive" in lint(path, format=name).counts
    told = mend(path, mended, format=name, ignore=("positive_is_query",))
    assert lint(mended, format=name, ignore=("positive_is_query",)).counts == {}
    kept = {(each.query, each.positives, text) for each in read_training(mended, name) for text in each.negatives}
    was = {(each.query, each.positives, text) for each in before for text in each.negatives}
    assert kept <= was
    assert told["rows_left_out"] + told["negatives_left_out"] >= 1
    assert len(was) - len(kept) <= len(before[0].negatives) + 1


def test_mending_a_clean_file_changes_nothing(run, tmp_path):
    """Texts, ids, scores, ranks, extras: every row as it was."""
    columns = ("ids", "scores", "ranks", "tiers", "extra")
    made = export(run, run.config.model_copy(update={"output_format": "flagembedding", "columns": columns}), out=tmp_path / "out")
    mend(made.file, tmp_path / "same.jsonl", ignore=("positive_is_query", "score_order"))
    assert (tmp_path / "same.jsonl").read_bytes() == made.file.read_bytes()


def test_test_queries_are_found(tmp_path):
    """By text against a BEIR folder, by id against judgements."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "t1", "text": "What is A?"}\n{"_id": "t2", "text": "other"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nt1\td\t1\n")
    path = written(tmp_path, CLEAN, CLEAN | {"query": "other"})
    assert found(path, against=folder) == [("leak", "1", ())]
    ids = written(tmp_path, CLEAN | {"query_id": "t1", "pos_id": ["1", "2"], "neg_id": ["3", "4"]})
    assert found(ids, against=folder / "qrels" / "test.tsv") == [("leak", "1", ())]
    with pytest.raises(ConfigError, match="the training file has no query ids; give a BEIR folder"):
        lint(written(tmp_path, CLEAN), against=folder / "qrels" / "test.tsv")
    with pytest.raises(InputError, match="nowhere"):
        lint(path, against="nowhere.tsv", format="flagembedding")


def test_all_are_counted_and_a_hundred_are_kept(tmp_path):
    """Of each rule."""
    linted = lint(written(tmp_path, *[CLEAN] * 151))
    assert (linted.rows, linted.counts, len(linted.findings)) == (151, {"repeated_row": 150}, 100)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda path: lint(path, ignore=("leaks",)), f"there is no rule 'leaks'; did you mean 'leak'\\? There are: {', '.join(RULES)}"),
        (lambda path: lint(path, format="beri"), "there is no format 'beri'"),
        (lambda path: mend(path, path.parent / "x.jsonl", format="beri"), "there is no format 'beri'"),
        (lambda path: mend(path, path), "exists already; choose another fix="),
        (lambda path: mend(path, path.parent / "no" / "such" / "x.jsonl"), "there is no folder .*no/such for fix= .*x.jsonl"),
        (lambda path: lint(path.parent / "none.jsonl"), "none.jsonl"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, call, said):
    """What is wrong, and what would be right."""
    path = written(tmp_path, CLEAN)
    with pytest.raises(Exception, match=said):
        call(path)


@pytest.mark.parametrize(
    ("rows", "wanted", "counts"),
    [
        ([BARE, BARE | {"query": "why", "pos": "a text"}], [BARE, BARE | {"query": "why", "pos": ["a text"]}], (0, 1)),
        (["\ufeff" + json.dumps(BARE)], [BARE], (0, 1)),
        ([{name: PAIR[name] for name in ("negative", "positive", "anchor")}], [PAIR], (0, 1)),
        ([PAIR | {"positive_id": "1", "note": "x"}], [PAIR], (0, 1)),
        ([CLEAN, CLEAN | {"query": "why", "neg_scores": ["0.5", "0.4"]}], [CLEAN, CLEAN | {"query": "why"}], (0, 1)),
        ([CLEAN, CLEAN | {"query": "why"}, BARE], [CLEAN, CLEAN | {"query": "why"}], (1, 0)),
        ([BARE, BARE | {"query": "why"}, {**CLEAN}], [BARE, BARE | {"query": "why"}, {k: CLEAN[k] for k in BARE}], (0, 1)),
        ([CLEAN | {"neg_scores": [0.5, None]}], [CLEAN | {"neg": ["b"], "neg_scores": [0.5]}], (0, 0)),
        ([TUPLE, TUPLE | {"anchor": "r"}, TUPLE | {"anchor": "s", "negative_2": "a"}], [TUPLE, TUPLE | {"anchor": "r"}], (1, 0)),
        ([BARE, BARE | {"query": "who", "pos": ["who?"]}], [BARE], (1, 0)),
        ([BARE, BARE | {"query": "who", "neg": ["who?"]}], [BARE], (1, 0)),
    ],
)
def test_what_can_mean_one_thing_only_is_mended(tmp_path, rows, wanted, counts):
    """The row stays and says what was meant; a row that most rows contradict leaves."""
    told = mend(written(tmp_path, *rows), tmp_path / "good.jsonl")
    assert [json.loads(line) for line in (tmp_path / "good.jsonl").read_text().splitlines()] == wanted
    assert (told["rows_left_out"], told["rows_repaired"]) == counts
    assert lint(tmp_path / "good.jsonl").counts == {}


def test_a_further_column_of_pylates_folder_is_found(tmp_path):
    """Its collator takes every column without `_id` for a text, and its loss the first two."""
    row = {"query_id": "q", "document_ids": ["p", "n"], "scores": [0.9, 0.1]}
    pq.write_table(pa.Table.from_pylist([row | {"note": "x"}]), tmp_path / "train.parquet")
    pq.write_table(pa.table({"query_id": ["q"], "text": ["what"]}), tmp_path / "queries.parquet")
    pq.write_table(pa.table({"document_id": ["p", "n"], "text": ["this", "that"]}), tmp_path / "documents.parquet")
    assert lint(tmp_path).counts == {"extra_column": 1}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train.parquet")
    assert lint(tmp_path).counts == {}


@pytest.mark.parametrize(
    ("ids", "wanted"), [(("0", 1), ["2"]), ((0, "1"), ["1"]), ((0, 1), []), ((0, None), []), (("0", None), []), (("0", ...), ["2"])]
)
def test_ids_of_two_kinds_are_found_where_a_trainer_stops_at_them(tmp_path, ids, wanted):
    """NeMo's loader makes one Arrow column of the query ids: of numbers alone, or of strings alone."""
    rows = [{"question_id": each, "question": f"q {each}", "corpus_id": "c", "pos_doc": ["p"], "neg_doc": ["n"]} for each in ids]
    rows = [{name: value for name, value in row.items() if value is not ...} for row in rows]
    (tmp_path / "corpus").mkdir()
    (tmp_path / "train.json").write_text('{"corpus": [{"path": "corpus"}],\n"data": [' + ",\n".join(map(json.dumps, rows)) + "]}")
    (tmp_path / "corpus" / "merlin_metadata.json").write_text('{"corpus_id": "c", "class": "TextQADataset"}')
    pq.write_table(pa.table({"id": ["p", "n"], "text": ["a", "b"]}), tmp_path / "corpus" / "train.parquet")
    rule = "unusable" if ... in ids else "mixed_ids"
    assert [(each.rule, each.where.rpartition(" ")[2]) for each in lint(tmp_path).findings] == [(rule, row) for row in wanted]


def test_a_mended_file_has_no_finding_and_every_change_is_counted(tmp_path):
    """Rows that become equal, too; the input stays, unless it is to be replaced."""
    rows = [{"query": "a", "pos": "b", "neg": ["c", "c", "d"]}, {"query": "a", "pos": ["b"], "neg": ["c", "d"]}]
    path = written(tmp_path, *rows, {"query": "e", "pos": ["f"], "neg": ["f", " ", "g"]})
    before, counted = path.read_bytes(), lint(path).counts
    report = mend(path, tmp_path / "good.jsonl")
    assert report["changes"] == {**counted, "repeated_row": 1}
    assert (report["rows_written"], report["rows_left_out"], report["negatives_left_out"]) == (2, 1, 3)
    assert lint(tmp_path / "good.jsonl").counts == {}
    assert path.read_bytes() == before
    mend(path, path, force=True)
    assert path.read_bytes() == (tmp_path / "good.jsonl").read_bytes()


def test_a_list_written_as_text_is_a_list_or_is_named(tmp_path):
    """In a column of lists it is read as what it is; as one passage of a table it is a finding, in JSON lines it is a text."""
    table, pairs = tmp_path / "lists.csv", tmp_path / "pairs.csv"
    table.write_text("""query,pos,neg,neg_scores,pos_scores\nq,"['a', 'b']","[""c""]",[0.1],"[0.9, 0.8]"\n""")
    (row,) = read_training(table, repair=True)
    assert (row.passages, row.labels, row.scores) == (("a", "b", "c"), (1, 1, 0), (0.9, 0.8, 0.1))
    with pytest.raises(InputError, match="'pos' is a list written as text; a list of strings is needed"):
        list(read_training(table))
    mend(table, tmp_path / "good.jsonl")
    assert lint(tmp_path / "good.jsonl").counts == {}
    pairs.write_text("""anchor,positive,negative\nq,p,"['a', 'b']"\n""")
    assert found(pairs) == [("list_in_text", "2", (1,))]
    assert found(written(tmp_path, PAIR | {"negative": "['a', 'b']"})) == []


@pytest.mark.parametrize(
    ("content", "shape", "places"),
    [
        ("anchor,positive,negative\nq,p,p\n", "triplet", ["-:2"]),
        ("anchor;positive;negative\nq;p;p\n", "triplet", ["-:2"]),
        ("anchor\tpositive\tlabel\nq\tp\t1\nq\tp\t0\n", "labeled-pair", ["-:2"]),
        (json.dumps([{"query": "a", "pos": ["b"], "neg": ["b", "c"]}], indent=1), "flagembedding", ["-: row 1"]),
        ('{"query": "a", "pos": ["b"], "neg": ["b", "c"]}\n', "flagembedding", ["-:1"]),
    ],
)
def test_standard_input_of_any_kind_is_linted_and_mended(tmp_path, monkeypatch, content, shape, places):
    monkeypatch.setattr(standard_input, "open_standard_input", lambda: io.BufferedReader(io.BytesIO(content.encode())))
    standard_input.standard_input.cache_clear()
    try:
        result = lint("-")
        mend("-", tmp_path / "good.jsonl", ignore=() if shape == "flagembedding" else ("no_negative",))
    finally:
        standard_input.standard_input.cache_clear()
    assert (result.format, [finding.where for finding in result.findings]) == (shape, places)
    assert [finding.rule for finding in result.findings] == ["negative_is_positive"]
