"""Kill -9 a training or a loop, many times, and go on: python tests/long/kill_train.py [MODEL] --kills 100 [--loop]

Each round starts the same work anew and kills it one to three times: at a random moment, or at the moment a checkpoint is being written
(its folder is there, one file of it is not). `--resume` must go on after each, and give the model and the training.json of work that was never
interrupted, byte for byte; of a loop also every round's choices and the notebook. With --over another model lies there and is replaced: after
a kill it is whole, or the new one is. The suite runs a few rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
sys.path.insert(0, str(Path(__file__).parents[2]))

import accelerate  # noqa: F401 - loaded before forking
import datasets  # noqa: F401
import sentence_transformers  # noqa: F401

import miner.train.callbacks
import miner.train.losses  # noqa: F401
from app.cli import main as main_of_hardneg
from miner.cli.demo import packaged_model

KEPT = {
    "model.safetensors",
    "training.json",
    "log.jsonl",
    "report.html",
    "delta.json",
    "anchors.json",
    "training.jsonl",
    "notebook.parquet",
    "loop.json",
}
LAST, MID, FIRST = "trainer_state.json", "optimizer.pt", "modules.json"
"""Files of a checkpoint: as long as one of these is missing in a folder that is there, it is being written."""
TRAIN = ["--steps=12", "--eval-every=3", "--train-batch-size=4", "--max-length=32", "--patience=2"]
LOOP = ["--rounds=2", "--same=1", "--wait=9", "--steps=4", "--eval-every=2", "--train-batch-size=4", "--max-length=32", "--easy=3"]


def write_data(folder: Path, texts: int = 60) -> None:
    """A small BEIR folder with train and dev, and training rows of it."""
    draw = random.Random(0)
    words = [f"w{number}" for number in range(40)]  # those of the tests' tiny models, too
    passages = [" ".join(draw.choices(words, k=8)) + f" {i}" for i in range(texts)]
    queries = [" ".join(draw.sample(text.split()[:-1], 3)) for text in passages[: texts // 2]]
    (folder / "qrels").mkdir(parents=True)
    lines = {"corpus": [("p", text) for text in passages], "queries": [("q", text) for text in queries]}
    for name, pairs in lines.items():
        rows = (json.dumps({"_id": f"{side}{i}", "text": text}) for i, (side, text) in enumerate(pairs))
        (folder / f"{name}.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    cut = len(queries) * 2 // 3
    for split, some in {"train": range(cut), "dev": range(cut, len(queries))}.items():
        judged = "".join(f"q{i}\tp{i}\t1\n" for i in some)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, encoding="utf-8")
    rows = ({"anchor": queries[i], "positive": passages[i], "negative": passages[-1 - i]} for i in range(cut))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Process:
    """The command line in a fork of this process, so that libraries are not loaded again each time; killed as any other."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self._said, self.returncode = folder / "stderr", None
        self._pid = os.fork()
        if not self._pid:
            self._run(words, folder)

    def _run(self, words: list[str], folder: Path) -> None:
        os.environ |= {"HARDNEG_CACHE": str(folder / "cache")}
        with self._said.open("wb") as said:
            os.dup2(said.fileno(), 2)
        sys.argv = words
        try:
            main_of_hardneg()
        except SystemExit as left:
            sys.stderr.flush()
            os._exit(int(left.code or 0))
        os._exit(70)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int:
        """The exit status, once there is one."""
        while self.poll() is None:
            time.sleep(0.002)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL."""
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)

    @property
    def said(self) -> str:
        """The end of what it wrote on stderr."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-400:]


class Work:
    """One kind of work: its command, where it writes checkpoints, what it makes."""

    def __init__(self, folder: Path, model: str, *, loop: bool) -> None:
        self.folder, self.model, self.loop = folder, model, loop

    def command(self, out: Path, *more: str) -> list[str]:
        """The words after `hardneg`."""
        data, common = self.folder / "data", [f"--model={self.model}", f"--dev={self.folder / 'data'}", f"--out={out}", "--quiet", *more]
        length = 0 if "potion" in self.model or "static" in self.model else 1
        knobs = [word for word in (LOOP if self.loop else TRAIN) if length or not word.startswith("--max-length")]
        return (
            ["loop", f"--data={data}", "--split=train", *knobs, *common] if self.loop else ["train", f"{data}/rows.jsonl", *knobs, *common]
        )

    def start(self, out: Path, *more: str) -> Process:
        """The work, in a process of its own."""
        return Process(["hardneg", *self.command(out, *more)], self.folder)

    def writing(self, out: Path, lacking: str) -> bool:
        """Whether a checkpoint is being written whose file `lacking` is not there yet."""
        inside = out.glob("round-*/model.checkpoints/rate-*") if self.loop else out.parent.glob(f"{out.name}.checkpoints/rate-*")
        made = (path for rate in inside for path in [*rate.glob("checkpoint-*"), *rate.glob("aside/checkpoint-*")])
        return any(path.is_dir() and not (path / lacking).exists() for path in made)

    def contents(self, out: Path) -> dict[str, str]:
        """The hash of each file that must be the same; paths of this machine are not in them but in loop.json."""
        files = {str(path.relative_to(out)): path for path in sorted(out.rglob("*")) if path.name in KEPT and "mined" not in path.parts}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}

    def leftovers(self, out: Path) -> list[str]:
        """What a kill left that nothing removed."""
        hidden = [path for path in out.rglob(".*") if "mined" not in path.relative_to(out).parts]
        return sorted(str(path) for path in [*hidden, *out.rglob("*.checkpoints"), *out.parent.glob(f"{out.name}.*"), *out.rglob("lock")])


