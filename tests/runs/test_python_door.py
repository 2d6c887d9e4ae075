"""`mine` from Python: any object in, tables out, settings as a dict, bars, one tree of errors, in Python's words."""

import logging
import re

import pytest

from miner import HardnegError, MiningConfig, export, mine
from miner.config import Inputs
from miner.errors import ConfigError, with_settings
from miner.read.cells import short_hash
from miner.runs.mine_arguments import config_of, inputs_of
from miner.runs.progress_bars import watched
from miner.runs.summary import log_summary

ROWS = [{"question": f"number {i}?", "answer": f"it is {i} and {i % 3}"} for i in range(12)]
SETTINGS = {"negatives": 2, "depth": 8, "filters": ("near_positive:off", "nearest:off", "margin:off")}


@pytest.fixture(scope="module")
def run(tiny_model):
    """Of a DataFrame."""
    return mine(pytest.importorskip("pandas").DataFrame(ROWS), SETTINGS, model=tiny_model)


def test_objects_and_files_give_the_same_rows(run, tiny_model, tmp_path):
    """A list, and a CSV file of the same rows."""
    (tmp_path / "faq.csv").write_text("question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in ROWS))
    rows = list(run.rows())
    assert rows
    assert list(mine(ROWS, MiningConfig(**SETTINGS), model=tiny_model).rows()) == rows
    assert list(mine(tmp_path / "faq.csv", SETTINGS, model=tiny_model).rows()) == rows


def test_a_corpus_without_ids_gives_the_same_training_file(tiny_model, tmp_path):
    """As one whose ids are those that follow from the texts; a list of dicts, a table, and a file."""
    texts = [f"further passage {number}" for number in range(9)]
    (tmp_path / "corpus.csv").write_text("text\n" + "".join(f"{text}\n" for text in [*texts, texts[0]]))
    named = {f"p-{short_hash(text)}": text for text in texts}
    table = pytest.importorskip("pandas").DataFrame({"text": texts, "page": range(9)})
    corpora = (named, [{"text": text} for text in texts], table, tmp_path / "corpus.csv")
    wide = {**SETTINGS, "negatives": len(ROWS), "depth": 30}  # more than the other answers are
    runs = [mine(ROWS, wide, model=tiny_model, corpus=corpus) for corpus in corpora]
    files = [run.file.read_bytes() for run in runs]
    assert b"further passage" in files[0]
    assert files == files[:1] * 4


def test_tables_out(run):
    """Of every library, with the rows of the file."""
    rows = list(run.rows())
    assert run.to_arrow().to_pylist() == rows
    assert run.to_dataset().to_list() == rows
    assert run.to_pandas().to_dict("records") == rows
    pytest.importorskip("polars")
    assert run.to_polars().to_dicts() == rows


def test_a_notebook_shows_the_page(run):
    """Of a run and of its report, in a frame of its own."""
    assert run._repr_html_() == run.report._repr_html_()
    assert run._repr_html_().startswith("<iframe")
    assert "&lt;svg" in run._repr_html_()


def test_export_takes_a_folder_and_a_dict(run, tiny_model):
    """As `mine` does."""
    again = export(run.folder, {**run.config.model_dump(exclude_unset=True), "negatives": 1})
    assert len(list(again.rows())) < len(list(run.rows()))


def test_the_summary_is_logged(tiny_model, caplog):
    """As information, and each note of the report as a warning; by `export` too."""
    with caplog.at_level(logging.INFO, "miner.runs.summary"):
        same_question_twice = [{"query_id": str(number), **row} for number, row in enumerate([*ROWS, ROWS[0]])]
        run = mine(same_question_twice, SETTINGS, model=tiny_model)
        once = [(record.levelno, record.message) for record in caplog.records if record.name == "miner.runs.summary"]
        caplog.clear()
        export(run, run.config)
        again = [(record.levelno, record.message) for record in caplog.records if record.name == "miner.runs.summary"]
    assert run.report["notes"]
    assert [text for level, text in once if level == logging.WARNING] == run.report["notes"]
    assert any("candidates" in text for level, text in once if level == logging.INFO)
    assert [level for level, _ in again] == [level for level, _ in once]


@pytest.mark.parametrize(
    "given", [{}, {"filters": ("margin:relative=0.1",)}, {"preset": "safe"}, {"sampler": "uniform", "filters": ("group",)}]
)
def test_a_model_by_name_is_that_of_the_config(given):
    """Nothing else of the config changes: what holds firmly still does."""
    whole = MiningConfig(model="m", **given)
    assert config_of(MiningConfig(**given), "m") == config_of(given, "m") == (whole, None)


def test_a_note_names_settings_in_the_log(run, caplog):
    """The report keeps the flags."""
    with caplog.at_level(logging.WARNING, "miner.runs.summary"):
        log_summary({**run.report, "notes": ["3 rows; --filter margin:relax=true fills them"]})
    assert caplog.messages == ['3 rows; filters=["margin:relax=true"] fills them']


def test_a_run_folder_is_answered_with_its_file(run, tiny_model):
    """It is no data; its training file is."""
    with pytest.raises(HardnegError, match=rf"is a run folder: name the training file in it, {re.escape(str(run.file))}$"):
        mine(str(run.folder), model=tiny_model)


def test_paths_are_inputs(tmp_path):
    """So that the manifest names them: pairs, several of them, a BEIR folder with its split."""
    (tmp_path / "beir" / "qrels").mkdir(parents=True)
    assert inputs_of(str(tmp_path / "beir"), split="dev") == Inputs(data=str(tmp_path / "beir"), split=("dev",))
    assert inputs_of(["a.csv", "b.csv"], "c.csv") == Inputs(pairs=("a.csv", "b.csv"), corpus=("c.csv",))


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (3, {}, "data is a number; read are"),
        (ROWS, {"fields": {"query": "q"}}, "data has no column 'q'"),
        (ROWS, {"split": "train"}, "data has no splits"),
        (ROWS, {"config": 3}, "config is of type int; a MiningConfig, or a dict of its settings, is needed"),
        (ROWS, {"config": {"negative": 3}}, "there is no setting 'negative'"),
        (ROWS, {"config": {"model": "a"}, "model": "b"}, "model is 'b', and config.model is 'a': name one of them"),
        (Inputs(data="x"), {"corpus": ROWS}, "corpus goes with pairs, not with Inputs"),
        (ROWS, {"config": {1: 2}}, "config has the key 1: the names of settings are strings"),
        (ROWS, {"fields": "a=b"}, "fields is 'a=b': a dict of columns by field is needed, as {'query': 'COLUMN'}"),
        (ROWS, {"fields": ["query=a"]}, "fields is \\['query=a'\\]: a dict"),
        (ROWS, {"fields": {"query": 3}}, "fields is {'query': 3}: a dict"),
        (ROWS, {"runtime": 5}, r"runtime is 5: a Runtime, or a dict of its settings, is needed, as Runtime\(device='cpu'\)"),
        (ROWS, {"runtime": {"devise": "cpu"}}, "there is no setting 'devise'; did you mean 'device'?"),
        (ROWS, {"out": 5}, "out= is 5: the name of a file or a folder is needed"),
        (ROWS, {"out": "a\0b"}, r"out= is 'a\\x00b': no name holds a NUL character"),
        (ROWS, {"model": 5}, "model is 5: a name, a folder, a loaded SentenceTransformer or an Encoder is needed"),
        (ROWS, {"model": object()}, "model is of type object: a name"),
        (ROWS, {"model": str}, "model is of type type: a name"),
        (ROWS, {"on_error": "ignore"}, "on_error is 'ignore'; it is one of 'fail', 'skip'"),
        (ROWS, {"on_progress": 5}, "on_progress is 5: a function of stage, done and total is needed"),
        (ROWS, {"verdicts": 5}, "verdicts is 5: the name of a file, or a list of names, is needed"),
        (ROWS, {"verdicts": "none.jsonl"}, "there is no file none.jsonl, which was to hold verdicts"),
        ("", {}, "data is an empty name"),
        ("a.csv", {"split": "train"}, "split goes with a BEIR folder or a DatasetDict"),
    ],
)
def test_wrong_arguments_are_of_one_tree(data, options, reason, tiny_model):
    """Each with a sentence."""
    with pytest.raises(HardnegError, match=reason):
        mine(data, **{"model": tiny_model, **options})


