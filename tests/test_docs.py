"""The site's text against the code: each part, format, verb, setting and code has its reference; links lead somewhere; words are the glossary's."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from screen_words import wrong_words

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
OWN = [
    ROOT / "README.md",
    *(path for part in ("start", "guides", "concepts") for path in sorted((DOCS / part).glob("*.md"))),
    DOCS / "agents.md",
]
MEASURED = [ROOT / "benchmarks" / "README.md", *sorted((ROOT / "experiments").rglob("README.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:srcset|src)=\"([^\"]+)\"")
SITE = [page for page in sorted(DOCS.rglob("*.md")) if not {"decisions", "experiments", "_build"} & set(page.parts)]
"""Pages for users; decisions and experiments hold the words of their day."""


@pytest.fixture(scope="module")
def reference():
    """The module that generates the site's reference."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "_ext" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sections(page):
    """Its text by the heading of the second level."""
    parts = re.split(r"^## ", (DOCS / "reference" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


TRAINING = {"loss": "losses.md", "batch sampler": "batch-samplers.md", "change": "changes.md"}
"""Families of the parts of a training, and their pages."""


@pytest.mark.parametrize("family", ["filter", "sampler", "format", "source", "variation", "judge", *TRAINING])
def test_each_part_has_a_section(reference, family):
    """With words of its own and what is generated, in the order of the table."""
    names, texts = list(reference.load(family)), sections(TRAINING.get(family, f"{family}s.md"))
    assert [name for name in texts if name in names] == names or family == "format"
    for name in names:
        assert f"<!-- generated: {family} {'row' if family == 'format' else 'knobs'} {name} -->" in texts[name]
        assert len(texts[name].split()) > 8


def test_each_preset_and_default_is_listed(reference):
    """In words and as the settings it makes."""
    page = (DOCS / "reference" / "presets.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in reference.load("preset"))
    assert all(spec in reference.default_filters() for spec in reference.load("default filters"))


def test_each_verb_has_every_flag_with_a_meaning_and_a_default(reference):
    """No cell of the command line's tables is empty."""
    text = reference.fill((DOCS / "reference" / "cli.md").read_text(encoding="utf-8"))
    for name, command in reference.verbs():
        assert f"## {name}\n" in text
        assert all(f"`{flag}`" in text for param in command.params for flag in param.opts if flag.startswith("--"))
    rows = [line for line in text.splitlines() if line.startswith("| `--")]
    assert len(rows) > 100
    assert not [row for row in rows if row.split(" | ")[1:3] != [cell for cell in row.split(" | ")[1:3] if cell not in ("–", "")]]


def test_a_default_is_that_of_the_field(reference):
    """Beside the flag stands what a config without it has."""
    config, text = reference.load("MiningConfig"), reference.cli()
    (depth,) = {line.split(" | ")[2] for line in text.splitlines() if line.startswith("| `--depth`")}
    assert depth == str(config.model_fields["depth"].default)
    assert reference.field_defaults()["negatives"] == f"`{config.model_fields['negatives'].default}`"


def test_each_setting_and_code_has_its_line(reference):
    """Config groups, the service's settings, exit codes."""
    for group in reference.SETTINGS:
        assert f"<!-- generated: settings {group} -->" in (DOCS / "reference" / "config.md").read_text(encoding="utf-8")
        assert all(f"| `{name}` |" in reference.settings(group) for name in reference.load(group).model_fields)
    assert all(f"`HARDNEG_{name.upper()}`" in reference.service_settings() for name in reference.load("Settings").model_fields)
    assert {"`0`", "`75`", "`143`"} <= {line.split(" | ")[0].lstrip("| ") for line in reference.exit_codes().splitlines()}


@pytest.mark.parametrize("family", TRAINING)
def test_a_part_of_a_training_says_what_was_measured(reference, family):
    """And shows a trainer that uses it; figures of the page are those of the experiments."""
    tables = "".join((DOCS / "experiments" / name).read_text(encoding="utf-8") for name in ("weak-positives.md", "downstream.md"))
    for name, text in sections(TRAINING[family]).items():
        if name not in reference.load(family):
            continue
        (measured,) = re.findall(r"^Measured[:,] .*?\n\n", text, flags=re.DOTALL | re.MULTILINE)
        assert re.search(r"```python\n.*?Trainer\(.*?\.train\(\)\n```", text, flags=re.DOTALL), name
        assert set(re.findall(r"[+−]\.\d{4}", measured)) <= set(re.findall(r"[+−]\.\d{4}", tables)), name


def test_each_flag_that_a_page_names_exists(reference):
    """In commands with their verb, in a sentence with any verb."""
    flags = {
        name: {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)} for name, command in reference.verbs()
    }
    every = set().union(*flags.values()) | {"--help", "--version"}
    for page in (*OWN, *sorted((DOCS / "reference").glob("*.md")), DOCS / "glossary.md"):
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:bash|console)\n(.*?)```", text, flags=re.DOTALL)
        for line in re.findall(r"^hardneg .*$", "\n".join(blocks), flags=re.MULTILINE):
            verb = next(name for name in flags if line.startswith(name))
            assert set(re.findall(r"\s(--[a-z-]+)", line.partition("#")[0])) <= flags[verb], f"{page}: {line}"
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        assert set(re.findall(r"`(--[a-z-]+)", prose)) <= every, page


def test_a_config_file_of_the_reference_is_one(reference):
    """Its fields are fields, and their values are taken."""
    import yaml

    (text,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "reference" / "config.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    values = yaml.safe_load(text)
    assert reference.load("Inputs").of(data=values.pop("data"))
    assert reference.load("MiningConfig").of(**values).negatives == 8


def test_no_generated_part_is_left_open(reference):
    """Every page is filled, and a format's row is what an export writes."""
    for page in (DOCS / "reference").glob("*.md"):
        kinds = [mark for mark in reference.MARK.findall(page.read_text(encoding="utf-8")) if not mark.startswith("format row")]
        assert all(len(reference.fill(f"<!-- generated: {kind} -->").split()) > 1 for kind in kinds)
    assert '"negative": ' in reference.format_row("triplet")
    assert "`triples.jsonl`" in reference.format_row("colbert")
    assert "## `/v1/mine`" in reference.http()


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda path: path.stem)
def test_a_decision_has_number_status_and_date(reference, page):
    """The first lines of its page; what it replaces names it as the replacement, and the other way round."""
    title, header, *_ = page.read_text(encoding="utf-8").split("\n\n")
    number = int(page.name[:4])
    assert title.startswith(f"# {number}. ")
    found = reference.HEADER.match(" ".join(header.split()))
    assert found, header
    for other in re.findall(r"\((0\d{3}-\S+\.md)\)", found[2] or ""):
        assert re.search(rf"Replaces [^*]*\({re.escape(page.name)}\)", (DOCS / "decisions" / other).read_text(encoding="utf-8"))
    for other in re.findall(r"\((0\d{3}-\S+\.md)\)", header.partition("Replaces ")[2]):
        assert re.search(rf"replaced by \[{number}\]", (DOCS / "decisions" / other).read_text(encoding="utf-8"))


def test_the_index_of_decisions_has_each(reference):
    table = reference.decisions()
    assert all(f"({page.name})" in table for page in (DOCS / "decisions").glob("0*.md"))
    assert "| 7 | [The margin is measured from the background too](0007-margin-from-the-background.md) | replaced | [21](" in table


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "llms.txt", *sorted(DOCS.rglob("*.md")), *MEASURED], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(page):
    """Of every page: a file in the repository, or an address."""
    links = [first or second for first, second in LINK.findall(page.read_text(encoding="utf-8"))]
    wrong = [
        link for link in links if "://" not in link and not link.startswith("#") and not (page.parent / link.partition("#")[0]).exists()
    ]
    assert not wrong


