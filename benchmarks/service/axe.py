"""Every page of the service under axe-core's rules for WCAG 2.2 A and AA, in light and dark: what they find.

    python -m benchmarks.service.axe [--model FOLDER] --axe axe.min.js

axe.min.js is a file of the npm package axe-core. Wants playwright and a Chromium that is installed; exit 1 when something was found.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.kill import made_up
from benchmarks.service.server import KEY, Server, serving

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
THEMES = ("light", "dark")


def main() -> None:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--axe", type=Path, required=True, help="axe.min.js")
    given = parser.parse_args()
    with serving(model_folder(given.model)) as server, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        job = filled(server)
        found = {theme: looked(browser, server, theme, job, given.axe.read_text(encoding="utf-8")) for theme in THEMES}
        browser.close()
    record(found, given.out, ["playwright"])
    sys.exit(any(page["violations"] for theme in found.values() for page in theme.values()))


def filled(server: Server) -> str:
    """A run with some verdicts, beside a job that failed; the run's id."""
    server.until("/readyz")
    wrong = server.upload("wrong.jsonl", b'{"a": 1}\n')
    server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": {"pairs": wrong}})
    right = server.upload("pairs.jsonl", made_up(200, random.Random(1)))
    job = str(server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": {"pairs": right}})[1]["id"])
    assert server.finished(job)["state"] == "succeeded"
    return job


def looked(browser: Browser, server: Server, theme: Any, job: str, axe: str) -> dict[str, Any]:
    """By the page's name what was checked, and what was found."""
    page = browser.new_context(color_scheme=theme, base_url=f"http://127.0.0.1:{server.port}").new_page()
    found = {}
    page.goto("/login")
    found["sign in"] = checked(page, axe)
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#wrong")
    found["sign in, wrong key"] = checked(page, axe)
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    for name, path in places(job).items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found[name] = checked(page, axe)
    page.goto("/docs")
    page.click("#operations-mining-mine .opblock-summary-control")
    page.wait_for_timeout(1000)
    found["API, an operation"] = checked(page, axe)
    page.goto(f"/jobs/{job}/review")
    for name, key in (("review, help", "?"), ("review, differences", "d"), ("review, spoken of", "f")):
        page.keyboard.press("Escape")
        page.keyboard.press(key)
        page.wait_for_timeout(500)
        found[name] = checked(page, axe)
    page.context.close()
    return found


def places(job: str) -> dict[str, str]:
    """The pages behind the key."""
    return {
        "runs": "/",
        "overview": f"/jobs/{job}",
        "review, suspicious first": f"/jobs/{job}/review",
        "review, random sample": f"/jobs/{job}/review?order=sample",
        "API": "/docs",
        "no such page": "/nowhere",
    }


def checked(page: Page, axe: str) -> dict[str, Any]:
    """Rules that hold, that do not with where, and that a person has to look at."""
    page.evaluate(axe)
    told = page.evaluate("rules => axe.run(document, {runOnly: rules})", list(RULES))
    return {
        "passes": len(told["passes"]),
        "violations": [{"rule": one["id"], "help": one["help"], "at": places_of(one)} for one in told["violations"]],
        "to be looked at": [{"rule": one["id"], "at": len(one["nodes"])} for one in told["incomplete"]],
    }


def places_of(one: dict[str, Any]) -> list[str]:
    return [f"{' '.join(map(str, node['target']))}: {node['failureSummary']}"[:300] for node in one["nodes"][:10]]


if __name__ == "__main__":
    main()
