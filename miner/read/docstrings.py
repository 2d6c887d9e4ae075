"""A retrieval dataset from the docstrings of Python's standard library, which every machine has. No module is imported or run.

A query is the first sentence of a docstring, its positives are the paragraphs below it. qrels/train.tsv has one positive of each query;
all.tsv has them all, so that false negatives can be counted (in qrels/ they would be known positives, and never mined). Imports no other
module of this package.
"""

from __future__ import annotations

import ast
import json
import re
import sysconfig
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from miner.io.atomic import write_bytes
from miner.io.plain_files import read_bytes, read_text

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
"""Largest number of passages of one docstring: the long docstrings of modules are manuals, not answers."""

SENTENCE_END = re.compile(r"(?<![ .(]\w)(?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?](?=\s+[A-Z`'\"(*])")
PROSE_CHARACTER = re.compile(r"[A-Za-z ,.']")
MIN_PROSE_SHARE = 0.9
"""Smallest share of prose characters in a passage: code, tables and drawings have less."""

DEFINITION = re.compile(r"^([A-Za-z_.]+\(.*\)\s*(->|--|:)|[A-Za-z_.]+\()|^\W|>>>| == | = |::$|:$")

ALL_QRELS = "all.tsv"

Answers = dict[str, dict[str, None]]
"""The passages of each query, both as text, in the order of the sources."""


def build(folder: Path) -> dict[str, int]:
    """Write corpus.jsonl, queries.jsonl, qrels/train.tsv (one positive each) and all.tsv; return the counts."""
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
    """Return the positives of each query that are not in qrels/train.tsv, where there are any."""
    all_positives, train_positives = _read_qrels(folder / ALL_QRELS), _read_qrels(folder / "qrels" / "train.tsv")
    return {query: positives - train_positives[query] for query, positives in all_positives.items() if positives - train_positives[query]}


def _docstrings(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        if EXCLUDED_FOLDERS.isdisjoint(path.relative_to(root).parts):
            try:
                yield from _docstrings_of_scope(ast.parse(read_bytes(path)))
            except (SyntaxError, ValueError):
                continue


def _docstrings_of_scope(scope: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the docstrings of a module, class or function, and of those nested in it."""
    if text := ast.get_docstring(scope):
        yield text
    for statement in scope.body:
        if isinstance(statement, SCOPES):
            yield from _docstrings_of_scope(statement)


def _answers(docstrings: Iterable[str]) -> Answers:
    """Merge docstrings: the same heading is one query with the passages of all places; the same paragraph is one passage."""
    answers: Answers = {}
    for docstring in docstrings:
        first, *paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", _without_examples(docstring))]
        heading, body = _sentence(first)
        passages = [passage for part in (body, *paragraphs) for passage in _passages(part)]
        if len(heading.split()) in QUERY_WORDS and not _is_code(heading) and passages:
            answers.setdefault(heading.rstrip("."), {}).update(dict.fromkeys(passages[:MAX_PASSAGES]))
    return answers


def _without_examples(docstring: str) -> str:
    """Remove doctests and their output."""
    return re.sub(r"(?m)^[ \t]*>>>(?:.*\n?)(?:^[ \t]*\S.*\n?)*", "", docstring).strip()


def _sentence(paragraph: str) -> tuple[str, str]:
    end = SENTENCE_END.search(paragraph)
    return (paragraph[: end.end()], paragraph[end.end() :].strip()) if end else (paragraph, "")


def _passages(paragraph: str) -> Iterator[str]:
    """Yield passages of whole sentences, with at most MAX_PASSAGE_WORDS words."""
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
    write_bytes(path, "".join(rows).encode())


def _write_qrels(path: Path, judgements: dict[str, list[str]]) -> None:
    rows = (f"{query}\t{passage}\t1\n" for query, passages in judgements.items() for passage in passages)
    write_bytes(path, ("query-id\tcorpus-id\tscore\n" + "".join(rows)).encode())


def _read_qrels(path: Path) -> dict[str, set[str]]:
    qrels: dict[str, set[str]] = {}
    for line in read_text(path).splitlines()[1:]:
        query, passage, _ = line.split("\t")
        qrels.setdefault(query, set()).add(passage)
    return qrels