def test_each_row_of_figures_has_its_command_and_commit():
    """Where a table of the results page has the two columns; each commit is one that a result file names."""
    results = [*(ROOT / "benchmarks" / "results").glob("*.json"), *(ROOT / "experiments").rglob("*.json")]
    known = {made["commit"][:7] for path in results if (made := json.loads(path.read_text(encoding="utf-8")).get("made_with"))}
    page = (DOCS / "results" / "index.md").read_text(encoding="utf-8")
    tables = [table for table in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE) if "| command | commit |" in table]
    rows = [line.strip("| ").split(" | ")[-2:] for table in tables for line in table.splitlines()[2:]]
    assert len(rows) > 20
    assert [row for row in rows if not row[0].strip() or row[1].split(", ")[0] not in known] == []


def test_a_link_that_leaves_the_site_becomes_a_path():
    """docs/experiments is of the site, experiments is not."""
    spec = importlib.util.spec_from_file_location("conf", DOCS / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    text = ["[a](../experiments/nearest.md) [b](../../experiments/nearest/README.md)"]
    conf._page(None, "decisions/0017-the-neighbours-of-the-positive", text)
    assert text == ["[a](../experiments/nearest.md) b (`experiments/nearest/README.md`)"]


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "llms.txt", *SITE], ids=lambda path: str(path.relative_to(ROOT)))
def test_words_are_those_of_the_glossary(page):
    """What a page calls a thing is what the glossary calls it."""
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not wrong_words(text)


def test_the_glossary_has_every_term_that_pages_link_to():
    """A link into the glossary names a heading of it."""
    headings = re.findall(r"^### (.+)$", (DOCS / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = {name for page in DOCS.rglob("*.md") for name in re.findall(r"glossary\.md#([\w-]+)", page.read_text(encoding="utf-8"))}
    assert linked <= anchors
    assert len(headings) > 60


def test_each_range_of_a_knob_is_in_the_reference(reference):
    """Of losses, batch samplers and changes, where the value is checked."""
    for family in ("loss", "batch sampler", "change"):
        for name, part in reference.load(family).items():
            text = reference.knob_table(part)
            for knob, allowed in part.ranges.items():
                words = allowed.around(knob).replace("<=", "≤").replace("<", "&lt;")
                assert f"| {words} |" in text, (name, knob)
