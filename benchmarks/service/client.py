"""A client generated from the OpenAPI document works: python -m benchmarks.service.client [--model FOLDER] --tools VENV

VENV is an environment of its own with openapi-python-client in it. The client is generated from a running server's document, without a
warning, and then used: mined at once, a file sent, a corpus built, a job followed to its end, a refusal read.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.server import KEY, serving

BYTES = "content_type_overrides:\n  application/x-ndjson: application/octet-stream\n  text/csv: application/octet-stream\n"
USE = """
import json, sys, time
from hardneg_client import AuthenticatedClient
from hardneg_client.api.corpora import create_corpus, get_corpus
from hardneg_client.api.jobs import create_job, get_job, list_jobs
from hardneg_client.api.mining import mine
from hardneg_client.api.service import readyz
from hardneg_client.models import CorpusRequest, JobOut, MineJob, MineRequest, Problem

address, key, file, examples = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
with AuthenticatedClient(base_url=address, token=key) as client:
    while readyz.sync_detailed(client=client).status_code != 200:
        time.sleep(0.2)
    mined = mine.sync(client=client, body=MineRequest.from_dict(examples["MineRequest"]))
    assert mined.report.queries == 1, mined
    made = create_corpus.sync(client=client, body=CorpusRequest.from_dict({**examples["CorpusRequest"], "files": [file]}))
    while get_corpus.sync(made.name, client=client).state != "ready":
        time.sleep(0.2)
    body = {**examples["MineJob"], "inputs": {"pairs": file, "fields": {"query": "text", "positive": "text"}}}
    job = create_job.sync(client=client, body=MineJob.from_dict(body))
    assert isinstance(job, JobOut), job
    while (told := get_job.sync(job.id, client=client, wait=10)).state in ("queued", "running"):
        pass
    assert [one.id for one in list_jobs.sync(client=client, kind="mine").jobs] == [job.id]
    refused = get_job.sync("nothing", client=client)
    assert isinstance(refused, Problem) and refused.status == 404, refused
    print(json.dumps({"mined": len(mined.rows), "job": told.state, "refusal": refused.detail}))
"""


def main() -> None:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--tools", type=Path, required=True)
    given = parser.parse_args()
    from app.openapi.body_examples import EXAMPLES

    with serving(model_folder(given.model)) as server, tempfile.TemporaryDirectory(prefix="hardneg-client-") as folder:
        address = f"http://127.0.0.1:{server.port}"
        asked = urllib.request.Request(f"{address}/openapi.json", headers={"Authorization": f"Bearer {KEY}"})
        document = Path(folder) / "openapi.json"
        document.write_bytes(urllib.request.urlopen(asked, timeout=30).read())
        warnings = generated(given.tools, document, Path(folder))
        rows = "".join(json.dumps({"_id": f"p{i}", "text": f"passage number {i} of some"}) + "\n" for i in range(50))
        file = server.upload("corpus.jsonl", rows.encode())
        words = [str(word) for word in (given.tools / "bin" / "python", "-c", USE, address, KEY, file, json.dumps(EXAMPLES))]
        used = subprocess.run(words, cwd=Path(folder) / "client", capture_output=True, text=True, check=False)
        assert used.returncode == 0, used.stderr
        operations = sum(len(one) for one in json.loads(document.read_bytes())["paths"].values())
        record({"operations": operations, "warnings": warnings, **json.loads(used.stdout)}, given.out, ["uvicorn", "fastapi"])


def generated(tools: Path, document: Path, folder: Path) -> int:
    """How many warnings there were."""
    (folder / "config.yml").write_text(BYTES)
    command = [str(tools / "bin" / "openapi-python-client"), "generate", f"--path={document}", f"--output-path={folder / 'client'}"]
    environ = {**os.environ, "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([*command, f"--config={folder / 'config.yml'}"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.count("WARNING") + done.stderr.count("WARNING")


if __name__ == "__main__":
    main()
