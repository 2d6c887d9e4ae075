"""A retrieval set made from what every machine has: the docstrings of Python's own library. Nothing of it is imported or run.

A query is the first sentence of a docstring, its positives are the paragraphs below it. Only one positive of each query is shown in
qrels/train.tsv; all.tsv holds them all, so that false negatives can be counted rather than guessed (in qrels/ they would be known, and
never mined). Imports nothing of ours.
"""

from __future__ import annotations

import ast
import json
import re
import sysconfig
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

EXCLUDED_FOLDERS = {
    "test",
    "tests",
    "idle_test",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "_bundled",
}
SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MAX_PASSAGE_WORDS = 45
MIN_PASSAGE_WORDS = 8
QUERY_WORDS = range(4, 26)
MAX_PASSAGES = 12
"""Of one docstring: the long ones of modules are manuals, not answers."""

SENTENCE_END = re.compile(r"(?<![ .(]\w)(?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?](?=\s+[A-Z`'\"(*])")
PROSE_CHARACTER = re.compile(r"[A-Za-z ,.']")
MIN_PROSE_SHARE = 0.9
"""Of the characters of a passage: below it lie code, tables and drawings."""

DEFINITION = re.compile(r"^([A-Za-z_.]+\(.*\)\s*(->|--|:)|[A-Za-z_.]+\()|^\W|>>>| == | = |::$|:$")

ALL_QRELS = "all.tsv"

Answers = dict[str, dict[str, None]]
"""Passages of each query, both as text, in the order they were found."""


def build(folder: Path) -> dict[str, int]:
    """Write corpus.jsonl, queries.jsonl, qrels/train.tsv (one positive each) and all.tsv; returns what was counted."""
    answers = _answers(_docstrings(Path(sysconfig.get_path("stdlib"))))
    passages = {text: f"p-{_hash(text)}" for texts in answers.values() for text in texts}
    queries = {text: f"q-{_hash(text)}" for text in answers}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write_texts(folder / "corpus.jsonl", passages)
    _write_texts(folder / "queries.jsonl", queries)
    all_positives = {queries[query]: [passages[text] for text in texts] for query, texts in answers.items()}
    train_positives = {query: [min(texts, key=lambda passage: _hash(f"{query} {passage}"))] for query, texts in all_positives.items()}
    _write_qrels(folder / ALL_QRELS, all_positives)
    _write_qrels(folder / "qrels" / "train.tsv", train_positives)
    with_several = sum(len(texts) > 1 for texts in all_positives.values())
    judgements = sum(map(len, all_positives.values()))
    return {"passages": len(passages), "queries": len(queries), "judgements": judgements, "several_positives": with_several}


def hidden_positives(folder: Path) -> dict[str, set[str]]:
    """Positives of each query that training does not see, where there are any."""
    all_positives, train_positives = _read_qrels(folder / ALL_QRELS), _read_qrels(folder / "qrels" / "train.tsv")
    return {query: positives - train_positives[query] for query, positives in all_positives.items() if positives - train_positives[query]}


def _docstrings(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        if EXCLUDED_FOLDERS.isdisjoint(path.relative_to(root).parts):
            try:
                yield from _docstrings_of_scope(ast.parse(path.read_bytes()))
            except (SyntaxError, ValueError):
                continue


def _docstrings_of_scope(scope: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Docstrings of a module, class or function, and of those directly inside it."""
    if text := ast.get_docstring(scope):
        yield text
    for statement in scope.body:
        if isinstance(statement, SCOPES):
            yield from _docstrings_of_scope(statement)


def _answers(docstrings: Iterable[str]) -> Answers:
    """The same heading in two places is one query with the passages of both; the same paragraph is one passage of all its headings."""
    answers: Answers = {}
    for docstring in docstrings:
        first, *paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", _without_examples(docstring))]
        heading, rest = _sentence(first)
        passages = [passage for part in (rest, *paragraphs) for passage in _passages(part)]
        if len(heading.split()) in QUERY_WORDS and not _is_code(heading) and passages:
            answers.setdefault(heading.rstrip("."), {}).update(dict.fromkeys(passages[:MAX_PASSAGES]))
    return answers


def _without_examples(docstring: str) -> str:
    """The text without doctests and their output."""
    return re.sub(r"(?m)^[ \t]*>>>(?:.*\n?)(?:^[ \t]*\S.*\n?)*", "", docstring).strip()


def _sentence(paragraph: str) -> tuple[str, str]:
    end = SENTENCE_END.search(paragraph)
    return (paragraph[: end.end()], paragraph[end.end() :].strip()) if end else (paragraph, "")


def _passages(paragraph: str) -> Iterator[str]:
    """Whole sentences, as many as fit in MOST_WORDS."""
    passage: list[str] = []
    while paragraph:
        sentence, paragraph = _sentence(paragraph)
        words = sentence.split()[:MAX_PASSAGE_WORDS]
        if passage and len(passage) + len(words) > MAX_PASSAGE_WORDS:
            yield from _if_prose(passage)
            passage = []
        passage += words
    yield from _if_prose(passage)


def _if_prose(words: list[str]) -> Iterator[str]:
    text = " ".join(words)
    if len(words) >= MIN_PASSAGE_WORDS and not _is_code(text):
        yield text


def _is_code(text: str) -> bool:
    return bool(DEFINITION.search(text)) or len(PROSE_CHARACTER.findall(text)) < MIN_PROSE_SHARE * len(text)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _write_texts(path: Path, texts: dict[str, str]) -> None:
    rows = (json.dumps({"_id": name, "text": text}) + "\n" for text, name in texts.items())
    path.write_text("".join(rows), encoding="utf-8", newline="\n")


def _write_qrels(path: Path, judgements: dict[str, list[str]]) -> None:
    rows = (f"{query}\t{passage}\t1\n" for query, passages in judgements.items() for passage in passages)
    path.write_text("query-id\tcorpus-id\tscore\n" + "".join(rows), encoding="utf-8", newline="\n")


def _read_qrels(path: Path) -> dict[str, set[str]]:
    qrels: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, _ = line.split("\t")
        qrels.setdefault(query, set()).add(passage)
    return qrels