def kill(work: Work, process: Process, out: Path, draw: random.Random, seconds: float) -> str:
    """Kill the process at a moment that is drawn; "" where it had ended before."""
    aim = draw.choice(["any", "any", LAST, MID, FIRST])
    until = time.monotonic() + (seconds * draw.uniform(0.3, 1.0) if aim == "any" else 10 * seconds)
    skip = draw.randrange(4)  # which of the checkpoints, where it is aimed at one
    while process.poll() is None and time.monotonic() < until:
        if aim != "any" and work.writing(out, aim):
            if not skip:
                break
            skip -= 1
            while process.poll() is None and work.writing(out, aim):
                time.sleep(0.0003)
        time.sleep(0.0003 if aim != "any" else 0.005)
    ended = process.poll() is not None
    process.kill()
    process.wait()
    return "" if ended else aim


def one_round(
    work: Work, out: Path, whole: dict[str, str], draw: random.Random, seconds: float, over: dict[str, str]
) -> tuple[list[str], int, int]:
    """What went wrong, how many kills there were, and how many of them while a checkpoint was written."""
    faults, kills, aimed = [], 0, 0
    process = work.start(out, *(["--force"] if over else []))
    for _ in range(draw.choice([1, 2, 3, 5])):
        aim = kill(work, process, out, draw, seconds)
        if process.returncode not in (-9, 0):
            return [f"going on failed: {process.said}"], kills, aimed
        kills, aimed = kills + bool(aim), aimed + (aim not in ("", "any"))
        if over and work.contents(out) not in (whole, over):
            faults.append("what is there after a kill is neither the old model nor the new one")
        process = work.start(out, *(["--resume"] if begun(work, out) or not over else ["--force"]))
    if process.wait():
        faults.append(f"going on failed: {process.said}")
        return faults, kills, aimed
    now = work.contents(out)
    if different := sorted(name for name in {*now, *whole} if now.get(name) != whole.get(name)):
        faults.append(f"not what an uninterrupted one made: {', '.join(different)}")
    if left := work.leftovers(out):
        faults.append(f"left behind: {left}")
    return faults, kills, aimed


def begun(work: Work, out: Path) -> bool:
    """Whether --resume has something to go on with, as the message after an interruption sees it."""
    return (out / "loop.json" if work.loop else out.with_name(f"{out.name}.checkpoints") / "identity.json").is_file()


def rounds(count: int, folder: Path, model: str, *, loop: bool = False, over: bool = False, seed: int = 0) -> list[str]:
    """What went wrong; empty is good."""
    draw, faults, kills, aimed = random.Random(seed), [], 0, 0
    write_data(folder / "data")
    work = Work(folder, model, loop=loop)
    out = folder / "out" / "made"  # always the same place: loop.json names it
    out.parent.mkdir()
    began = time.perf_counter()
    first = work.start(out)
    assert first.wait() == 0, first.said
    seconds, whole = time.perf_counter() - began, work.contents(out)
    old: dict[str, str] = {}
    if over:
        shutil.rmtree(out)
        assert work.start(out, "--seed=5").wait() == 0
        old = work.contents(out)
        shutil.copytree(out, folder / "old")
    turn = 0
    while kills < count:
        turn += 1
        shutil.rmtree(out.parent)
        out.parent.mkdir()
        if over:
            shutil.copytree(folder / "old", out)
        wrong, killed, hit = one_round(work, out, whole, draw, seconds, old)
        faults, kills, aimed = faults + [f"round {turn}: {fault}" for fault in wrong], kills + killed, aimed + hit
        print(f"round {turn}: {killed} kills, {hit} while a checkpoint was written {wrong or ''}", flush=True)
    print(f"{turn} rounds of about {seconds:.1f} s; {kills} kills, {aimed} of them while a checkpoint was written")
    return faults


def main() -> None:
    """Run, and exit 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", help="folder of a small model; default: the demo's")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loop", action="store_true", help="kill `hardneg loop` instead of `hardneg train`")
    parser.add_argument("--over", action="store_true", help="replace another model with --force")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = rounds(given.kills, Path(folder), given.model or packaged_model(), loop=given.loop, over=given.over, seed=given.seed)
    print(*(faults or ["every one went on to the same bytes, and nothing was left behind"]), sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