@pytest.mark.parametrize("settings", [{"negatives": "x"}, {"num_negatives": 3}, {"filters": "margin:relative=0.1"}])
def test_wrong_settings_are_too(settings):
    """However the config is built."""
    for build in (MiningConfig, MiningConfig.of):
        with pytest.raises(ConfigError):
            build(**settings)


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ("choose another --out, or replace it with --force", "choose another out=, or replace it with force=True"),
        ("name it: --field query=COLUMN", 'name it: fields={"query": "COLUMN"}'),
        ("name it: --field 'query=my column'; or not", 'name it: fields={"query": "my column"}; or not'),
        ("mine again with --evidence vectors", 'mine again with evidence=["vectors"]'),
        ("--filter margin:relax=true fills them", 'filters=["margin:relax=true"] fills them'),
        ("a --max-depth over 3", "a max_depth= over 3"),
        ("`hardneg cache prune --scratch` removes it", "`hardneg cache prune --scratch` removes it"),
        ("pre--post and a -- b", "pre--post and a -- b"),
        ("query 'a --force b' is empty; --on-error skip", "query 'a --force b' is empty; on_error= skip"),
        ("the model's rows; --force replaces the query's", "the model's rows; force=True replaces the query's"),
    ],
)
def test_flags_are_settings_in_python(flags, settings):
    """The command line keeps them."""
    assert with_settings(flags) == settings
    error = ConfigError(flags)
    assert (str(error), error.with_flags) == (settings, flags)


def test_bars(capsys):
    """Where nobody looks there are none; asked for, there is one for each stage that counts something."""
    with watched(None, None) as callback:
        assert callback is None
    with watched(True, None) as callback:
        callback("read", 0, 0)
        callback("encode", 1, 2)
        callback("encode", 2, 2)
        callback("retrieve", 5, 5)
    shown = capsys.readouterr().err
    assert "encode: 100%" in shown
    assert "retrieve: 100%" in shown
    assert "read" not in shown
    assert watched(True, print).__enter__() is print
