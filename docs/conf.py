"""Sphinx: the documentation site. `make docs` builds it without a network, and a warning is an error."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from reference import filled  # noqa: E402 - found by the line above

project, author = "Hardneg", "the Hardneg authors"
project_copyright = "Apache-2.0"
release = version = installed("hardneg")

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
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
}
html_sidebars = {"glossary": [], "index": []}

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"


OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?:benchmarks|miner|app|tests|examples|docker|README|LICENSE)[^)#]*)\)")
"""A link to a file that is no page of the site."""


def _page(app: Any, name: str, text: list[str]) -> None:
    """Put the generated parts into a page; a link that leaves docs/ becomes the path in the repository."""
    text[0] = OUTSIDE.sub(r"\1 (`\2`)", filled(text[0]))


def _docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: signs that reStructuredText would read are made plain, code in backticks becomes a literal."""
    lines[:] = [_plain(line) for line in lines]


def _plain(line: str) -> str:
    pieces = re.split(r"(`[^`]+`)", line)
    return "".join(f"`{piece}`" if piece.startswith("`") else re.sub(r"([*|]|_(?=\W|$))", r"\\\1", piece) for piece in pieces)


def setup(app: Any) -> None:
    """Connect both."""
    app.connect("source-read", _page)
    app.connect("autodoc-process-docstring", _docstring)
