"""The pages in a real browser: nothing runs that should not, everything can be done by keyboard, everything can be read."""

import re
import shutil
import time
from pathlib import Path

import httpx2
import orjson
import pytest
from payloads import PAYLOADS

pytestmark = pytest.mark.browser

KEY = {"Authorization": "Bearer a-key-of-these-tests"}
WATCH = """
window.seen = [];
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { seen.push(name); };
document.addEventListener("securitypolicyviolation", (event) => seen.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
WORDS = [f"w{i:03}" for i in range(300)]


@pytest.fixture(scope="module")
def browser():
    """A Chromium that is installed; skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def api(model, start_server, new_port, tmp_path_factory):
    """A server of its own, and a client with its key. What it logs is read, or it would wait for a reader."""
    folder, port = tmp_path_factory.mktemp("browser"), new_port()
    places = {"HARDNEG_CACHE": str(folder / "cache"), "HARDNEG_DATA_DIR": str(folder / "data")}
    process = start_server("--port", port, cwd=folder, HARDNEG_MODEL=model, HARDNEG_API_KEY="a-key-of-these-tests", **places)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=60) as client:
        wait_for(lambda: ready(client))
        yield client
    process.kill()
    process.wait()


def ready(client):
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def wait_for(holds):
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def rows(*some):
    return b"".join(orjson.dumps(row) + b"\n" for row in some)


def sent(api, name, content):
    return api.post("/v1/files", params={"name": name}, content=content).json()["id"]


def mined(api, corpus, queries, qrels, **config):
    inputs = {"corpus": sent(api, "c.jsonl", corpus), "queries": sent(api, "q.jsonl", queries), "qrels": [sent(api, "j.jsonl", qrels)]}
    job = api.post("/v1/jobs", json={"kind": "mine", "inputs": inputs, "config": config}).json()
    while job["state"] in ("queued", "running"):
        job = api.get(f"/v1/jobs/{job['id']}?wait=10").json()
    assert job["state"] == "succeeded", job
    return job["id"]


@pytest.fixture(scope="module")
def hostile(api):
    """A run whose ids, texts and titles are payloads, all of them; and a job that fails with one in its message."""
    corpus = [{"_id": f"{one}#{i}", "title": one, "text": f"{' '.join(WORDS[i : i + 6])} {one}"} for i, one in enumerate(PAYLOADS)]
    queries = [{"_id": f"q{one}", "text": f"{' '.join(WORDS[i : i + 4])} {one}"} for i, one in enumerate(PAYLOADS)]
    qrels = [{"query-id": f"q{one}", "corpus-id": f"{one}#{i}", "score": 1} for i, one in enumerate(PAYLOADS)]
    job = mined(api, rows(*corpus), rows(*queries), rows(*qrels), negatives=3, filters=["margin:off", "near_positive:off"])
    wrong = sent(api, "a.jsonl", rows({PAYLOADS[0]: PAYLOADS[4]}))
    api.post("/v1/jobs", json={"kind": "mine", "inputs": {"pairs": wrong}})
    return job


@pytest.fixture(scope="module")
def job(api, world):
    """A plain run."""
    corpus = [{"_id": p["id"], "text": p["text"], "title": p["title"] or ""} for p in world["passages"]]
    qrels = [{"query-id": q["id"], "corpus-id": p, "score": 1} for q in world["queries"] for p in q["positives"]]
    return mined(api, rows(*corpus), rows(*({"_id": q["id"], "text": q["text"]} for q in world["queries"])), rows(*qrels), negatives=5)


in_light = pytest.mark.parametrize("tab", ["light"], indirect=True)
"""For what a page does, not how it looks."""


@pytest.fixture(params=["light", "dark"])
def tab(request, browser, api):
    """A page that is signed in; what runs, what breaks the policy, what goes elsewhere and what fails is noted in `wrong`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=request.param, base_url=str(api.base_url))
    context.set_default_timeout(30_000)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda sent: page.wrong.append(sent.url) if not sent.url.startswith((str(api.base_url), "data:")) else None)
    page.goto("/login")
    page.wait_for_selector("#key:focus")
    page.keyboard.type(KEY["Authorization"].removeprefix("Bearer "))
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    yield page
    context.close()


def nothing_ran(page):
    assert page.evaluate("window.seen") == []
    assert page.wrong == []


@in_light
def test_sixty_payloads_run_nowhere(tab, hostile):
    """On every page that shows them: each query's review, the runs, the overview, refusals, and the names of places to go to."""
    assert len(set(PAYLOADS)) >= 60
    steps = [f"/jobs/{hostile}/review?at={place}" for place in range(len(PAYLOADS))]
    for path in ["/", f"/jobs/{hostile}", *steps]:
        answer = tab.goto(path) or tab.reload()  # no answer where the browser takes it for the page that it shows
        assert answer.status == 200, path
        assert tab.evaluate("window.seen") == [], path
    for payload in PAYLOADS[::6]:
        tab.goto(
            f"/jobs/{hostile}/review?query=" + re.sub(r"[^a-z]", lambda found: "".join(f"%{b:02x}" for b in found[0].encode()), payload)
        )
        tab.goto("/login?next=" + re.sub(r"[^a-z]", lambda found: "".join(f"%{b:02x}" for b in found[0].encode()), payload))
        nothing_ran(tab)
    tab.goto(f"/jobs/{hostile}/review?at=0")
    for key in "dfu?":
        tab.keyboard.press(key)
        tab.wait_for_timeout(150)
    nothing_ran(tab)


