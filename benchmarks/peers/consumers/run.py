"""Every consumer reads what Hardneg exports, in an environment of its own; their answers go to benchmarks/results.

python -m benchmarks.peers.consumers.run --data BEIR-FOLDER --model MODEL --trained MODEL [--only pylate] [--envs FOLDER]

--envs keeps the environments; without it they are made in a temporary folder and go with it. Torch is pinned to a processor build: where
the package index has none, name one in PIP_EXTRA_INDEX_URL.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from benchmarks.record import ROOT, record
from miner.config import Inputs, MiningConfig, Runtime
from miner.formats import FORMATS, read_training
from miner.runs.run import export, mine

HERE = Path(__file__).parent
SECONDS = 300
"""What one consumer may take."""

TORCH = "torch==2.13.0+cpu"
CONSUMERS = {
    "sentence_transformers": ([TORCH, "sentence-transformers==6.2.0", "datasets==5.2.0", "accelerate"], []),
    "flagembedding": (
        [
            TORCH,
            "transformers==5.3.0",
            "datasets",
            "accelerate",
            "peft",
            "sentencepiece",
            "protobuf",
            "ir-datasets",
            "sentence-transformers",
        ],
        ["FlagEmbedding==1.4.2"],
    ),
    "pylate": (
        [TORCH, "sentence-transformers==5.3.0", "transformers==5.3.0", "datasets", "accelerate", "pandas", "ujson"],
        ["pylate==1.6.0"],
    ),
    "beir": ([TORCH, "beir==2.2.0"], []),
    "colbert": ([TORCH, "transformers==4.48.3", "GitPython", "ujson", "tqdm", "numpy", "scipy", "python-dotenv"], ["colbert-ai==0.2.22"]),
    "gpl": ([TORCH, "sentence-transformers==5.3.0", "transformers==5.3.0", "beir==2.2.0", "easy-elasticsearch", "nltk"], ["gpl==0.1.4"]),
    "nemo": ([TORCH, "transformers", "datasets", "pillow"], ["nemo-automodel==0.7.0"]),
    "ms_swift": ([TORCH, "ms-swift==4.6.0"], []),
}
"""Script with_NAME.py: what its environment holds, and what is put there without what it asks for (search engines, GPU kernels)."""

FILES = {
    "triplet": ("triplet", ()),
    "n-tuple": ("n-tuple", ()),
    "n-tuple-scores": ("n-tuple", ("scores",)),
    "labeled-pair": ("labeled-pair", ()),
    "labeled-list": ("labeled-list", ()),
    "flagembedding": ("flagembedding", ("ids",)),
    "flagembedding-scores": ("flagembedding", ("ids", "scores", "ranks", "tiers")),
    "ms-swift": ("ms-swift", ()),
    **{name: (name, ()) for name, shape in FORMATS.items() if shape.layout},
}


def export_all(args, folder: Path) -> dict[str, int]:
    """One run, exported in every format under its name; the rows of each."""
    config = MiningConfig.of(model=args.model)
    run = mine(Inputs.of(data=args.data), config, out=folder / "run", runtime=Runtime.of(cache=folder / "cache"))
    counts = {}
    for name, (output_format, columns) in FILES.items():
        told = config.model_copy(update={"output_format": output_format, "columns": columns})
        made = export(run, told, out=folder / f"exported-{name}")
        made.file.rename(folder / (name if made.file.is_dir() else f"{name}{made.file.suffix}"))
        counts[name] = made.report["rows_written"]
    rows = [(row.query, row.positives, row.negatives) for row in read_training(folder / "flagembedding.jsonl")]
    (folder / "known.json").write_text(json.dumps(rows))
    return counts


def environment(name: str, envs: Path) -> Path:
    """The Python of a consumer's environment."""
    folder = envs / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        packages, bare = CONSUMERS[name]
        install = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run([*install, *packages], check=True)
        if bare:
            subprocess.run([*install, "--no-deps", *bare], check=True)
        (folder / "ready").touch()
    return python


def consume(name: str, args, folder: Path, envs: Path) -> dict:
    """What the consumer said, or how it failed."""
    started = time.perf_counter()
    try:
        python = environment(name, envs)
    except subprocess.CalledProcessError as error:
        return {"ok": False, "why": f"its environment could not be made: pip ended with {error.returncode}"}
    installed = time.perf_counter()
    command = [python, HERE / f"with_{name}.py", folder, args.trained]
    environ = {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HOME": str(folder / "hf"),
        "HOME": str(folder),
        "PATH": f"{python.parent}:/usr/bin:/bin",
    }
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"ok": False, "why": f"it took more than {SECONDS} s"}
    told = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not told:
        return {"ok": False, "why": (done.stderr.strip().splitlines() or ["it said nothing"])[-1], "tail": done.stderr[-1500:]}
    seconds = {"install": round(installed - started, 1), "run": round(time.perf_counter() - installed, 1)}
    return {
        "ok": True,
        "packages": [package for group in CONSUMERS[name] for package in group if "==" in package],
        "seconds": seconds,
        **json.loads(told[0]),
    }


def main() -> None:
    """Export, let every consumer read, write down what they said; exit 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True, help="what mines")
    parser.add_argument(
        "--trained",
        required=True,
        help="what is trained: a small transformer, for PyLate one whose folder names no module of sentence-transformers 6",
    )
    parser.add_argument("--only", choices=CONSUMERS, action="append")
    parser.add_argument("--envs", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "consumers.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="consumers-") as scratch:
        folder = Path(scratch) / "files"
        folder.mkdir()
        counts = export_all(args, folder)
        found = {}
        for name in args.only or CONSUMERS:
            found[name] = consume(name, args, folder, args.envs or Path(scratch) / "envs")
            print(json.dumps({name: found[name]}), flush=True)
    told = {
        "data": Path(args.data).name,
        "model": Path(args.model).name,
        "trained": Path(args.trained).name,
        "rows": counts,
    }
    record({**told, "consumers": found}, args.out)
    sys.exit(not all(consumer["ok"] for consumer in found.values()))


if __name__ == "__main__":
    main()
