"""Sphinx: the documentation site. `make docs` builds it without a network, and a warning is an error."""

from __future__ import annotations

import inspect
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from reference import fill  # noqa: E402 - found by the line above

project, author = "Hardneg", "the Hardneg authors"
release = version = version_of("hardneg")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # pages of the reference begin sections of generated text at the level they need

html_theme = "pydata_sphinx_theme"
html_title = "Hardneg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 8,
    "footer_start": [],
    "footer_end": [],
    "use_edit_page_button": False,
}
html_sidebars = {"glossary": [], "index": []}

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"


OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+((?:benchmarks|experiments|miner|app|tests|examples|docker|README|LICENSE)[^)#]*))\)")
"""A link that may lead to a file which is no page of the site: docs/experiments is, experiments is not."""


def _page(app: Any, name: str, text: list[str]) -> None:
    """Put the generated parts into a page; a link that leaves docs/ becomes the path in the repository."""
    folder = (HERE / name).parent

    def outside(link: re.Match[str]) -> str:
        return link[0] if (folder / link[2]).resolve().is_relative_to(HERE.resolve()) else f"{link[1]} (`{link[3]}`)"

    text[0] = OUTSIDE.sub(outside, fill(text[0]))


def _docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: `name: what it is` becomes a field, signs that reStructuredText would read are made plain."""
    parameters = list(inspect.signature(obj).parameters) if what in ("function", "method") else []
    start = re.compile(rf"(?:^|(?<=[.;:)] ))({'|'.join(map(re.escape, parameters))}): ") if parameters else None
    paragraphs = " ".join(line or "\n" for line in lines).split("\n")
    lines[:] = [line for paragraph in paragraphs for line in _fields(paragraph.strip(), start)]


def _fields(paragraph: str, start: re.Pattern[str] | None) -> list[str]:
    """The paragraph, with every parameter that it describes on a line of its own."""
    before, *pieces = start.split(paragraph) if start else [paragraph]
    fields = [f":param {name}: {_plain(text).strip()}" for name, text in zip(pieces[::2], pieces[1::2], strict=True)]
    return [_plain(before), "", *fields, ""]


def _plain(line: str) -> str:
    """Code in backticks as a literal, all other signs as they are."""
    pieces = re.split(r"(`[^`]+`)", line)
    return "".join(f"`{piece}`" if piece.startswith("`") else re.sub(r"([*|]|_(?=\W|$))", r"\\\1", piece) for piece in pieces)


def setup(app: Any) -> None:
    """Connect both."""
    app.connect("source-read", _page)
    app.connect("autodoc-process-docstring", _docstring)