def focus(tab, name):
    """Press Tab until the element of that name has the focus."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.textContent").strip() == name:
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


ELSEWHERE = """([query, passage]) => document.querySelector("#lineup")?.dataset.query !== query
    || document.querySelector("li.current")?.dataset.passage !== passage"""


@in_light
def test_twenty_candidates_by_keyboard_alone(tab, job, api):
    """From signing in to an export that heeds what was said; the mouse is never used."""
    log = f"/v1/jobs/{job}/reviews"
    before = api.get(log, params={"limit": 10_000}).json()["reviews"]
    focus(tab, f"Mining {job[-6:]}")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/jobs/{job}")
    focus(tab, "Review")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("li.current")
    keys = {"f": "false_negative", "t": "true_negative", "u": "unsure"}
    pressed = [("f", "t", "t", "u")[place % 4] for place in range(20)]
    for key in pressed:
        tab.wait_for_selector("li.current:not([data-verdict])")
        here = tab.get_attribute("#lineup", "data-query"), tab.get_attribute("li.current", "data-passage")
        tab.keyboard.press(key)
        tab.wait_for_function(ELSEWHERE, arg=here)
    said = api.get(log, params={"limit": 10_000}).json()["reviews"][len(before) :]
    assert [one["verdict"] for one in said] == [keys[key] for key in pressed]
    assert len({(one["query_id"], one["passage_id"]) for one in said}) == 20
    nothing_ran(tab)


@in_light
def test_a_word_is_taken_back_across_pages(tab, job, api):
    log = f"/v1/jobs/{job}/reviews"
    tab.goto(f"/jobs/{job}/review?at=20")
    at = tab.get_attribute("li.current", "data-passage")
    tab.keyboard.press("f")
    tab.wait_for_selector(f'li[data-passage="{at}"][data-verdict="false_negative"]')
    tab.keyboard.press("n")
    tab.wait_for_url("**at=21")
    tab.keyboard.press("z")
    tab.wait_for_url("**at=20")
    newest = api.get(log, params={"limit": 10_000}).json()["reviews"][-1]
    assert (newest["verdict"], newest["passage_id"]) == ("withdrawn", at)
    tab.keyboard.press("d")
    assert tab.is_visible("li.current .diff")
    tab.keyboard.press("j")
    assert tab.get_attribute("li.current", "data-passage") != at
    nothing_ran(tab)


@in_light
def test_the_ceiling_moves_by_keyboard_and_by_hand(tab, job):
    """It tells what it would drop, more of it the lower it is."""
    tab.goto(f"/jobs/{job}")
    assert tab.is_disabled("text=Export with this ceiling")
    tab.focus("#ceiling")
    told = []
    for _ in range(3):
        for _ in range(15):
            tab.keyboard.press("ArrowLeft")
        told.append(int(re.search(r"drop ([\d,]+) of", tab.text_content("#beyond"))[1].replace(",", "")))
    assert told == sorted(told)
    assert tab.get_attribute("#ceiling", "aria-valuetext").startswith(tab.text_content("#value"))
    box = tab.locator(".plot svg").bounding_box()
    tab.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 50)
    tab.mouse.up()
    assert int(re.search(r"drop ([\d,]+) of", tab.text_content("#beyond"))[1].replace(",", "")) > told[-1]
    assert tab.is_enabled("text=Export with this ceiling")
    nothing_ran(tab)


FAULTS = (Path(__file__).parent / "accessible.js").read_text()


def test_every_page_can_be_read_and_reached(tab, job, hostile):
    """Contrast, names, headings, landmarks, ids; in light and dark."""
    for path in ("/", f"/jobs/{job}", f"/jobs/{job}/review?at=1", f"/jobs/{job}/review?order=sample", "/docs", "/nope", "/login"):
        tab.goto(path)
        if path == "/docs":
            tab.wait_for_selector(".opblock")
        assert tab.evaluate(FAULTS) == [], path
        nothing_ran(tab)


def test_it_fits_a_small_screen(tab, job):
    tab.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", f"/jobs/{job}", f"/jobs/{job}/review?at=1", "/login"):
        tab.goto(path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_without_scripts_words_are_kept_too(browser, job, api):
    context = browser.new_context(java_script_enabled=False, base_url=str(api.base_url))
    page = context.new_page()
    page.goto("/login")
    page.fill("#key", "a-key-of-these-tests")
    page.click("button")
    page.goto(f"/jobs/{job}/review?at=25")
    page.click("li.focus button.unsure")
    page.wait_for_url("**order=suspicious&at=25")
    assert page.get_attribute("li.focus", "data-verdict") == "unsure"
    context.close()
