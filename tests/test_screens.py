"""What a user sees speaks the glossary's words: help, messages, scripts of the pages, the report, the comparison and the terminal's tables."""

import ast
import io
import re
from pathlib import Path

import pytest
from screen_words import visible_text, wrong_words

ROOT = Path(__file__).parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PLAIN = {"", "count", "mean", "std", "min", "max", "reason", "share", "step", "uses"}
"""Heads that every reader knows: statistics, and what a number counts."""


def commands():
    """Every command of the CLI with its context."""
    import click
    import typer

    from app.cli.verbs import app

    def walk(command, context):
        yield command, context
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, click.Context(inner, info_name=name, parent=context))

    root = typer.main.get_command(app)
    return walk(root, click.Context(root, info_name="hardneg"))


def help_texts(command):
    """The description, the epilog and the help of every parameter."""
    yield from filter(None, (command.help, command.epilog, *(getattr(param, "help", None) for param in command.params)))


def messages(path):
    """The string literals of a module that are more than one word, but no docstrings: (line, text)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = (node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list))
    docs = {id(each.value) for body in bodies for each in body if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs and " " in node.value.strip():
            yield node.lineno, node.value


def test_help_has_the_words_of_the_glossary():
    """Of every verb and every flag."""
    texts = {context.command_path: list(help_texts(command)) for command, context in commands()}
    assert len(texts) > 30
    assert not {name: words for name, found in texts.items() if (words := wrong_words("\n".join(found)))}


@pytest.mark.parametrize("package", ["miner", "app"])
def test_messages_have_the_words_of_the_glossary(package):
    """Whatever may be printed, raised, logged or put on a page."""
    paths = sorted((ROOT / package).rglob("*.py"))
    found = [(f"{path.relative_to(ROOT)}:{line}", words) for path in paths for line, text in messages(path) if (words := wrong_words(text))]
    assert not found


@pytest.mark.parametrize("name", ["page.js", "review.js"])
def test_scripts_have_the_words_of_the_glossary(name):
    """Of their texts, those with a space."""
    source = (ROOT / "app" / "pages" / "static" / name).read_text(encoding="utf-8")
    texts = [text for pair in re.findall(r'"([^"\n]*)"|`([^`]*)`', source) for text in pair if " " in text]
    assert texts
    assert not wrong_words("\n".join(texts))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """What a run, and two runs side by side, show: on their pages and in a terminal."""
    from disk import on_disk
    from rich.console import Console
    from worlds import config_of, make

    from miner.comparison import compare, table
    from miner.page import runs
    from miner.report import table as report_table
    from miner.runs.run import mine

    folder, made = tmp_path_factory.mktemp("runs"), []
    for seed in (3, 4):
        world = make(seed)
        config = config_of(seed, similarity=world.similarity, output_format="triplet", fill="none", min_grade=1)
        made.append(mine(on_disk(world, folder / f"data-{seed}"), config, out=folder / f"run-{seed}"))
    screen = Console(file=io.StringIO(), width=200)
    screen.print(report_table(made[0].report), table(compare(*made)))
    report = (made[0].folder / "report.html").read_text(encoding="utf-8")
    return {"report": report, "comparison": runs(compare(*made), ("first", "second")), "terminal": screen.file.getvalue()}


@pytest.mark.parametrize("name", ["report", "comparison", "terminal"])
def test_pages_and_tables_have_the_words_of_the_glossary(pages, name):
    """Of two runs over test worlds, whose texts are made-up words."""
    assert len(text := visible_text(pages[name])) > 500
    assert not wrong_words(text)


def terms():
    """What the glossary defines: its headings, and what an entry has in bold."""
    found = re.findall(r"^### (.+)$|\*\*([^*]+)\*\*", GLOSSARY, flags=re.MULTILINE)
    return {singular(term) for heading, bold in found for term in (heading or bold).split(",")}


def singular(term):
    """`query` for `Queries`."""
    return term.strip().lower().removesuffix("s").replace("querie", "query")


def test_each_label_of_the_report_is_in_the_glossary(pages):
    """Heads of columns, names of the numbers at the top, titles of the boxes."""
    report = pages["report"].partition('id="manifest"')[0]
    labels = {label.lower() for label in re.findall(r"<(?:th|dt|h3)\b[^>]*>([^<]*)<", report.partition("</style>")[2])}
    assert len(labels) > 15
    names = {label for label in labels - PLAIN if not label.startswith("−") and not label.endswith("%")}
    assert {label for label in names if singular(label) not in terms()} == set()


def test_each_fallback_level_is_in_the_glossary():
    """By the name that a report gives it."""
    from miner.page.sections import FALLBACK_LEVELS

    entry = GLOSSARY.partition("### fallback level")[2].partition("###")[0]
    assert [name for name in FALLBACK_LEVELS if name not in " ".join(entry.split())] == []


@pytest.mark.parametrize("name", ["training", "loop"])
def test_each_head_of_a_table_is_in_the_glossary(name, monkeypatch):
    """On the pages of a training and of a loop: heads of columns and names of the numbers at the top."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "page"))
    from test_loop_page import report as loop_report
    from test_training_page import report as training_report

    from miner.page import loop_page, training_page

    page = training_page(training_report()) if name == "training" else loop_page(loop_report())
    shown = page.partition('id="settings"')[0].partition("</style>")[2]
    labels = {label.lower().removeprefix("training rows: ") for label in re.findall(r"<(?:th|dt)\b[^>]*>([^<]*)<", shown)}
    plain = PLAIN | {"effect", "of", "share", "95 % interval", "change", "mined", "trained", "status"}
    names = {label for label in labels - plain if not re.match(r"dev |age |refused:|positive&#x27;s rank", label)}
    assert len(labels) > 8
    assert {label for label in names if singular(label) not in terms()} == set()
