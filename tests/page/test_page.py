"""The page stands alone, escapes every text, and shows what the report says."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from miner.page import page
from miner.page.charts import ticks
from miner.page.html import percent, score, tag
from miner.report import Tally
from miner.types import TEXTS_SCHEMA, Candidates, Dataset, Negatives, Qrels, Texts

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
MANIFEST = {"created_at": "2026-01-02T03:04:05+00:00", EVIL: EVIL, "config": {"model": EVIL, "filters": [EVIL], EVIL: {"deep": None}}}
VOID = {"meta", "rect", "path", "line"}


@pytest.fixture
def dataset(tmp_path):
    for name in ("queries", "corpus"):
        rows = [{"id": f"{EVIL}{i}", "text": f"{i} {EVIL}"} for i in range(6)]
        with pa.OSFile(str(tmp_path / name), "wb") as sink, pa.ipc.new_file(sink, TEXTS_SCHEMA) as writer:
            writer.write_table(pa.Table.from_pylist(rows, schema=TEXTS_SCHEMA))
    return Dataset(
        Texts(tmp_path / "queries"),
        Texts(tmp_path / "corpus"),
        Qrels(np.arange(3), np.zeros(2, np.int32), np.ones(2, np.int8), extras=[None] * 2),
    )


def report(dataset, count=2):
    """Two queries: one with two negatives of which one scores above the positive, one with none and a positive that is not found."""
    queries, positives, known = np.arange(2), np.array([[0], [1]], np.int32), np.array([[0.5], [0.1]], np.float32)
    rows, scores = np.array([[2, 3], [4, 5]], np.int32), np.array([[0.75, 0.25], [0.5, 0.25]], np.float32)
    chosen = [
        np.where([[True, True], [False, False]], values, empty) for values, empty in ((rows, -1), (scores, np.nan), (np.array([[1, 2]]), 0))
    ]
    negatives = Negatives(queries, positives, known, chosen[0], chosen[1], chosen[2].astype(np.int32), np.array([[0, 3], [0, 0]], np.uint8))
    tally = Tally([EVIL, "margin"], 2, 2, "cosine")
    candidates, dropped = (
        Candidates(queries, rows, scores, positives, known, known[:, 0], scores[:, -1]),
        np.array([[0, 0], [1, 2]], np.uint8),
    )
    if count:
        tally.add(candidates, dropped, negatives)
    return tally.result(dataset)


class Reader(HTMLParser):
    """Checks that tags close in order, and collects elements, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], io.StringIO()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.tags.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.text.write(data + "\n")


def test_every_text_is_escaped_wherever_it_comes_from(dataset):
    made = page(report(dataset), MANIFEST)
    read = Reader(made)
    assert "<script" not in made
    assert "<img" not in made
    assert not [name for name, _ in read.tags if name in {"script", "img", "iframe", "link", "object"}]
    assert not [key for _, attributes in read.tags for key in attributes if key.startswith("on") or key == "style"]
    for shown in (EVIL, f"{EVIL}0", f"0 {EVIL}", f"2 {EVIL}", f"− {EVIL}"):
        assert f"{shown}\n" in read.text.getvalue()


def test_cases_are_shown_with_their_texts(dataset):
    """A report of before, which has none, shows ids."""
    made = report(dataset)
    texts = [made["hubs"]["most_used"][0].pop("text"), made["starved"]["examples"][0].pop("query")]
    old = page(made, MANIFEST).partition("Example rows")[0].partition("Cases to inspect")[2]
    new = page(report(dataset), MANIFEST).partition("Example rows")[0].partition("Cases to inspect")[2]
    for text in texts:
        shown = f"<span>{tag('b', text)[3:-4]}<small>"
        assert new.count(shown) > old.count(shown)


def test_the_page_needs_nothing_else_and_its_policy_allows_only_its_own_style(dataset):
    made = page(report(dataset), {})
    assert not re.search(r"https?://|@import|url\(", made)
    assert not [a for _, a in Reader(made).tags if "src" in a or not a.get("href", "#").startswith("#")]
    style = re.search(r"<style>(.*)</style>", made, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(attributes["content"] for _, attributes in Reader(made).tags if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_the_numbers_of_the_report_are_on_the_page(dataset):
    text = Reader(page(report(dataset), MANIFEST)).text.getvalue()
    for shown in (
        "50.0 %",
        "−0.250",
        "ranked beyond 2",
        "1 known positives score very low",
        "no ceiling",
        "2026-01-02 03:04:05 UTC",
    ):
        assert shown in text


def test_everything_can_be_read_without_seeing_pictures_and_reached_by_keyboard(dataset):
    tags = Reader(page(report(dataset), MANIFEST)).tags
    assert all("aria-label" in a or "aria-hidden" in a for name, a in tags if name == "svg")
    assert all(a["tabindex"] == "0" and a["aria-label"] for name, a in tags if a.get("class") == "scroll")
    assert all(a["scope"] == "col" for name, a in tags if name == "th")
    ids = {a["id"] for _, a in tags if "id" in a}
    assert all(a["aria-labelledby"] in ids for name, a in tags if name == "section")
    assert all(a["href"][1:] in ids for name, a in tags if name == "a")


def test_a_report_of_nothing_has_a_page(dataset):
    assert "Nothing to draw." in Reader(page(report(dataset, 0), {})).text.getvalue()


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(
        w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
    )


def test_contrast_is_enough_in_light_and_in_dark(dataset):
    schemes = re.findall(r"--paper: .*?}", page(report(dataset), {}), re.S)
    assert len(schemes) == 2
    for scheme in schemes:
        colors = {name: luminance(value) for name, value in re.findall(r"--(\w+): (#\w{6})", scheme)}
        for name, least in [("ink", 7), ("soft", 4.5), ("pos", 3), ("neg", 3), ("mar", 3), ("drop", 3), ("focus", 3)]:
            for ground in ("paper", "card"):
                low, high = sorted((colors[name], colors[ground]))
                assert (high + 0.05) / (low + 0.05) >= least, (name, ground)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [(0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (-10, 25, ["−10", "−5", "0", "5", "10", "15", "20", "25"])],
)
def testticks_are_round_numbers(low, high, texts):
    assert [text for _, text in ticks(low, high)] == texts


def test_numbers_are_written_for_people():
    assert [percent(value) for value in (None, 0, 0.0012, 0.5, 0.9999, 1)] == ["–", "0.0 %", "0.12 %", "50.0 %", "99.99 %", "100.0 %"]
    assert [score(value) for value in (None, -0.5, 1234.56)] == ["–", "−0.500", "1,234.6"]
    assert tag("p", "<", None, class_="a", data_x=None, title='"') == '<p class="a" title="&quot;">&lt;</p>'
